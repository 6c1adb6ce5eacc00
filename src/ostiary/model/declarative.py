"""
The declarative file: nested or flat, read into rows with the ids Kong would give them.

Spec: Kong's declarative format 3.0; ids are UUIDv5 of entity and key, so that a reload keeps
them (and with them everybody's session).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from ostiary.model.gateway import Config, Consumer, Plugin, Route, Row, Service
from ostiary.model.words import Problem, describe_problems, nest_problems, read_problems

ROOT = uuid.UUID("fd02801f-0957-4a15-a55a-c8d9606f30b5")
_META = frozenset(
    {
        "_format_version",
        "_transform",
        "_comment",
        "_ignore",
        "_info",
        "_workspace",
        "_konnect",
    }
)
_LATER = frozenset(
    {
        "consumer_groups", "upstreams", "targets", "certificates", "ca_certificates",
        "snis", "vaults", "keys", "key_sets", "licenses", "filter_chains", "partials",
        "keyauth_credentials", "basicauth_credentials", "jwt_secrets", "acls",
        "hmacauth_credentials", "oauth2_credentials", "mtls_auth_credentials", "rbac_roles",
        "service_packages", "custom_entities",
    }
)  # fmt: skip


KINDS: Mapping[str, type[Row]] = {
    "services": Service,
    "routes": Route,
    "consumers": Consumer,
    "plugins": Plugin,
}
_UNIQUE: Mapping[str, tuple[str, ...]] = {
    "services": ("name",),
    "routes": ("name",),
    "consumers": ("username", "custom_id"),
    "plugins": ("instance_name",),
}
_KEY_WORDS = {"id": "primary key"}
# What Kong nests into a consumer: credentials of plugins that are not here yet.
_OF_CONSUMERS = (
    "keyauth_credentials", "basicauth_credentials", "jwt_secrets", "acls", "plugins",
    "hmacauth_credentials", "oauth2_credentials", "mtls_auth_credentials", "groups",
)  # fmt: skip


class DeclarativeInvalid(Exception):
    """The file is not a configuration; `problems` says where and why, all at once."""

    code = "declarative_invalid"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(describe_problems(problems))
        self.problems = problems

    @property
    def fields(self) -> dict[str, object]:
        """The problems nested as the file is."""
        return nest_problems(self.problems)


def build_id(entity: str, key: str) -> str:
    """The id of a row without one (Kong's DB-less import)."""
    return str(uuid.uuid5(uuid.uuid5(ROOT, entity), key))


class _Reader:
    """Collects rows and problems while it walks one file."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.rows: dict[str, list[Row]] = {kind: [] for kind in KINDS}
        self.places: dict[str, tuple[str | int, ...]] = {}
        self.ids: dict[tuple[str, str], str] = {}
        self.waiting: list[
            tuple[dict[str, Any], tuple[str | int, ...], dict[str, str | None]]
        ] = []

    def problem(self, place: tuple[str | int, ...], message: str) -> None:
        self.problems.append((place, message))

    def children(
        self, data: Mapping[str, Any], name: str, place: tuple[str | int, ...]
    ) -> list[tuple[dict[str, Any], tuple[str | int, ...]]]:
        found = data.get(name)
        if found is None:
            return []
        if not isinstance(found, list):
            self.problem((*place, name), "expected an array")
            return []
        rows = []
        for index, row in enumerate(found):
            here = (*place, name, index)
            if isinstance(row, dict):
                rows.append(
                    (
                        {
                            k: v
                            for k, v in row.items()
                            if k not in {"_comment", "_ignore"}
                        },
                        here,
                    )
                )
            else:
                self.problem(here, "expected a record")
        return rows

    def row(
        self,
        kind: str,
        model: type[Row],
        data: dict[str, Any],
        key: str,
        place: tuple[str | int, ...],
    ) -> str | None:
        """Check one row; remember it, and return its id."""
        identity = data.get("id") or build_id(kind, key)
        try:
            row = model.model_validate({**data, "id": identity}, strict=False)
        except ValidationError as error:
            self.problems += [
                ((*place, *path), text) for path, text in read_problems(error)
            ]
            return identity if isinstance(identity, str) else None
        for unique in ("id", *_UNIQUE[kind]):
            value = getattr(row, unique, None)
            if value is None:
                continue
            if (first := self.places.get(f"{kind}:{unique}:{value}")) is not None:
                self.problem(
                    place,
                    f"uniqueness violation: '{kind}' entity with {_KEY_WORDS.get(unique, unique)} set to '{value}' "
                    f"already declared at {first[0]}[{first[1]}]",
                )
            self.places[f"{kind}:{unique}:{value}"] = place
        self.rows[kind].append(row)
        return row.id

    def parent(
        self,
        data: dict[str, Any],
        name: str,
        given: str | None,
        place: tuple[str | int, ...],
    ) -> None:
        """Set a foreign key: from nesting, or from a text or `{id|name: …}`."""
        if given is not None:
            if data.get(name) is not None:
                self.problem((*place, name), "value must be null")
            data[name] = given
            return
        value = data.get(name)
        if isinstance(value, dict):
            value = value.get("id") or value.get("name")
        if value is None:
            data.pop(name, None)
        elif isinstance(value, str):
            kind = f"{name}s"
            found = self.ids.get((kind, value))
            if found is None:
                self.problem(
                    (*place, name),
                    f"invalid reference '{name}: {value}' (no such entry in '{kind}')",
                )
                data.pop(name)
            else:
                data[name] = found
        else:
            self.problem((*place, name), "expected a string")
            data.pop(name)

    def know(self, kind: str, name: object, identity: str | None) -> None:
        """Let others refer to this row, by id or by name."""
        if identity is not None:
            self.ids.setdefault((kind, identity), identity)
            if isinstance(name, str):
                self.ids.setdefault((kind, name), identity)

    def plugins(
        self,
        data: Mapping[str, Any],
        place: tuple[str | int, ...],
        *,
        route: str | None = None,
        service: str | None = None,
    ) -> None:
        for row, here in self.children(data, "plugins", place):
            self.waiting.append((row, here, {"route": route, "service": service}))

    def place_plugins(self) -> None:
        """Check the plugins: last, because their ids are made of the ids of what they name."""
        for row, here, parents in self.waiting:
            for name, given in parents.items():
                self.parent(row, name, given, here)
            parts = (
                row.get("name"),
                row.get("route"),
                row.get("service"),
                row.get("consumer"),
            )
            key = row.get("instance_name") or "plugins:" + ":".join(
                str(p) if p else "" for p in parts
            )
            self.row("plugins", Plugin, row, str(key), here)

    def routes(
        self,
        data: Mapping[str, Any],
        place: tuple[str | int, ...],
        *,
        service: str | None = None,
    ) -> None:
        for row, here in self.children(data, "routes", place):
            self.parent(row, "service", service, here)
            nested = {"plugins": row.pop("plugins", None)}
            key = row.get("name") or f"{service}:{here}"
            identity = self.row("routes", Route, row, str(key), here)
            self.know("routes", row.get("name"), identity)
            self.plugins(nested, here, route=identity)

    def services(self, data: Mapping[str, Any]) -> None:
        for row, here in self.children(data, "services", ()):
            nested = {name: row.pop(name, None) for name in ("routes", "plugins")}
            key = row.get("name") or f"{here}"
            identity = self.row("services", Service, row, str(key), here)
            self.know("services", row.get("name"), identity)
            self.routes(nested, here, service=identity)
            self.plugins(nested, here, service=identity)

    def consumers(self, data: Mapping[str, Any]) -> None:
        for row, here in self.children(data, "consumers", ()):
            for name in _OF_CONSUMERS:
                if row.pop(name, None):
                    self.problem((*here, name), "not supported yet")
            key = row.get("username") or row.get("custom_id") or f"{here}"
            identity = self.row("consumers", Consumer, row, str(key), here)
            self.know("consumers", row.get("username"), identity)


def _check_top(data: Mapping[str, Any], reader: _Reader) -> None:
    version = data.get("_format_version")
    if version is None:
        reader.problem(("_format_version",), "required field missing")
    elif not isinstance(version, str) or version not in {"1.1", "2.1", "3.0"}:
        reader.problem(
            ("_format_version",),
            "expected one of: 1.1, 2.1, 3.0"
            + ("" if isinstance(version, str) else " (as a quoted text)"),
        )
    for name, value in data.items():
        if name in _META or name in KINDS:
            continue
        if name in _LATER and value:
            reader.problem((name,), "not supported yet")
        elif name not in _LATER:
            reader.problem((name,), "unknown field")


def read_declarative(data: object) -> Config:
    """
    The configuration in a parsed declarative file.

    Raises:
        DeclarativeInvalid: Every problem, with its place in the file.
    """
    if not isinstance(data, Mapping):
        raise DeclarativeInvalid((((), "expected a declarative configuration"),))
    reader = _Reader()
    _check_top(data, reader)
    reader.services(data)
    reader.routes(data, ())
    reader.consumers(data)
    reader.plugins(data, ())
    reader.place_plugins()
    if reader.problems:
        raise DeclarativeInvalid(tuple(reader.problems))
    return _build_config(row for rows in reader.rows.values() for row in rows)


def _build_config(rows: Iterable[Row]) -> Config:
    found = [*rows]
    return Config.model_construct(
        services=tuple(r for r in found if isinstance(r, Service)),
        routes=tuple(r for r in found if isinstance(r, Route)),
        consumers=tuple(r for r in found if isinstance(r, Consumer)),
        plugins=tuple(r for r in found if isinstance(r, Plugin)),
    )


def dump_rows(config: Config) -> tuple[bytes, ...]:
    """
    The configuration as lines, one row each: its kind, a blank, and JSON without line ends.

    Equal rows make equal lines, so that whoever gets the next configuration sees by comparing
    bytes which rows are new.
    """
    return tuple(
        kind.encode() + b" " + row.model_dump_json().encode()
        for kind, rows in (
            ("services", config.services),
            ("routes", config.routes),
            ("consumers", config.consumers),
            ("plugins", config.plugins),
        )
        for row in rows
    )


def load_row(line: bytes) -> Row:
    """
    Read back one line of `dump_rows`.

    Raises:
        ValueError: It is none.
    """
    kind, _, text = line.partition(b" ")
    model = KINDS.get(kind.decode("latin-1"))
    if model is None:
        raise ValueError("a line of the configuration has an unknown kind")
    return model.model_validate_json(text, strict=False)


def load_rows(lines: Iterable[bytes]) -> Config:
    """
    Read back what `dump_rows` wrote.

    Raises:
        ValueError: A line is none of its.
    """
    return _build_config(load_row(line) for line in lines if line)


def dump_config(config: Config) -> dict[str, Any]:
    """The configuration as JSON values, flat."""
    return config.model_dump(mode="json")
