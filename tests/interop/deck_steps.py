"""
What decK does, request by request: read everything, fill defaults, compare, write the difference.

The stand-in for decK where there is none: it takes the same answers and refuses the same ones.

Spec: gateway §§1.1 (whole numbers), 1.20.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.lean_node import LeanNode

Json = dict[str, Any]
AT_ONCE = 10
AUTOMATIC = ("created_at", "updated_at")
# Decoded as whole numbers: `0.0` is refused.
WHOLE = frozenset(
    {"created_at", "updated_at", "interval", "successes", "timeouts", "http_failures",
     "tcp_failures", "concurrency", "weight", "slots"}
)  # fmt: skip
MAY_BE_MISSING = frozenset(
    {"filter-chains", "ca_certificates", "vaults", "partials", "keys", "key-sets",
     "key-auths", "hmac-auths", "jwts", "basic-auths", "oauth2", "acls", "mtls-auths",
     "consumer_groups"}
)  # fmt: skip
WITH_DEFAULTS = ("services", "routes", "upstreams", "targets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A kind as decK sees it: its list, what identifies its rows, when it is written."""

    path: str
    keys: tuple[str, ...]
    level: int
    parent: str = ""
    below: str = ""


STEPS = (
    Step(path="certificates", keys=("cert",), level=1),
    Step(path="ca_certificates", keys=("cert",), level=1),
    Step(path="consumers", keys=("username", "custom_id"), level=1),
    Step(path="vaults", keys=("prefix",), level=1),
    Step(path="key-sets", keys=("name",), level=1),
    Step(path="consumer_groups", keys=("name",), level=2),
    Step(path="snis", keys=("name",), level=2),
    Step(path="services", keys=("name",), level=2),
    Step(path="upstreams", keys=("name",), level=2),
    Step(path="keys", keys=("name",), level=2),
    Step(path="key-auths", keys=("key",), level=2, parent="consumer", below="key-auth"),
    Step(path="basic-auths", keys=("username",), level=2, parent="consumer", below="basic-auth"),
    Step(path="jwts", keys=("key",), level=2, parent="consumer", below="jwt"),
    Step(path="acls", keys=("consumer", "group"), level=2, parent="consumer", below="acls"),
    Step(path="routes", keys=("name",), level=3),
    Step(path="targets", keys=("upstream", "target"), level=3),
    Step(path="plugins", keys=("name", "service", "route", "consumer", "consumer_group"), level=4),
)  # fmt: skip
NOT_HERE = ("filter-chains", "partials", "hmac-auths", "oauth2", "mtls-auths")


def prune(value: Any) -> Any:
    """Without nulls, as values of Go without them are."""
    if isinstance(value, dict):
        return {n: prune(inner) for n, inner in value.items() if inner is not None}
    return [prune(inner) for inner in value] if isinstance(value, list) else value


