"""Nobody who was accepted before the stop is turned away, TLS handshakes under way included."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path

import pytest

from ostiary.gateway.decision import Answer
from ostiary.http.head import Reply
from ostiary.proxy import Limits
from tests.proxy.certificates import public_pem, server_context
from tests.proxy.support import PATIENCE_S, Stage, get, soon


class SteppedTls:
    """A TLS client on a bare socket that goes on with its handshake when it is told to."""

    def __init__(self, cert: Path, port: int, name: str | None = "gate.test") -> None:
        context = ssl.create_default_context(cadata=public_pem(cert))
        context.check_hostname = name is not None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=name
        )
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self._port = port
        self._loop = asyncio.get_running_loop()

    async def connect(self) -> None:
        await soon(self._loop.sock_connect(self.sock, ("127.0.0.1", self._port)))

    async def greet(self) -> None:
        """Send the ClientHello and wait for the answer."""
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        await self._flush()
        self._incoming.write(await soon(self._loop.sock_recv(self.sock, 65536)))

    async def _flush(self) -> None:
        await soon(self._loop.sock_sendall(self.sock, self._outgoing.read()))

    async def ask(self, *, goodbye: bool = False) -> bytes:
        """Finish the handshake, ask, perhaps say goodbye in the same breath, read to the end."""
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                self._incoming.write(await soon(self._loop.sock_recv(self.sock, 65536)))
        self._tls.write(get())
        if goodbye:
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
        await self._flush()
        answer = b""
        while True:
            try:
                piece = self._tls.read(65536)
            except ssl.SSLZeroReturnError:
                return answer
            except ssl.SSLWantReadError:
                received = await soon(self._loop.sock_recv(self.sock, 65536))
                if not received:
                    return answer
                self._incoming.write(received)
                continue
            if not piece:
                return answer
            answer += piece


async def serve(stage: Stage, cert: Path | None = None) -> None:
    await stage.serve(
        lambda _h, _p, _b: Answer(reply=Reply(status=200, body=b"served")),
        tls=None if cert is None else server_context(cert),
        limits=Limits(tick_ms=10),
    )


async def stop(stage: Stage, grace_s: float = PATIENCE_S) -> asyncio.Task[None]:
    """Begin to stop, and get past the point where nobody is accepted any more."""
    assert stage.proxy is not None
    stopping = asyncio.ensure_future(stage.proxy.stop(grace_s))
    while True:
        with socket.socket() as probe:
            probe.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(
                    probe, ("127.0.0.1", stage.port)
                )
            except ConnectionError:
                return stopping
        await asyncio.sleep(0)


async def test_a_request_with_a_goodbye_behind_it_is_answered(
    stage: Stage, cert: Path
) -> None:
    await serve(stage, cert)
    client = SteppedTls(cert, stage.port)
    with client.sock:
        await client.connect()
        answer = await client.ask(goodbye=True)

    assert answer.endswith(b"\r\n\r\nserved")


@pytest.mark.parametrize("name", ["gate.test", None])
async def test_a_handshake_under_way_is_finished_and_served(
    stage: Stage, cert: Path, name: str | None
) -> None:
    await serve(stage, cert)
    client = SteppedTls(cert, stage.port, name)
    with client.sock:
        await client.connect()
        await client.greet()
        stopping = await stop(stage)
        answer = await client.ask()
    await soon(stopping)

    assert answer.endswith(b"\r\n\r\nserved")
    assert b"Connection: close" in answer
    stage.proxy = None


async def test_a_greeting_that_was_about_to_come_is_waited_for(
    stage: Stage, cert: Path
) -> None:
    await serve(stage, cert)
    client = SteppedTls(cert, stage.port)
    with client.sock:
        await client.connect()
        assert stage.proxy is not None
        stopping = asyncio.ensure_future(stage.proxy.stop(PATIENCE_S))
        await client.greet()
        answer = await client.ask()
    await soon(stopping)

    assert answer.endswith(b"\r\n\r\nserved")
    stage.proxy = None


async def test_a_handshake_that_does_not_end_ends_with_the_grace(
    stage: Stage, cert: Path
) -> None:
    await serve(stage, cert)
    client = SteppedTls(cert, stage.port)
    loop = asyncio.get_running_loop()
    with client.sock:
        await client.connect()
        await client.greet()
        begun = loop.time()
        assert stage.proxy is not None
        await soon(stage.proxy.stop(0.3))

    assert 0.25 < loop.time() - begun < 3
    stage.proxy = None


async def test_handshakes_that_failed_are_not_waited_for(
    stage: Stage, cert: Path
) -> None:
    await serve(stage, cert)
    for _ in range(5):
        client = SteppedTls(cert, stage.port)
        with client.sock:
            await client.connect()
            await client.greet()
    trusting_nobody = ssl.create_default_context()
    for _ in range(5):
        with pytest.raises(ssl.SSLError):
            await stage.client(tls=trusting_nobody)
    assert stage.proxy is not None
    begun = asyncio.get_running_loop().time()
    await soon(stage.proxy.stop(3.0))

    assert asyncio.get_running_loop().time() - begun < 2
    stage.proxy = None


async def test_who_was_accepted_just_before_gets_an_answer(stage: Stage) -> None:
    await serve(stage)
    loop = asyncio.get_running_loop()
    clients = [socket.socket() for _ in range(20)]
    for sock in clients:
        sock.connect(("127.0.0.1", stage.port))  # the loop has not seen it yet
    assert stage.proxy is not None
    stopping = asyncio.ensure_future(stage.proxy.stop(PATIENCE_S))
    for sock in clients:
        sock.sendall(get())
    answers = []
    for sock in clients:
        with sock:
            sock.setblocking(False)
            answers.append(await soon(loop.sock_recv(sock, 65536)))
    await soon(stopping)

    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
    assert all(b"Connection: close" in answer for answer in answers)
    stage.proxy = None


async def test_who_says_nothing_does_not_hold_the_stop_for_long(stage: Stage) -> None:
    await serve(stage)
    quiet = await stage.client()
    while stage.proxy is None or not stage.proxy.tally().connections:
        await asyncio.sleep(0)
    stopping = await stop(stage, 30.0)

    assert await quiet.is_closed()
    await soon(stopping)
    stage.proxy = None
