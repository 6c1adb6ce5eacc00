"""
Consumer groups: who is in them, by either side.

Spec: gateway §1.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.bodies import Given, read_given
from ostiary.admin.collections import allow
from ostiary.admin.entities import Entities
from ostiary.admin.shapes import Json
from ostiary.model.gateway import Membership
from ostiary.model.kinds import KINDS, Kind
from ostiary.model.row import Row
from ostiary.ports.config_store import ConfigReads, Wanted

_GROUPS, _CONSUMERS = KINDS["consumer_groups"], KINDS["consumers"]
_MEMBERS = KINDS["consumer_group_consumers"]
_MANY = 1000
_VERBS = ("GET", "POST", "DELETE")
_VERBS_OF_ONE = ("GET", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Members seen from a group, or groups seen from a member."""

    mine: Kind
    my_field: str
    others: Kind
    other_field: str
    asked: str
    listed: str


OF_GROUP = Side(
    mine=_GROUPS, my_field="consumer_group", others=_CONSUMERS, other_field="consumer",
    asked="consumer", listed="consumers",
)  # fmt: skip
OF_CONSUMER = Side(
    mine=_CONSUMERS, my_field="consumer", others=_GROUPS, other_field="consumer_group",
    asked="group", listed="consumer_groups",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEndpoints:
    """`/consumer_groups/{g}/consumers` and `/consumers/{c}/consumer_groups`."""

    entities: Entities

    async def answer(
        self, request: Request, side: Side, key: str, other_key: str | None
    ) -> Response:
        """
        Answer a request about memberships.

        Raises:
            Refused: It cannot be done.
        """
        verbs = _VERBS if other_key is None else _VERBS_OF_ONE
        method = "GET" if request.method == "HEAD" else request.method
        if method == "OPTIONS":
            return allow(verbs)
        if method not in verbs:
            raise refusals.not_allowed(verbs)
        if method != "GET" and not self.entities.writable:
            word = "create" if method == "POST" else "remove"
            raise refusals.unsupported(word, _MEMBERS.name)
        mine = await self._find(side.mine, key)
        if method == "POST":
            return await self._join(request, side, mine)
        if method == "DELETE":
            return await self._leave(side, mine, other_key)
        others = await self.others(self.entities.store, side, mine)
        if other_key is None:
            rows = [await self.entities.show(side.others, row) for row in others]
            # Kong called it `consumers` before 3.5 and `data` since.
            return JSONResponse({side.listed: rows, "data": rows, "next": None})
        other = await self._find(side.others, other_key)
        if other not in others:
            raise refusals.not_found()
        return JSONResponse(await self._show_pair(side, mine, [other]))

    async def show_group(self, row: Row, *, members: bool) -> Json:
        """A group as `GET /consumer_groups/{g}` shows it."""
        shown: Json = {"consumer_group": await self.entities.show(_GROUPS, row)}
        if members:
            found = await self.others(self.entities.store, OF_GROUP, row)
            shown["consumers"] = [
                await self.entities.show(_CONSUMERS, one) for one in found
            ]
        wanted = Wanted(kind="plugins", where={"consumer_group": row.id or ""})
        page = await self.entities.store.page(wanted, size=_MANY)
        shown["plugins"] = [
            await self.entities.show(KINDS["plugins"], plugin)
            for plugin in self.entities.visible(page.rows)
        ]
        return shown

    async def others(self, reads: ConfigReads, side: Side, mine: Row) -> list[Row]:
        """Everybody on the other side."""
        found: list[Row] = []
        after = ""
        while True:
            wanted = Wanted(kind=_MEMBERS.name, where={side.my_field: mine.id or ""})
            page = await reads.page(wanted, after=after, size=_MANY)
            for member in page.rows:
                identity = getattr(member, side.other_field)
                row = await reads.get(side.others.name, identity)
                if row is not None:
                    found.append(row)
            if page.after is None:
                return self.entities.visible(found)
            after = page.after

    async def _find(self, kind: Kind, key: str) -> Row:
        row = await self.entities.find(self.entities.store, kind, key)
        if row is None:
            raise refusals.not_found()
        return row

    async def _join(self, request: Request, side: Side, mine: Row) -> Response:
        asked = (await read_given(request)).data.get(side.asked)
        given = asked if isinstance(asked, list) else [asked]
        names = [name for name in given if isinstance(name, str)]
        if not names or len(names) < len(given):
            raise refusals.schema_violation([((side.asked,), "required field missing")])
        others = [await self._find(side.others, name) for name in names]
        for row in (mine, *others):
            self.entities.check("update", row)
        async with self.entities.writing() as write:
            for other in others:
                data = {
                    side.my_field: {"id": mine.id},
                    side.other_field: {"id": other.id},
                }
                row = await self.entities.build(write, _MEMBERS, Given(data=data))
                await write.add(row)
        return JSONResponse(await self._show_pair(side, mine, others), status_code=201)

    async def _show_pair(self, side: Side, mine: Row, others: list[Row]) -> Json:
        if side is OF_GROUP:
            group, consumers = mine, others
            return {
                "consumer_group": await self.entities.show(_GROUPS, group),
                "consumers": [
                    await self.entities.show(_CONSUMERS, row) for row in consumers
                ],
            }
        return {
            "consumer": await self.entities.show(_CONSUMERS, mine),
            "consumer_groups": [
                await self.entities.show(_GROUPS, row) for row in others
            ],
        }

    async def _leave(self, side: Side, mine: Row, other_key: str | None) -> Response:
        self.entities.check("update", mine)
        others = (
            None
            if other_key is None
            else {(await self._find(side.others, other_key)).id}
        )
        async with self.entities.writing() as write:
            wanted = Wanted(kind=_MEMBERS.name, where={side.my_field: mine.id or ""})
            after = ""
            gone: list[str] = []
            while True:
                page = await write.page(wanted, after=after, size=_MANY)
                for row in page.rows:
                    assert isinstance(row, Membership)
                    if others is None or getattr(row, side.other_field) in others:
                        gone.append(row.id or "")
                if page.after is None:
                    break
                after = page.after
            if others is not None and not gone:
                raise refusals.not_found()
            for identity in gone:
                await write.delete(_MEMBERS.name, identity)
        return Response(status_code=204)