def check_whole(value: Any) -> None:
    """Refuse what decK cannot decode."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        is_whole = not isinstance(inner, float) or "target" in value
        assert name not in WHOLE or is_whole, (name, inner)
        check_whole(inner)


def fill(fields: Sequence[Json], given: Mapping[str, Any]) -> Json:
    """What is given, with the defaults of a schema."""
    found = {**given}
    for name, told in (pair for entry in fields for pair in entry.items()):
        value = found.get(name)
        if told["type"] == "record" and (value is not None or told.get("required")):
            found[name] = fill(told["fields"], value or {})
        elif value is None and "default" in told:
            found[name] = told["default"]
    return found


@dataclass(slots=True, kw_only=True)
class DeckSteps:
    """One run of decK after another; `tags` is `--select-tag`, `workspace` is `--workspace`."""

    node: LeanNode
    tags: tuple[str, ...] = ()
    workspace: str = ""
    schemas: dict[str, list[Json]] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str, body: Json | None = None
    ) -> tuple[int, Any]:
        if self.workspace and path != "/workspaces":
            path = f"/{self.workspace}{path}"
        text = None if body is None else json.dumps(body)
        headers = {"content_type": "application/json"}
        got = await self.node.get(
            self.node.ports.admin, path, method=method, body=text, **headers
        )
        return got.status, json.loads(got.body) if got.body else None

    async def enter(self) -> bool:
        """Make the workspace if it is not there; tell whether it was made."""
        status, _ = await self.ask("GET", f"/workspaces/{self.workspace}")
        assert status in {200, 404}
        if status == 404:
            made, _ = await self.ask("POST", "/workspaces", {"name": self.workspace})
            assert made == 201
        return status == 404

    async def ping(self) -> str:
        status, root = await self.ask("GET", "/kong" if self.workspace else "/")
        assert status == 200
        assert re.match(r"\d+\.\d+", root["version"])
        return str(root["version"])

    async def read_list(self, path: str) -> list[Json]:
        rows: list[Json] = []
        offset = ""
        while True:
            query = "?size=1000" + (f"&tags={','.join(self.tags)}" if self.tags else "")
            query += f"&offset={offset}" if offset else ""
            status, page = await self.ask("GET", f"/{path}{query}")
            if status == 404 and path in MAY_BE_MISSING:
                assert page["message"]
                return []
            assert status == 200, (path, status, page)
            rows += page["data"]
            offset = page.get("offset", "")
            if not offset:
                check_whole({"data": rows} | {str(n): r for n, r in enumerate(rows)})
                return rows

    async def dump(self) -> dict[str, list[Json]]:
        """Everything there is, by path; members of groups as `members`."""
        found: dict[str, list[Json]] = {}
        flat = [s.path for s in STEPS if s.path != "targets"]
        lists = await asyncio.gather(*map(self.read_list, (*flat, *NOT_HERE)))
        found |= dict(zip((*flat, *NOT_HERE), lists, strict=True))
        found["targets"] = []
        for upstream in found["upstreams"]:
            found["targets"] += await self.read_list(
                f"upstreams/{upstream['id']}/targets"
            )
        found["members"] = []
        for group in found["consumer_groups"]:
            status, shown = await self.ask("GET", f"/consumer_groups/{group['name']}")
            assert status == 200
            for consumer in shown["consumers"]:
                member = {"group": group["name"], "consumer": consumer["username"]}
                found["members"].append(member)
        return found

    async def _schema(self, path: str) -> list[Json]:
        if path not in self.schemas:
            status, told = await self.ask("GET", f"/schemas/{path}")
            assert status == 200, (path, told)
            self.schemas[path] = told["fields"]
        return self.schemas[path]

    async def _complete(self, path: str, row: Json) -> Json:
        if path == "plugins":
            fields = await self._schema(f"plugins/{row['name']}")
            return prune(fill(fields, {"enabled": True, **row}))  # type: ignore[no-any-return]
        if path in WITH_DEFAULTS:
            return prune(fill(await self._schema(path), row))  # type: ignore[no-any-return]
        return row

    async def diff(
        self, wanted: Mapping[str, Sequence[Json]]
    ) -> tuple[list[tuple[Step, Json]], list[tuple[Step, Json]], list[Json]]:
        """Rows to write and to delete, and memberships to make."""
        now = await self.dump()
        ids: dict[tuple[str, str], str] = {}
        writes: list[tuple[Step, Json]] = []
        deletes: list[tuple[Step, Json]] = []
        for step in STEPS:
            known = {_key(step, row): row for row in now[step.path]}
            for given in wanted.get(step.path, ()):
                row = _refer({**given}, ids)
                if self.tags:
                    row["tags"] = [*self.tags]
                row = await self._complete(step.path, row)
                before = known.pop(_key(step, row), None)
                row["id"] = before["id"] if before else str(uuid.uuid4())
                ids[step.path, str(given[step.keys[0]])] = row["id"]
                if before is None or _seen(step, row) != _seen(step, before):
                    writes.append((step, row))
            deletes += [(step, row) for row in known.values()]
        members = [m for m in wanted.get("members", ()) if m not in now["members"]]
        return writes, deletes, members

    async def sync(self, wanted: Mapping[str, Sequence[Json]]) -> int:
        """Make it so; how much was done."""
        writes, deletes, members = await self.diff(wanted)
        for level in (4, 3, 2, 1):
            await self._together(
                self._delete(*d) for d in deletes if d[0].level == level
            )
        for level in (1, 2, 3, 4):
            await self._together(self._write(*w) for w in writes if w[0].level == level)
        for member in members:
            path = f"/consumer_groups/{member['group']}/consumers"
            status, body = await self.ask(
                "POST", path, {"consumer": member["consumer"]}
            )
            assert status == 201, body
        return len(writes) + len(deletes) + len(members)

    async def _together(self, jobs: Iterable[Any]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def run(job: Any) -> None:
            async with gate:
                await job

        await asyncio.gather(*map(run, jobs))

    async def _write(self, step: Step, row: Json) -> None:
        base = _base(step, row)
        status, body = await self.ask("PUT", f"{base}/{row['id']}", row)
        if step.path == "targets" and status == 404:
            status, body = await self.ask("POST", base, row)
        assert 200 <= status < 400, (step.path, body)
        assert body["id"] == row["id"]

    async def _delete(self, step: Step, row: Json) -> None:
        status, body = await self.ask("DELETE", f"{_base(step, row)}/{row['id']}")
        assert status == 204, (step.path, body)


def _base(step: Step, row: Json) -> str:
    if step.path == "targets":
        return f"/upstreams/{row['upstream']['id']}/targets"
    if step.parent:
        return f"/consumers/{row[step.parent]['id']}/{step.below}"
    return f"/{step.path}"


def _key(step: Step, row: Json) -> str:
    return json.dumps([row.get(name) for name in step.keys])


def _seen(step: Step, row: Json) -> Json:
    """What is compared of a row: no times, no hashes of passwords, names apart."""
    left = {*AUTOMATIC, *(("password",) if step.path == "basic-auths" else ())}
    left |= {"snis"} if step.path == "certificates" else set()
    left |= {"cert_digest"}
    return prune({n: v for n, v in row.items() if n not in left})  # type: ignore[no-any-return]


def _refer(row: Json, ids: Mapping[tuple[str, str], str]) -> Json:
    """Ids in place of (path, key) pairs."""
    return {
        name: {"id": ids[value]} if isinstance(value, tuple) else value
        for name, value in row.items()
    }
