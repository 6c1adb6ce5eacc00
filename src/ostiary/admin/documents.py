"""
`/document_objects`: which specification describes a service; one for each, a second takes its place.

Spec: portal §§1.7, 1.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.access import read_all
from ostiary.admin.bodies import Given, read_given
from ostiary.admin.collections import allow
from ostiary.admin.entities import Entities
from ostiary.admin.paging import build_list
from ostiary.admin.scope import scoped, shown_path
from ostiary.admin.service_contracts import find_service
from ostiary.admin.shapes import Json, show_row
from ostiary.model.applications import DocumentObject
from ostiary.model.kinds import EVERY_KIND, KINDS
from ostiary.ports.config_store import ConfigWrites

_DOCUMENTS: Final = EVERY_KIND["document_objects"]
_LIST: Final = ("GET", "POST")
_ROW: Final = ("GET", "DELETE")
PATHS: Final = (
    "/document_objects", "/document_objects/{document_objects}",
    "/services/{services}/document_objects",
)  # fmt: skip


def show_document(row: DocumentObject) -> Json:
    """A document object as JSON."""
    shown = show_row(row, _DOCUMENTS)
    del shown["tags"]
    return shown


class DocumentEndpoints:
    """Everything about document objects."""

    async def answer(self, request: Request, steps: Sequence[str]) -> Response:
        """
        Answer a request about document objects.

        Raises:
            Refused: It cannot be done.
        """
        # Roles say who may by path, whatever they say of rows.
        entities = replace(scoped(request), rights=None)
        if not entities.writable:
            raise refusals.not_found()
        match [*steps]:
            case ["document_objects"]:
                return await self._list(request, entities, None)
            case ["document_objects", key]:
                return await self._one(request, entities, key)
            case ["services", key, "document_objects"]:
                service = await entities.find(entities.store, KINDS["services"], key)
                if service is None:
                    raise refusals.not_found()
                return await self._list(request, entities, service.id)
        raise refusals.not_found()

    async def _list(
        self, request: Request, entities: Entities, service: str | None
    ) -> Response:
        method = _read_method(request, _LIST)
        if method == "OPTIONS":
            return allow(_LIST)
        if method == "POST":
            return await self._put(request, entities, service)
        rows = [
            row
            for row in await read_all(entities.store, _DOCUMENTS.name)
            if isinstance(row, DocumentObject) and service in {None, row.service}
        ]
        shown = [show_document(row) for row in rows]
        query = dict(request.query_params)
        path = shown_path(request)
        return JSONResponse(build_list(shown, after=None, path=path, query=query))

    async def _put(
        self, request: Request, entities: Entities, service: str | None
    ) -> Response:
        given = await read_given(request)
        said = {"id": service} if service is not None else given.data.get("service")
        async with entities.writing() as write:
            found = await find_service(entities, write, said)
            await self._judge(write, given)
            before = await write.find(_DOCUMENTS.name, {"service": found.id or ""})
            if before is not None:
                await write.delete(_DOCUMENTS.name, before.id or "")
            data = {**given.data, "service": {"id": found.id}}
            row = await entities.add(
                write, _DOCUMENTS, Given(data=data, is_form=given.is_form)
            )
        assert isinstance(row, DocumentObject)
        return JSONResponse(show_document(row), status_code=201)

    async def _judge(self, write: ConfigWrites, given: Given) -> None:
        """
        A document is a specification that the portal has.

        Raises:
            Refused: It is not.
        """
        path = given.data.get("path")
        if not isinstance(path, str):
            return  # told by the model
        is_spec = path.startswith("specs/")
        if not is_spec or await write.find("files", {"path": path}) is None:
            text = f"the portal has no specification {path!r}: see /files"
            raise refusals.schema_violation([(("path",), text)])

    async def _one(self, request: Request, entities: Entities, key: str) -> Response:
        method = _read_method(request, _ROW)
        if method == "OPTIONS":
            return allow(_ROW)
        if method == "DELETE":
            await entities.delete(_DOCUMENTS, key)
            return Response(status_code=204)
        row = await entities.find(entities.store, _DOCUMENTS, key)
        if not isinstance(row, DocumentObject):
            raise refusals.not_found()
        return JSONResponse(show_document(row))


def _read_method(request: Request, known: tuple[str, ...]) -> str:
    method = "GET" if request.method == "HEAD" else request.method
    if method not in {*known, "OPTIONS"}:
        raise refusals.not_allowed(known)
    return method
