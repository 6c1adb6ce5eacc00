"""
Connections to one Redis or Valkey: opened when needed, bounded, verified, given up in time.

The only module that imports the `redis` library, of which it uses the connections: the
wire format, the greeting and TLS. Nothing is ever sent twice, because half of what we send
may not happen twice. RESP2 and no CLIENT commands, so that old servers, proxies and narrow
access lists work. Foreign errors stop here, without secrets.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    UnixDomainSocketConnection,
)
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from ostiary.ports.session_store import StorePlace
from ostiary.ports.shared import SharedUnavailable

Part = bytes | str | int
Answer = bytes | int | list[Any] | None  # Any: answers nest, and callers narrow them
MAX_CAUSE: Final = 200


class _Dropped(AbstractConnection):
    """
    Given up at once when there is no time to wait.

    To close is not enough: what the other side never takes would be kept, with its socket.
    """

    async def disconnect(self, *more: Any, **named: Any) -> None:
        # Any: `nowait`, and what the library tells its own metrics.
        if named.get("nowait") and self._writer is not None:
            self._writer.transport.abort()
        await super().disconnect(*more, **named)


class _Unix(_Dropped, UnixDomainSocketConnection):
    """Over a Unix socket."""


class _Tcp(_Dropped, Connection):
    """With a trust of ours, and a name for the certificate that need not be the host."""

    def __init__(
        self, *, trust: ssl.SSLContext | None, server_name: str | None, **more: Any
    ) -> None:
        # Any: the library's options, see Client._new.
        super().__init__(**more)
        self._trust = trust
        self._server_name = server_name

    def _connection_arguments(self) -> Mapping[str, object]:
        where = {"host": self.host, "port": self.port}
        if self._trust is None:
            return where
        name = self._server_name or self.host
        return {**where, "ssl": self._trust, "server_hostname": name}


def _build_trust(place: StorePlace) -> ssl.SSLContext | None:
    """
    What the server's certificate is checked against.

    Raises:
        SharedUnavailable: The CA file cannot be used.
    """
    if not place.tls:
        return None
    trust = ssl.create_default_context()
    trust.minimum_version = ssl.TLSVersion.TLSv1_2
    if place.ca_file is not None:
        try:
            trust.load_verify_locations(place.ca_file)
        except OSError as error:
            raise _unavailable(
                place, f"the CA file {place.ca_file} cannot be used ({_word(error)})"
            ) from error
    if not place.verify_tls:
        # The operator's explicit `ssl_verify: false` (decision D29).
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
    return trust


def _unavailable(place: StorePlace, cause: str) -> SharedUnavailable:
    return SharedUnavailable(f"the Redis at {place.where} is not available: {cause}")


def _word(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "not understood"
    return os.strerror(error.errno) if error.errno else str(error)


def _chain(error: BaseException, outer: BaseException | None) -> Iterator[object]:
    """An error and what it came from, without what our caller was dealing with."""
    at: BaseException | None = error
    while at is not None and at is not outer:
        yield at
        at = at.__cause__ or at.__context__


def _answered(error: Exception, place: StorePlace) -> str:
    """
    The words of the server without ours: it quotes commands that it does not know.

    "unknown command 'AUTH', with args beginning with: " goes on with the password.
    """
    text = str(error).partition("with args beginning")[0].split("\n")[0].rstrip(" ,.")
    if place.password:
        text = text.replace(place.password, "…")
    return text[:MAX_CAUSE]


def _find_cause(
    error: BaseException, outer: BaseException | None, place: StorePlace
) -> str:
    for found in _chain(error, outer):
        match found:
            case AuthenticationError():
                return f"it does not let us in ({_answered(found, place)})"
            case ResponseError():
                return f"it refused ({_answered(found, place)})"
            case RedisTimeout():
                return f"no connection within {place.connect_timeout_s:g} s"
            case ssl.SSLCertVerificationError():
                return f"its certificate is not trusted ({found.verify_message})"
            case ssl.SSLError():
                return f"TLS failed ({_word(found)})"
            case socket.gaierror():
                return "its name cannot be resolved"
            case ConnectionResetError() | BrokenPipeError():
                return "the connection broke off"
            case TimeoutError(errno=None):  # ours, not the kernel's
                return f"it took no command within {place.send_timeout_s:g} s"
            case OSError():
                return f"no connection ({_word(found)})"
    if isinstance(error, RedisError):
        return _answered(error, place)
    return type(error).__name__


# What connections raise. Of a transport that was closed uvloop says RuntimeError, of a line
# that is too long asyncio says ValueError.
_BROKEN: Final = (RedisError, OSError, EOFError, RuntimeError, ValueError)


class Client:
    """At most `pool_size` connections, used last first so that few are kept warm."""

    def __init__(self, place: StorePlace) -> None:
        self._place = place
        self._trust = _build_trust(place)
        self._idle: list[AbstractConnection] = []
        self._free = asyncio.Semaphore(place.pool_size)
        self._closed = False

    def _new(self) -> AbstractConnection:
        place = self._place
        options: dict[str, Any] = {  # Any: of the library's own types
            "db": place.database,
            "username": place.username,
            "password": place.password,
            "protocol": 2,
            "driver_info": None,
            "socket_connect_timeout": place.connect_timeout_s,
            # The library's own would be one for sending and reading, and a task each.
            "socket_timeout": None,
        }
        if place.socket:
            return _Unix(path=place.socket, **options)
        return _Tcp(
            host=place.host,
            port=place.port,
            trust=self._trust,
            server_name=place.server_name,
            **options,
        )

    async def _connect(self, line: AbstractConnection) -> None:
        # One that was closed meanwhile, or holds what nobody asked for, is opened again.
        if line.is_connected and await line.can_read():
            await line.disconnect(nowait=True)
        if not line.is_connected:
            within = self._place.connect_timeout_s + self._place.read_timeout_s
            try:
                async with asyncio.timeout(within):
                    await line.connect()  # type: ignore[no-untyped-call] # theirs
            except TimeoutError as error:
                raise _unavailable(
                    self._place, f"no greeting within {within:g} s"
                ) from error

    async def ask(self, *parts: Part) -> Answer:
        """
        One command and its answer.

        Raises:
            SharedUnavailable: No answer, or a refusal. It may have been carried out.
        """
        if self._free.locked():
            await self._wait()
        else:
            await self._free.acquire()
        line = self._idle.pop() if self._idle else self._new()
        whole = False
        outer = sys.exception()
        try:
            await self._connect(line)
            await self._send(line, *parts)
            answer: Answer = await self._read(line)
            whole = True
        except _BROKEN as error:
            whole = isinstance(error, ResponseError)
            cause = _find_cause(error, outer, self._place)
            raise _unavailable(self._place, cause) from error
        else:
            return answer
        finally:
            self._free.release()
            # Cancelled or failed halfway, it may still get an answer that is no longer wanted.
            if whole and not self._closed:
                self._idle.append(line)
            else:
                await line.disconnect(nowait=True)

    async def _wait(self) -> None:
        within = self._place.connect_timeout_s
        try:
            async with asyncio.timeout(within):
                await self._free.acquire()
        except TimeoutError as error:
            raise _unavailable(
                self._place,
                f"all {self._place.pool_size} connections are busy for {within:g} s",
            ) from error

    async def _send(self, line: AbstractConnection, *parts: Part) -> None:
        within = self._place.send_timeout_s
        try:
            async with asyncio.timeout(within):
                await line.send_command(*parts)
        except TimeoutError as error:
            raise _unavailable(
                self._place, f"it took no command within {within:g} s"
            ) from error

    async def _read(self, line: AbstractConnection) -> Any:
        # Any: what the library promises of an answer.
        within = self._place.read_timeout_s
        try:
            async with asyncio.timeout(within):
                return await line.read_response()
        except TimeoutError as error:
            raise _unavailable(self._place, f"no answer within {within:g} s") from error

    async def listen(self) -> Ear:
        """
        A connection beside the pool, to hear channels.

        Raises:
            SharedUnavailable: It cannot be opened.
        """
        line = self._new()
        outer = sys.exception()
        try:
            await self._connect(line)
        except _BROKEN as error:
            cause = _find_cause(error, outer, self._place)
            raise _unavailable(self._place, cause) from error
        return Ear(line, self._place)

    async def close(self) -> None:
        """Close every connection; those in use when they are done."""
        self._closed = True
        idle, self._idle = self._idle, []
        for line in idle:
            await _hang_up(line)


async def _hang_up(line: AbstractConnection) -> None:
    # It may have been closed by the other side, or never say goodbye.
    with contextlib.suppress(*_BROKEN):
        await line.disconnect()


class Ear:
    """Hears channels. Everything raises SharedUnavailable when the connection is lost."""

    def __init__(self, line: AbstractConnection, place: StorePlace) -> None:
        self._line = line
        self._place = place

    async def send(self, *parts: Part) -> None:
        """Send `SUBSCRIBE …` or `PING`; what comes back is heard."""
        outer = sys.exception()
        try:
            async with asyncio.timeout(self._place.send_timeout_s):
                await self._line.send_command(*parts)
        except _BROKEN as error:
            cause = _find_cause(error, outer, self._place)
            raise _unavailable(self._place, cause) from error

    async def hear(self, within_s: float) -> tuple[Any, ...] | None:
        """The next word, such as (b"message", channel, data); None when there was none."""
        outer = sys.exception()
        try:
            word = await self._line.read_response(timeout=within_s)
        except _BROKEN as error:
            cause = _find_cause(error, outer, self._place)
            raise _unavailable(self._place, cause) from error
        if word is None:
            return None
        return tuple(word) if isinstance(word, list) else (word,)

    async def close(self) -> None:
        """Close for good."""
        await _hang_up(self._line)
