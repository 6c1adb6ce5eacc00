"""
The Admin API's providers: what workers have fetched of them, and forgetting it.

Kong keeps sessions' secrets with its issuers, so that deleting one signs people out; here nobody is
signed out.

Spec: oidc-plugin §12.7.
"""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.ports.shared import SharedUnavailable


class Providers(Protocol):
    """What the node knows of providers. Both raise SharedUnavailable."""

    async def rows(self, key: str | None = None) -> list[dict[str, Any]]:
        """All, or those with this id or issuer."""
        ...

    async def forget(self, key: str | None = None) -> bool:
        """Fetch them again when they are needed; False if there were none."""
        ...


def _not_found() -> Response:
    return JSONResponse({"message": "Not found"}, status_code=404)


def _away() -> Response:
    message = "the node's shared state is away, try again"
    return JSONResponse({"message": message}, status_code=503)


def _read_key(request: Request) -> str:
    """An id or an issuer, whose slashes may have been escaped."""
    return unquote(request.path_params["key"])


class IssuerEndpoints:
    """`/openid-connect/issuers` and what is below it."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def list_issuers(self, _: Request) -> Response:
        """Every provider that some worker has fetched."""
        try:
            rows = await self._providers.rows()
        except SharedUnavailable:
            return _away()
        return JSONResponse({"data": rows, "next": None})

    async def one_issuer(self, request: Request) -> Response:
        """The provider of an id or an issuer."""
        try:
            rows = await self._providers.rows(_read_key(request))
        except SharedUnavailable:
            return _away()
        return JSONResponse(rows[0]) if rows else _not_found()

    async def forget_issuers(self, _: Request) -> Response:
        """All of them are fetched again."""
        try:
            await self._providers.forget()
        except SharedUnavailable:
            return _away()
        return Response(status_code=204)

    async def forget_issuer(self, request: Request) -> Response:
        """The providers of an id or an issuer are fetched again."""
        try:
            there = await self._providers.forget(_read_key(request))
        except SharedUnavailable:
            return _away()
        return Response(status_code=204) if there else _not_found()
