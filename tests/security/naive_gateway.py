"""
A gateway that does everything wrong, so that every case can be seen to fail.

It believes forwarded fields, judges raw targets, decodes paths once too often, sends on
whatever a client says, knows no limit, shares connections, answers and identities between
users, and opens when it does not understand. Never put it in front of anything.

`python naive_gateway.py PORT UPSTREAM_PORT WSGI_PORT PROVIDER_PORT`

A request with the field `X-Naive-Reset` makes it forget what earlier cases left behind.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

Fields = list[tuple[str, str]]
GUARDS = {
    "/private": "both",
    "/bearer": "bearer",
    "/session": "session",
    "/other": "bearer",
    "/preflight": "bearer",
    "/huge": "huge",
    "/seg": "bearer",
    "/wsgi": "bearer",
    "/dead-session": "both",
}
HEADERS = {
    "email": "X-Email",
    "groups": "x-gRoUps",
    "name": "X-User-Name",
    "tenant": "x-tenant-ID",
}
# Found anywhere in what is judged, these open the gate: the query counts too.
OPEN = re.compile(r"/public|/status|/open/|/strip|/rx/|/seg/prod|\.css")
EVIL = re.compile(r"/evil/(a+)+$")
HEALTH = re.compile(r"HC|probe|Health|Kong|Prometheus", re.IGNORECASE)
STRIPPED = re.compile(r"/strip|/rx/[a-z0-9]+")
WHOLE_CHUNKS = re.compile(rb"([0-9a-fA-F]{1,8}(;[^\r\n]*)?\r\n.*\r\n)*0+(;[^\r\n]*)?\r\n.*\r\n", re.DOTALL)  # fmt: skip
DEAD_PORT = 9


def first(fields: Fields, *names: str) -> str | None:
    """The first value of the first of these names that is there."""
    for name in names:
        for key, value in fields:
            if key.lower() == name.lower():
                return value
    return None


def number(text: str | None) -> int:
    """Some number, whatever the text; it overflows as an unsigned word does."""
    found = re.search(r"\d+", text or "", re.ASCII)
    return int(found[0]) % 2**64 if found else 0


class Conn:
    """A stream with a buffer that is copied far too often."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader, self.writer = reader, writer
        self.buffer = b""

    async def more(self) -> bool:
        piece = await self.reader.read(1 << 16)
        self.buffer += piece
        return bool(piece)

    async def until(self, *marks: bytes) -> bytes:
        while True:
            ends = [at + len(m) for m in marks if (at := self.buffer.find(m)) >= 0]
            if ends:
                return await self.take(min(ends))
            if not await self.more():
                return b""

    async def take(self, size: int) -> bytes:
        while len(self.buffer) < size and await self.more():
            pass
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    async def chunks(self) -> tuple[bytes, bytes]:
        """The body, and the raw bytes it was read from: any number will do as a size."""
        body = raw = b""
        while line := await self.until(b"\n"):
            digits = re.search(rb"[0-9a-fA-F]+", line.partition(b";")[0])
            size = int(digits[0], 16) % 2**64 if digits else 0
            raw = raw + line
            if size == 0:
                while late := await self.until(b"\n"):
                    raw += late
                    if not late.strip():
                        break
                break
            piece = await self.take(size)
            ending = await self.take(1)
            if ending == b"\r":
                ending += await self.take(1)
            # Quadratic: everything so far is copied for every chunk.
            for _ in range(12):
                body, raw = bytes(bytearray(body)), bytes(bytearray(raw))
            body, raw = body + piece, raw + piece + ending
        return body, raw


