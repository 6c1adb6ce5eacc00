"""
`/files`: what a workspace's portal is made of, each file by its path.

Rows of this kind are made and changed as all others are; what is theirs alone is here: a path as
the key, with its slashes, and lists of some fields.

Spec: portal §1.7 (files), §3.1 (what `kong-portal-cli` sends); interop hook 8.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.bodies import Given, read_given
from ostiary.admin.collections import allow
from ostiary.admin.entities import Entities
from ostiary.admin.paging import build_list, read_asked
from ostiary.admin.scope import scoped, shown_path
from ostiary.admin.shapes import Json
from ostiary.model.files import MAX_FILE_BYTES, File, check_contents, check_path
from ostiary.model.kinds import PORTAL_KINDS
from ostiary.ports.config_store import Wanted

_FILES: Final = PORTAL_KINDS["files"]
_LIST: Final = ("GET", "POST")
_ROW: Final = ("GET", "PUT", "PATCH", "DELETE")
PATHS: Final = ("/files", "/files/{files}")
# What follows from the rest; tools send back what they were shown.
_OURS: Final = frozenset({"checksum", "updated_at"})
_FIELDS: Final = frozenset(File.model_fields) - {"ws_id"}


class FileEndpoints:
    """Everything below `/files`."""

    async def answer(self, request: Request, steps: Sequence[str]) -> Response:
        """
        Answer a request about files; `steps` are the path of one, or nothing.

        Raises:
            Refused: It cannot be done.
        """
        # Roles say who may by path, whatever they say of rows.
        entities = replace(scoped(request), rights=None)
        if not entities.writable:
            raise refusals.say(404, "Not found")
        verbs = _ROW if steps else _LIST
        method = "GET" if request.method == "HEAD" else request.method
        if method == "OPTIONS":
            return allow(verbs)
        if method not in verbs:
            raise refusals.not_allowed(verbs)
        if steps:
            return await self._answer_one(request, entities, "/".join(steps), method)
        if method == "POST":
            given = await _read(request)
            await _judge(given, str(given.data.get("path", "")), "")
            row = await entities.create(_FILES, given)
            return JSONResponse(await entities.show(_FILES, row), status_code=201)
        return await self._list(request, entities)

    async def _list(self, request: Request, entities: Entities) -> Response:
        query = dict(request.query_params)
        asked = read_asked(query)
        fields = _read_fields(query.get("fields"))
        wanted = Wanted(kind=_FILES.name, tags=asked.tags, any_tag=asked.any_tag)
        after = asked.after[0] if asked.after else ""
        page = await entities.store.page(wanted, after=after, size=asked.size)
        shown = [
            _pick(await entities.show(_FILES, row), fields)
            for row in entities.visible(page.rows)
        ]
        ends = None if page.after is None else (page.after,)
        found = build_list(shown, after=ends, path=shown_path(request), query=query)
        if fields and found["next"] is not None:
            listed = quote(",".join(fields), safe=",")
            found["next"] = f"{found['next']}&fields={listed}"
        return JSONResponse(found)

    async def _answer_one(
        self, request: Request, entities: Entities, path: str, method: str
    ) -> Response:
        if method == "DELETE":
            await entities.delete(_FILES, path)
            return Response(status_code=204)
        before = await entities.find(entities.store, _FILES, path)
        if method == "GET":
            if before is None:
                raise refusals.not_found()
            return JSONResponse(await entities.show(_FILES, before))
        given = await _read(request)
        known = before if isinstance(before, File) else None
        called = path if known is None else known.path
        if method == "PUT":
            await _judge(given, called, "")
            row = await entities.put(_FILES, path, given)
        else:
            await _judge(given, called, "" if known is None else known.contents)
            row = await entities.update(_FILES, path, given)
        return JSONResponse(await entities.show(_FILES, row))


async def _read(request: Request) -> Given:
    given = await read_given(request)
    data = {name: value for name, value in given.data.items() if name not in _OURS}
    return Given(data=data, is_form=given.is_form)


async def _judge(given: Given, path: str, contents: str) -> None:
    """
    Let go on a file that reads; `path` and `contents` are those that are not given anew.

    Raises:
        Refused: It does not; the text says in which line, and what to do.
    """
    path = given.data.get("path", path)
    contents = given.data.get("contents", contents)
    if not isinstance(path, str) or not isinstance(contents, str):
        return  # told by the model, as is a path that can be none
    if len(contents) > MAX_FILE_BYTES:
        return
    try:
        check_path(path)
    except ValueError:
        return
    try:
        # A specification of megabytes takes its time.
        await asyncio.to_thread(check_contents, path, contents)
    except ValueError as error:
        problem = (("contents",), f"{path}: {error}")
        raise refusals.schema_violation([problem]) from error


def _read_fields(text: str | None) -> tuple[str, ...]:
    """The fields that a list is asked for; nothing is all of them."""
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    unknown = [name for name in names if name not in _FIELDS]
    if unknown:
        known = ", ".join(sorted(_FIELDS))
        raise refusals.invalid_option("fields", f"unknown field; known are {known}")
    return names


def _pick(shown: Json, fields: Sequence[str]) -> Json:
    return {name: shown[name] for name in fields} if fields else shown
