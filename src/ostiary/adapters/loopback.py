"""
Requests to a listener of this very machine, over aiohttp: never redirected, never elsewhere.

Where a request goes is said once, when this is made. Over TLS the listener must show the very
certificate that the node has; no name is compared, because no other certificate would do.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from yarl import URL

from ostiary.ports.own_gateway import (
    MAX_REPLY_BYTES,
    TIMEOUT_S,
    GatewayAway,
    OwnReply,
    OwnRequest,
)

_CONNECTIONS: Final = 16
_CHUNK: Final = 65536
_FIRST_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)
# What aiohttp would add of its own accord.
_NOT_ADDED: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """An address of this machine; `certificate` is what it shows over TLS, None without."""

    host: str
    port: int
    certificate: Path | None = None

    def url(self, target: str) -> URL:
        """A request target at this address, byte for byte."""
        scheme = "http" if self.certificate is None else "https"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return URL(f"{scheme}://{host}:{self.port}{target}", encoded=True)


class Loopback:
    """Sends to listeners of this machine. Make it inside a running loop and `close` it."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # A connection each: no request ever waits behind one that was cut.
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def send(self, request: OwnRequest, listener: Listener) -> OwnReply:
        """
        Send one request, and read as much of the answer as may be.

        Raises:
            GatewayAway: There was no answer.
        """
        started = time.monotonic()
        reply: aiohttp.ClientResponse | None = None
        body = bytearray()
        is_late = False
        try:
            async with asyncio.timeout(TIMEOUT_S):
                reply = await self._begin(request, listener)
                async for chunk in reply.content.iter_chunked(_CHUNK):
                    body += chunk
                    if len(body) > MAX_REPLY_BYTES:
                        break
        except TimeoutError:
            if reply is None:
                raise GatewayAway(f"There was no answer within {TIMEOUT_S:.0f} seconds.") from None  # fmt: skip
            is_late = True
        except (aiohttp.ClientError, OSError, ValueError) as error:
            kind = type(error).__name__
            raise GatewayAway(f"The gateway did not answer as it should ({kind}).") from error  # fmt: skip
        finally:
            if reply is not None:
                reply.close()
        return OwnReply(
            status=reply.status,
            fields=tuple(_read_fields(reply)),
            body=bytes(body[:MAX_REPLY_BYTES]),
            took_ms=round((time.monotonic() - started) * 1000),
            is_cut=len(body) > MAX_REPLY_BYTES,
            is_late=is_late,
        )

    async def _begin(
        self, request: OwnRequest, listener: Listener
    ) -> aiohttp.ClientResponse:
        options: dict[str, Any] = {}
        if listener.certificate is not None:
            options["ssl"] = await asyncio.to_thread(_trust, listener.certificate)
        return await self._open().request(
            request.method,
            listener.url(request.target),
            headers=[("Host", request.host), *request.fields],
            data=request.body or None,
            skip_auto_headers=_NOT_ADDED,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            **options,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)


def _read_fields(reply: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    return [
        (name.decode("latin-1"), value.decode("utf-8", "replace"))
        for name, value in reply.raw_headers
    ]


def _trust(certificate: Path) -> ssl.SSLContext:
    """Trust in one certificate, as it is now, and in nobody who could make another."""
    found = _FIRST_CERTIFICATE.search(certificate.read_text("ascii", "replace"))
    if found is None:
        raise ValueError("the node's certificate file holds none")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=found[0])
    # The certificate itself is the anchor, whoever made it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return context
