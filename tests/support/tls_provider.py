"""
Providers behind a real socket, over TLS: as many as a test names, each with faults on demand.

What they answer is the friendly provider's; what goes wrong is the wire, the clock and the size.
"""

from __future__ import annotations

import asyncio
import html
import json
import socket
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.node.serving import serve_site
from ostiary.ports.fetch import FetchLimits
from tests.support.ports import FakeClock
from tests.support.provider import ISSUER, FakeProvider

HOST = "idp.auth.localhost"
PIECE = b" " * 65536


class _Clock(FakeClock):
    """The real time, and what it is ahead by."""

    def __init__(self) -> None:
        super().__init__(0)

    def now(self) -> float:
        return time.time() + self.time


class WireProvider(FakeProvider):
    """
    One provider of a site.

    `held` and `length` go by the end of the path: what the answer waits for, and bytes that it
    is filled up to with spaces, which JSON does not mind. `squeezed` answers travel
    compressed. `asks` makes the authorization page wait for a click.
    """

    def __init__(self, issuer: str) -> None:
        self.wire_clock = _Clock()
        super().__init__(self.wire_clock)
        self.issuer = issuer
        self.held: dict[str, asyncio.Event] = {}
        self.length: dict[str, int] = {}
        self.squeezed = False
        self.asks = False
        self.arrivals: list[str] = []

    def metadata(self) -> dict[str, Any]:
        base: dict[str, Any] = super().metadata()
        return {
            k: v.replace(ISSUER, self.issuer) if isinstance(v, str) else v
            for k, v in base.items()
        }

    def _claims(self) -> dict[str, Any]:
        return {**super()._claims(), "iss": self.issuer}

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        name = path.rpartition("/")[2]
        self.arrivals.append(name)
        if name in self.held:
            await self.held[name].wait()
        if name == "authorize":
            return self._page(str(request.url), dict(request.query_params))
        if name == "end":
            return HTMLResponse("<!doctype html><title>Bye</title><h1>Signed out</h1>")
        reply = await self.send(
            OutgoingRequest(
                method=request.method,
                url=f"{self.issuer}/{name}",
                fields=tuple(
                    (k.title(), v)
                    for k, v in request.headers.items()
                    if k in {"authorization", "accept"}
                ),
                body=await request.body(),
            ),
            FetchLimits(),
        )
        return self._wire(name, reply)

    def _wire(self, name: str, reply: IncomingReply) -> Response:
        kind = {"Content-Type": "application/json"}
        length = self.length.get(name)
        if length is None:
            return Response(reply.body, reply.status, kind)
        pieces = _filled(reply.body, length)
        if self.squeezed:
            kind["Content-Encoding"] = "gzip"
            pieces = _squeeze(pieces)
        return StreamingResponse(self._stream(pieces), reply.status, kind)

    async def _stream(self, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece
            await asyncio.sleep(0)

    def _page(self, url: str, asked: dict[str, str]) -> Response:
        back = asked["redirect_uri"]
        query = self.authorize(url)
        if asked.get("response_mode") == "form_post":
            inputs = "".join(
                f'<input type="hidden" name="{k}" value="{html.escape(v)}">'
                for k, v in parse_qsl(query)
            )
            return HTMLResponse(
                "<!doctype html><title>Posting</title>"
                f'<form method="post" action="{html.escape(back)}">{inputs}</form>'
                "<script>document.forms[0].submit()</script>"
            )
        target = f"{back}?{query}"
        if self.asks:
            link = f'<a href="{html.escape(target)}">Continue</a>'
            return HTMLResponse(f"<!doctype html><title>Provider</title>{link}")
        return RedirectResponse(target, 302)


def _filled(body: bytes, length: int) -> Iterator[bytes]:
    yield body
    left = length - len(body)
    while left > 0:
        yield PIECE[:left]
        left -= len(PIECE)


def _squeeze(pieces: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=31)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


class ProviderSite:
    """One address with any number of providers, told apart by the first part of the path."""

    def __init__(self, *, cert: Path, key: Path) -> None:
        self._cert, self._key = cert, key
        self._known: dict[str, WireProvider] = {}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.origin = f"https://{HOST}:{self.port}"

    def provider(self, name: str) -> WireProvider:
        """The provider of this name, made when it is first asked for."""
        if name not in self._known:
            self._known[name] = WireProvider(f"{self.origin}/{name}")
        return self._known[name]

    async def _dispatch(self, request: Request) -> Response:
        name = urlsplit(request.url.path).path.split("/")[1]
        if name not in self._known:
            return Response(json.dumps({"error": "not_found"}), 404)
        return await self._known[name].answer(request)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Answer while the context is open; before and after, connections are refused."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", self.port))
        app = Starlette(
            routes=[Route("/{path:path}", self._dispatch, methods=["GET", "POST"])]
        )
        async with serve_site(app, [("tls", sock)], cert=self._cert, key=self._key):
            yield
