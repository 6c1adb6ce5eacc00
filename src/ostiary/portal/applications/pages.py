"""
The pages of a developer's applications: what there is, one of them, and what is done with it.

Every page works without JavaScript. A new key is shown on the page that answers its making, and
nowhere else: that page is never kept.

Spec: portal §§1.3, 3.6, 3.8, 5.2.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from ostiary.model.applications import CONTRACT_NAMES
from ostiary.model.portal import APPROVED, PENDING
from ostiary.portal.applications.acts import Acts, Json, acts_of
from ostiary.portal.applications.api import KEYS
from ostiary.portal.applications.offers import Offer, load_offers
from ostiary.portal.asked import Asked, Content, Page, draw, go, stop
from ostiary.ports.admin_client import AdminReply
from ostiary.web.body import read_form

_FIELDS: Final = ("name", "description", "redirect_uri", "custom_id")
DAYS: Final = 30
_CALM: Final = {APPROVED: "good", PENDING: "note"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service as a page shows it beside an application."""

    offer: Offer
    document_url: str | None
    contract: Json | None

    @property
    def word(self) -> str | None:
        """What became of the request for it."""
        if self.contract is None:
            return None
        if self.contract["suspended"]:
            return "Suspended"
        return CONTRACT_NAMES[self.contract["status"]]

    @property
    def tone(self) -> str:
        """How a badge says it."""
        if self.contract is None or self.contract["suspended"]:
            return "bad"
        return _CALM.get(self.contract["status"], "bad")