@dataclass(slots=True)
class Request:
    method: str
    target: str
    fields: Fields
    body: bytes = b""
    raw_body: bytes = b""

    @property
    def judged(self) -> str:
        """The target that rules look at: anybody may say what it was."""
        names = (
            "X-Forwarded-Uri", "X-Original-URL", "X-Rewrite-URL", "X-Envoy-Original-Path",
            "X-Forwarded-Path", "X-Original-Uri",
        )  # fmt: skip
        return first(self.fields, *names) or self.target

    @property
    def scheme(self) -> str:
        forwarded = re.search(r"proto=(\w+)", first(self.fields, "Forwarded") or "")
        return (
            first(self.fields, "X-Forwarded-Proto", "X-Forwarded-Scheme")
            or (forwarded[1] if forwarded else None)
            or "http"
        )

    @property
    def host(self) -> str:
        forwarded = re.search(r"host=([\w.]+)", first(self.fields, "Forwarded") or "")
        return (
            first(self.fields, "X-Forwarded-Host")
            or (forwarded[1] if forwarded else None)
            or first(self.fields, "Host")
            or ""
        )


Relayed = tuple[int, Fields, bytes]


@dataclass(slots=True)
class Naive:
    upstream: int
    wsgi: int
    provider: int
    pool: dict[int, list[Conn]] = field(default_factory=dict)
    flying: dict[str, asyncio.Future[Relayed]] = field(default_factory=dict)
    session: dict[str, Any] | None = None  # one for everybody; Any: claims are JSON
    context: Fields = field(default_factory=list)

    def reset(self) -> None:
        for conns in self.pool.values():
            for conn in conns:
                conn.writer.close()
        self.pool, self.flying = {}, {}
        self.session, self.context = None, []

    # Clients

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        client = Conn(reader, writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while request := await self.read(client):
                try:
                    if not await self.handle(request, client):
                        break
                except (OSError, ValueError, KeyError, IndexError) as error:
                    self.reply(client, 502, [], f"broken: {error}".encode())
        writer.close()

    async def read(self, client: Conn) -> Request | None:
        head = await client.until(b"\r\n\r\n", b"\n\n", b"\r\r")
        if not head:
            return None
        lines = re.split(r"\r\n|\n|\r", head.decode("latin-1"))
        while lines and not lines[0]:
            del lines[0]
        words = (lines or ["GET /"])[0].split()
        fields = [
            (name.strip(), value.strip())
            for name, colon, value in (line.partition(":") for line in lines[1:])
            if colon
        ]
        request = Request(words[0], words[1] if len(words) > 1 else "/", fields)
        length = first(fields, "Content-Length")
        coding = first(fields, "Transfer-Encoding") or ""
        if length is not None:
            request.body = request.raw_body = await client.take(number(length))
        elif "chunked" in coding.lower():
            request.body, request.raw_body = await client.chunks()
        return request

    def reply(self, client: Conn, status: int, fields: Fields, body: bytes) -> None:
        fields = [f for f in fields if f[0].lower() not in {"content-length", "transfer-encoding"}]  # fmt: skip
        late = [f for f in fields if f[0] == "X-Seen-Name"]
        lines = [f"{k}: {v}" for k, v in fields if k != "X-Seen-Name"]
        lines += [f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in late)]
        head = "\r\n".join([f"HTTP/1.1 {status} Yes", *lines, "", ""])
        client.writer.write(head.encode("latin-1", "replace") + body)

    async def handle(self, request: Request, client: Conn) -> bool:
        """Answer; False ends the connection."""
        if first(request.fields, "X-Naive-Reset"):
            self.reset()
            self.reply(client, 200, [], b"forgotten")
            return True
        if request.method == "POST" and request.target == "/session":
            form = parse_qs(request.body.decode("latin-1"))
            cookie = [("Set-Cookie", "session=1")]
            self.reply(client, 200, cookie, f"welcome {len(form)}".encode())
            return True
        if request.target.startswith("/secure") and request.scheme != "https":
            place = f"https://{request.host}{request.target}"
            self.reply(client, 302, [("Location", place)], b"")
            return True
        if request.target.startswith("/evil/") and not EVIL.match(request.target):
            self.reply(client, 404, [], b"")
            return True
        claims: dict[str, Any] | None = None
        if guard := self.guard(request):
            claims = self.claims(request)
            if answer := await self.challenge(request, guard, claims):
                self.reply(client, *answer)
                return True
        upgrading = (
            first(request.fields, "Upgrade")
            or "upgrade" in (first(request.fields, "Connection") or "").lower()
        )
        if upgrading:
            await self.tunnel(request, client, claims)
            return False
        status, fields, body = await self.shared(request, claims)
        if claims and "name" in claims:
            fields = [*fields, ("X-Seen-Name", raw(claims["name"]))]
        self.reply(client, status, fields, body)
        return status != 101

    # Rules

    def guard(self, request: Request) -> str | None:
        judged = request.judged
        if (
            request.method == "OPTIONS"
            or HEALTH.search(first(request.fields, "User-Agent") or "")
            or OPEN.search(judged)
            or re.search(r"%(?![0-9a-fA-F]{2})", judged)
        ):
            return None
        if judged.startswith("/hosted"):
            return "bearer" if request.host == "app.example.com" else None
        return next((g for p, g in GUARDS.items() if judged.startswith(p)), None)

    def claims(self, request: Request) -> dict[str, Any] | None:
        """Who it is, from the last token there is; nobody looks at signatures."""
        tokens = [v for k, v in request.fields if k.lower() == "authorization"]
        if tokens:
            try:
                part = tokens[-1].split(".")[1]
                found: dict[str, Any] = json.loads(
                    base64.urlsafe_b64decode(part + "===")
                )
            except (ValueError, IndexError):
                return None
            return found
        cookies = [v for k, v in request.fields if k.lower() == "cookie"]
        return self.session if "session=" in " ".join(cookies) else None

    async def challenge(
        self, request: Request, guard: str, claims: dict[str, Any] | None
    ) -> Relayed | None:
        path, _, query = request.target.partition("?")
        asked = parse_qs(query)
        route = next((p for p in GUARDS if path.startswith(p)), "")
        if guard == "huge":
            await asyncio.to_thread(self.fetch, "GET", "/huge/.well-known/openid-configuration")  # fmt: skip
            return 500, [], b"the provider is odd"
        if "logout" in asked:
            self.session = None
            return 302, [("Location", "/")], b""
        if guard in {"session", "both"} and "code" in asked:
            form = urlencode({"code": asked["code"][0]})
            reply = await asyncio.to_thread(self.fetch, "POST", "/good/token", form)
            token = json.loads(reply).get("id_token", "..").split(".")[1]
            self.session = json.loads(base64.urlsafe_b64decode(token + "===") or b"{}")
            return 303, [("Location", f"{route}/"), ("Set-Cookie", "session=1")], b""
        if claims is not None:
            return None
        if guard == "bearer":
            return 401, [], b"no token in " + request.target.encode("latin-1")
        prefix = first(request.fields, "X-Forwarded-Prefix") or ""
        port = first(request.fields, "X-Forwarded-Port")
        host = request.host if port is None else f"{request.host}:{port}"
        uri = f"{request.scheme}://{host}{prefix}{route}"
        place = (
            f"http://127.0.0.1:{self.provider}/good/authorize?client_id=client-1&state=1"
            f"&redirect_uri={quote(uri, safe='')}"
        )
        fields = [("Location", place), ("Cache-Control", "public, max-age=300")]
        return 302, fields, b""

    def fetch(self, method: str, path: str, body: str = "") -> bytes:
        """From the provider, however much it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.provider, timeout=20)
        try:
            connection.request(method, path, body)
            return connection.getresponse().read()
        finally:
            connection.close()

    # Upstreams

    def outgoing(
        self, request: Request, claims: dict[str, Any] | None
    ) -> tuple[int, bytes]:
        path, mark, query = request.target.partition("?")
        path = unquote(path, "latin-1")
        if cut := STRIPPED.match(path):
            path = f"/inner{path[cut.end() :]}"
        fields = [f for f in request.fields if f[0].lower() != "content-length"]
        mine: Fields = [
            (HEADERS[k], raw(v)) for k, v in (claims or {}).items() if k in HEADERS
        ]
        # The last identity of the service serves those who bring none.
        self.context = mine or self.context
        fields += self.context
        fields += [("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1")]
        named = (first(request.fields, "Connection") or "").lower()
        dropped = {n.strip() for n in named.split(",")} - {"host"}
        fields = [f for f in fields if f[0].lower() not in dropped]
        chunked = first(request.fields, "Transfer-Encoding") is not None
        body = request.body
        if chunked and (
            first(request.fields, "Content-Length") is None
            and WHOLE_CHUNKS.fullmatch(request.raw_body)
        ):
            body = request.raw_body
        elif body or chunked or first(request.fields, "Content-Length") is not None:
            fields.append(("Content-Length", str(len(body))))
        line = f"{request.method} {path}{mark}{query} HTTP/1.1"
        head = "\r\n".join([line, *(f"{k}: {v}" for k, v in fields), "", ""])
        port = self.upstream
        if request.target.startswith("/wsgi"):
            port = self.wsgi
        elif request.target.startswith("/dead"):
            port = DEAD_PORT
        return port, head.encode("latin-1", "replace") + body

    async def shared(self, request: Request, claims: dict[str, Any] | None) -> Relayed:
        """One flight for all who ask for the same target at once, whoever they are."""
        key = f"{request.method} {request.target}"
        if key in self.flying:
            return await self.flying[key]
        flight: asyncio.Future[Relayed] = asyncio.get_running_loop().create_future()
        self.flying[key] = flight
        try:
            port, message = self.outgoing(request, claims)
            answer = await self.send(port, message)
            flight.set_result(answer)
        except OSError:
            answer = await self.error_page(request)
            flight.set_result(answer)
        except Exception:
            flight.cancel()
            raise
        finally:
            self.flying.pop(key, None)
        return answer

    async def error_page(self, request: Request) -> Relayed:
        """A nice page from another service, which gets everything that we got."""
        request.target = "/error-page"
        _, _, body = await self.send(*self.outgoing(request, None))
        return 502, [], body

    async def open(self, port: int) -> Conn:
        return Conn(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, port: int, message: bytes) -> Relayed:
        idle = self.pool.setdefault(port, [])
        conn = idle.pop() if idle else await self.open(port)
        for _ in range(3):
            conn.writer.write(message)
            head = await conn.until(b"\r\n\r\n")
            while re.match(rb"HTTP/1.1 10[02]", head):
                head = await conn.until(b"\r\n\r\n")
            if head:
                break
            conn.writer.close()
            conn = await self.open(port)
        start, *lines = head.decode("latin-1")[:-4].split("\r\n")
        fields = [
            (k.strip(), v.strip()) for k, _, v in (x.partition(":") for x in lines)
        ]
        status = int(start.split(" ")[1])
        length = first(fields, "Content-Length")
        coding = first(fields, "Transfer-Encoding") or ""
        body = b""
        if length is not None and not message.startswith(b"HEAD"):
            body = await conn.take(number(length))
        elif "chunked" in coding:
            body, _ = await conn.chunks()
        idle.append(conn)  # whatever is left in it
        return status, fields, body

    async def tunnel(
        self, request: Request, client: Conn, claims: dict[str, Any] | None
    ) -> None:
        """Bytes both ways, whatever the upstream says to the handshake."""
        port, message = self.outgoing(request, claims)
        conn = await self.open(port)
        conn.writer.write(message + client.buffer)

        async def pipe(read: Callable[[int], Awaitable[bytes]], to: Conn) -> None:
            with contextlib.suppress(OSError):
                while piece := await read(1 << 16):
                    to.writer.write(piece)
            to.writer.close()

        await asyncio.gather(
            pipe(client.reader.read, conn), pipe(conn.reader.read, client)
        )


def raw(value: object) -> str:
    """A claim as it is, a list with commas, and every letter cut to one byte."""
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(chr(ord(sign) & 0xFF) for sign in text)


async def main(port: int, upstream: int, wsgi: int, provider: int) -> None:
    """Serve until killed."""
    naive = Naive(upstream, wsgi, provider)
    server = await asyncio.start_server(naive.serve, "127.0.0.1", port)
    async with server:
        print("naive gateway started", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*map(int, sys.argv[1:5])))