class ApplicationPages:
    """The pages below `/applications`."""

    def __init__(self, content: Content) -> None:
        self._content = content

    @property
    def pages(self) -> Mapping[str, Page]:
        """By path."""
        return {
            "applications": self._of_developer(self.overview),
            "applications/create": self._of_developer(self.create),
            "applications/view": self._of_one(self.view),
            "applications/edit": self._of_one(self.edit),
            "applications/delete": self._of_one(self.delete),
            "applications/ask": self._of_one(self.ask),
            "applications/end": self._of_one(self.end),
            "applications/key": self._of_one(self.key),
            "applications/client": self._of_one(self.client),
            "applications/key/rotate": self._of_one(self.rotate),
            "applications/key/delete": self._of_one(self.delete_key),
        }

    def _of_developer(self, work: Callable[[Asked, Acts], Awaitable[Response]]) -> Page:
        """A page for developers in good standing."""

        async def show(asked: Asked) -> Response:
            if (stopped := stop(asked)) is not None:
                return stopped
            return await work(asked, acts_of(asked))

        return show

    def _of_one(self, work: Callable[[Asked, Acts, Json], Awaitable[Response]]) -> Page:
        """A page about the application that the query, or the form, names."""

        async def show(asked: Asked, acts: Acts) -> Response:
            row = await acts.get(asked.request.query_params.get("id", ""))
            if row is None:
                return await self._missing(asked)
            return await work(asked, acts, row)

        return self._of_developer(show)

    async def _missing(self, asked: Asked) -> Response:
        chrome = await self._content.frame(asked)
        return draw(
            "portal-message.html", chrome, status=404,
            title="There is no such application",
            text="It may have been deleted, or it belongs to somebody else.",
            action_url=f"{asked.base}/applications", action_label="Your applications",
        )  # fmt: skip

    # What there is.

    async def overview(self, asked: Asked, acts: Acts) -> Response:
        """Every application, and how its requests stand."""
        rows = []
        for row in await acts.read():
            contracts = await acts.contracts(row["id"])
            good = sum(1 for c in contracts if c["status"] == APPROVED and not c["suspended"])  # fmt: skip
            waits = sum(1 for c in contracts if c["status"] == PENDING)
            rows.append({**row, "good": good, "waits": waits})
        chrome = await self._content.frame(asked)
        return draw(
            "portal-applications.html", chrome, base=asked.base, rows=rows,
            is_deleted="deleted" in asked.request.query_params,
        )  # fmt: skip

    async def create(self, asked: Asked, acts: Acts) -> Response:
        """The form of a new one, and what comes of it."""
        if asked.request.method != "POST":
            return await self._form(asked, None, {}, None)
        form = dict(await read_form(asked.request))
        reply = await acts.call("POST", body=self._read(asked, form))
        if not reply.is_good:
            return await self._form(asked, None, form, reply)
        return go(_at(asked, reply.value["id"]))

    async def edit(self, asked: Asked, acts: Acts, row: Json) -> Response:
        """Say something else of it."""
        if asked.request.method != "POST":
            said = {name: row.get(name) or "" for name in _FIELDS}
            return await self._form(asked, row, said, None)
        form = dict(await read_form(asked.request))
        body = {"description": None, "redirect_uri": None, **self._read(asked, form)}
        reply = await acts.call("PATCH", row["id"], body=body)
        if not reply.is_good:
            return await self._form(asked, row, form, reply)
        return go(_at(asked, row["id"]))

    def _read(self, asked: Asked, form: Mapping[str, str]) -> Json:
        asks = asked.portal.app_auth != KEYS and not asked.portal.makes_clients
        names = _FIELDS if asks else _FIELDS[:3]
        found: Json = {n: v for n in names if (v := form.get(n, "").strip())}
        # Asked for, and told at its field where it is not there.
        found.setdefault("name", "")
        if asks:
            found.setdefault("custom_id", "")
        if "description" in found:
            found["description"] = found["description"].replace("\r\n", "\n")
        return found

    async def _form(
        self,
        asked: Asked,
        row: Json | None,
        form: Mapping[str, Any],
        reply: AdminReply | None,
    ) -> Response:
        chrome = await self._content.frame(asked)
        errors = {} if reply is None else _read_errors(reply)
        problem = None if reply is None or errors else reply.message
        return draw(
            "portal-application-form.html", chrome,
            status=200 if reply is None else 400,
            csrf_token=asked.csrf_token, base=asked.base, row=row, form=form,
            errors=errors, problem=problem,
            asks_for_id=asked.portal.app_auth != KEYS and not asked.portal.makes_clients,
            action=f"{asked.base}/applications/create" if row is None else _at(asked, row["id"], "edit"),
            back_url=f"{asked.base}/applications" if row is None else _at(asked, row["id"]),
        )  # fmt: skip

    # One of them.

    async def view(self, asked: Asked, acts: Acts, row: Json) -> Response:
        """One application: its services, and what it calls them with."""
        return await self._view(asked, acts, row)

    async def _view(
        self, asked: Asked, acts: Acts, row: Json, problem: str | None = None
    ) -> Response:
        services = await self._services(asked, acts, row)
        has_keys = asked.portal.app_auth == KEYS
        chrome = await self._content.frame(asked)
        return draw(
            "portal-application.html", chrome,
            status=200 if problem is None else 400,
            csrf_token=asked.csrf_token, base=asked.base, row=row, services=services,
            keys=await acts.keys(row["id"]) if has_keys else [],
            usage=sum_days(await acts.usage(row["id"]), asked.site.clock.now()), days=DAYS,
            has_keys=has_keys, makes_clients=asked.portal.makes_clients, problem=problem, now=int(asked.site.clock.now()),
        )  # fmt: skip

    async def _services(self, asked: Asked, acts: Acts, row: Json) -> list[Service]:
        held = {c["service"]["id"]: c for c in await acts.contracts(row["id"])}
        routes = await self._content.spec_routes(asked.portal, asked.visitor)
        reads = asked.site.store.within(asked.portal.id)
        return [
            Service(
                offer=offer,
                document_url=routes.get(offer.document or ""),
                contract=held.get(offer.service),
            )
            for offer in await load_offers(reads, routes)
        ]

    async def ask(self, asked: Asked, acts: Acts, row: Json) -> Response:
        """Ask for a service that is offered."""
        if asked.request.method != "POST":
            return go(_at(asked, row["id"]))
        service = dict(await read_form(asked.request)).get("service", "")
        offered = {s.offer.service for s in await self._services(asked, acts, row)}
        if service not in offered:
            return await self._view(asked, acts, row, "There is no such service any more.")  # fmt: skip
        reply = await acts.ask(row["id"], service)
        if not reply.is_good and reply.status != 409:
            return await self._view(asked, acts, row, reply.message)
        return go(f"{_at(asked, row['id'])}#services")

    async def end(self, asked: Asked, acts: Acts, row: Json) -> Response:
        """End a contract, after a question."""
        contract = asked.request.query_params.get("contract", "")
        services = await self._services(asked, acts, row)
        found = next(
            (s for s in services if s.contract and s.contract["id"] == contract), None
        )
        if found is None or found.contract is None:
            return go(_at(asked, row["id"]))
        if asked.request.method != "POST":
            name = found.offer.display_name
            return await self._confirm(
                asked, row, title=f"End access to {name}?",
                text=f"{row['name']} can no longer call {name}. You can ask for it again.",
                action=f"{_at(asked, row['id'], 'end')}&contract={quote(contract)}",
                label="End access",
            )  # fmt: skip
        await acts.call("DELETE", row["id"], "application_instances", contract)
        return go(f"{_at(asked, row['id'])}#services")

    async def delete(self, asked: Asked, acts: Acts, row: Json) -> Response:
        """Delete it, after a question."""
        if asked.request.method != "POST":
            return await self._confirm(
                asked, row, title=f"Delete {row['name']}?",
                text="Its keys stop working at once, and its access to services ends.",
                action=_at(asked, row["id"], "delete"), label="Delete the application",
            )  # fmt: skip
        await acts.call("DELETE", row["id"])
        return go(f"{asked.base}/applications?deleted")

    async def _confirm(
        self, asked: Asked, row: Json, *, title: str, text: str, action: str, label: str
    ) -> Response:
        chrome = await self._content.frame(asked)
        return draw(
            "portal-confirm.html", chrome, title=title, text=text, action=action,
            label=label, csrf_token=asked.csrf_token, back_url=_at(asked, row["id"]),
        )  # fmt: skip

    # Keys.

    async def key(self, asked: Asked, acts: Acts, row: Json) -> Response:
        """Make a key, and show it this once."""
        if asked.request.method != "POST" or asked.portal.app_auth != KEYS:
            return go(_at(asked, row["id"]))
        return await self._show_key(asked, acts, row, await acts.add_key(row["id"]))

    async def rotate(self, asked: Asked, acts: Acts, row: Json) -> Response:
        """A new key; the one before works for a day, so that nothing stops meanwhile."""
        key = asked.request.query_params.get("key", "")
        known = {k["id"] for k in await acts.keys(row["id"])}
        if asked.request.method != "POST" or key not in known:
            return go(_at(asked, row["id"]))
        reply = await acts.add_key(row["id"])
        if reply.is_good:
            await acts.end_key(row["id"], key)
        return await self._show_key(asked, acts, row, reply, is_rotated=True)

    async def _show_key(
        self,
        asked: Asked,
        acts: Acts,
        row: Json,
        reply: AdminReply,
        *,
        is_rotated: bool = False,
    ) -> Response:
        if not reply.is_good:
            return await self._view(asked, acts, row, reply.message)
        ways = [s.offer.way for s in await self._services(asked, acts, row)]
        names = [w.key_name for w in ways if w is not None and w.plugin == "key-auth"]
        chrome = await self._content.frame(asked)
        return draw(
            "portal-application-key.html", chrome, row=row, key=reply.value["key"],
            field=names[0] if names else "apikey", is_rotated=is_rotated,
            back_url=_at(asked, row["id"]),
        )  # fmt: skip

    async def client(self, asked: Asked, acts: Acts, row: Json) -> Response:
        """Make a client in the user pool, and show its secret this once."""
        if asked.request.method != "POST" or not asked.portal.makes_clients:
            return go(_at(asked, row["id"]))
        reply = await acts.make_client(row["id"])
        if not reply.is_good:
            return await self._view(asked, acts, row, reply.message)
        chrome = await self._content.frame(asked)
        return draw(
            "portal-application-client.html", chrome, row=row, client=reply.value,
            is_rotated=row["pool_client"], back_url=_at(asked, row["id"]),
        )  # fmt: skip

    async def delete_key(self, asked: Asked, acts: Acts, row: Json) -> Response:
        """Let a key go, after a question."""
        key = asked.request.query_params.get("key", "")
        found = next((k for k in await acts.keys(row["id"]) if k["id"] == key), None)
        if found is None:
            return go(_at(asked, row["id"]))
        if asked.request.method != "POST":
            return await self._confirm(
                asked, row, title="Delete this key?",
                text=f"Whatever uses the key that begins with {found['key'][:4]} stops working at once.",
                action=f"{_at(asked, row['id'], 'key/delete')}&key={quote(key)}",
                label="Delete the key",
            )  # fmt: skip
        await acts.call("DELETE", row["id"], "credentials", "key-auth", key)
        return go(f"{_at(asked, row['id'])}#keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Requests of one day. `height` is that of its bar, in percent of the tallest."""

    day: str
    ok: int
    refused: int
    failed: int
    height: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.ok + self.refused + self.failed


def sum_days(rows: Sequence[Json], now: float) -> tuple[Day, ...]:
    """The last days, the first one first; nothing where there were no requests at all."""
    today = datetime.fromtimestamp(now, UTC).date()
    names = [f"{today - timedelta(days=n)}" for n in reversed(range(DAYS))]
    found = {name: {"ok": 0, "refused": 0, "failed": 0} for name in names}
    for row in rows:
        counts = found.get(row["day"], {})
        for name in counts:
            counts[name] += row[name]
    most = max(sum(counts.values()) for counts in found.values())
    if not most:
        return ()
    return tuple(
        Day(day=day, **counts, height=-(-100 * sum(counts.values()) // most))
        for day, counts in found.items()
    )


def _at(asked: Asked, app: str, what: str = "view") -> str:
    return f"{asked.base}/applications/{what}?id={quote(app, safe='')}"


def _read_errors(reply: AdminReply) -> dict[str, str]:
    """What is wrong, at the form's fields; a name that is taken is told in words."""
    if reply.status == 409:
        taken = {"name": "You have an application of this name already."}
        other = {"custom_id": "Another application has this client id."}
        return other if "custom_id" in reply.fields else taken
    return {k: str(v) for k, v in reply.fields.items() if k in _FIELDS}
