"""
What two users, two routes or a cache could share by mistake (T-X7, T-X8, T-X9, T-X10).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.security.cache import SharedCache, directives, may_store
from tests.security.gateways import Gateway, Jar, build
from tests.security.rules import shows
from tests.security.upstream import Script, Seen, answers
from tests.security.wire import Reply, Wire

KEY = base64.b64encode(b"sixteen bytes ok").decode()
ACCEPT = base64.b64encode(
    hashlib.sha1(KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
).decode()


@pytest.mark.spec("T-X7")
@shows("storable")
def test_what_sign_in_answers_is_never_stored(gateway: Gateway) -> None:
    jar = gateway.sign_in("/session/page")
    stale = gateway.sign_in("/private/page")
    assert jar.login is not None
    assert jar.callback is not None
    replies: dict[str, Reply] = {
        "the redirect to the login": jar.login,
        "the callback": jar.callback,
        "a callback of nobody": gateway.ask("/session?code=a&state=b").reply,
        "an error of the provider": gateway.ask("/session?error=denied&state=b").reply,
        "401": gateway.ask("/bearer/x").reply,
        "401 of a bad token": gateway.ask(
            "/bearer/x", "Authorization: Bearer x"
        ).reply,
        "401 of a script": gateway.ask(
            "/session/x", "X-Requested-With: XMLHttpRequest", "Accept: application/json"
        ).reply,
        "500 of a broken provider": gateway.ask("/huge/x", gateway.bearer()).reply,
        "the logout": gateway.ask("/private/x?logout=1", stale.line).reply,
    }  # fmt: skip
    for what, reply in replies.items():
        assert not may_store(reply), f"{what} ({reply.status}) is storable: {reply}"
        assert "no-store" in directives(reply), f"{what} is storable: no no-store"


@pytest.mark.spec("T-X7")
@shows("from the cache")
@pytest.mark.parametrize(
    "said", ["", "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT", "Cache-Control: max-age=60"]
)  # fmt: skip
def test_a_cache_in_front_hands_nobodys_page_to_another(
    gateway: Gateway, said: str
) -> None:
    line = f"{said}\r\n".encode() if said else b""
    page = b"HTTP/1.1 200 OK\r\n%bContent-Length: 11\r\n\r\npage of Ada" % line
    cache = SharedCache(gateway)
    ada = gateway.sign_in(name="Ada")
    eve = gateway.sign_in(name="Eve")
    for target in ("/session/x", "/private/x"):
        if target == "/private/x":
            ada, eve = gateway.sign_in(target), gateway.sign_in(target)
        first, _ = cache.get(
            target, {"Cookie": ada.value}, token=gateway.script(answers(page))
        )
        assert first.body == b"page of Ada", f"{first.status}"
        for fields in ({}, {"Cookie": eve.value}, {"Cookie": "x=y"}):
            reply, was_kept = cache.get(target, fields)
            assert not was_kept, f"{target}: a stranger got Ada's page from the cache"
            assert b"Ada" not in reply.body, "the page of Ada from the cache"


@pytest.mark.spec("T-X7")
@shows("from the cache")
def test_a_cache_in_front_sends_nobody_to_anothers_login(gateway: Gateway) -> None:
    cache = SharedCache(gateway)
    first, _ = cache.get("/session/x", {})
    again, was_kept = cache.get("/session/x", {})

    assert first.status == 302, f"{first.status}"
    assert not was_kept, "the redirect to the login came from the cache"
    assert first.get("Location") != again.get("Location"), "one login for two"
    _, _ = cache.get("/bearer/x", {})
    allowed, was_kept = cache.get(
        "/bearer/x", {"Authorization": gateway.bearer().partition(" ")[2]}
    )
    assert not was_kept, "a 401 came from the cache"
    assert allowed.status == 200


def crowd(
    asks: Sequence[Callable[[], tuple[str, Reply]]],
) -> list[tuple[str, Reply]]:
    """All at once."""
    with ThreadPoolExecutor(len(asks)) as pool:
        return [f.result(20) for f in [pool.submit(ask) for ask in asks]]


def ask_as(
    gateway: Gateway, name: str, target: str, line: str, case: str
) -> tuple[str, Reply]:
    return name, gateway.ask(target, line, token=case).reply


def meeting(guests: int) -> Script:
    """An upstream that answers when so many requests have met there, or soon after."""
    gate = threading.Barrier(guests)

    def script(seen: Seen, sock: socket.socket) -> bool:
        # Broken: some were answered without us, and the test sees whose answer they got.
        with contextlib.suppress(threading.BrokenBarrierError):
            gate.wait(1.0)
        name = (seen.all("X-User-Name") or ["nobody"])[0].encode()
        sock.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name)
        )
        return True

    return script


@pytest.mark.spec("T-X8")
@shows("got the page of")
def test_two_users_at_once_each_get_their_own(gateway: Gateway) -> None:
    names = [f"user{n}" for n in range(6)]
    tokens = {n: gateway.bearer(name=n, sub=n) for n in names}
    jars = {n: gateway.sign_in(name=n, sub=n).line for n in names[:3]}
    for target, credentials in (("/bearer/same", tokens), ("/session/same", jars)):
        case = gateway.script(meeting(len(credentials)))

        for _ in range(3):
            asks = [
                partial(ask_as, gateway, name, target, line, case)
                for name, line in credentials.items()
            ]
            for name, reply in crowd(asks):
                assert reply.body == name.encode(), (
                    f"{target}: {name} got the page of {reply.body[:40]!r}"
                )


@pytest.mark.spec("T-X8")
@shows("signed in as")
def test_two_logins_at_once_end_as_two_users(gateway: Gateway) -> None:
    names = [f"u{n}" for n in range(6)]
    with ThreadPoolExecutor(len(names)) as pool:
        jars = dict(
            zip(
                names,
                pool.map(lambda n: gateway.sign_in("/session/x", name=n, sub=n), names),
                strict=True,
            )
        )
    for name, jar in jars.items():
        reply = gateway.ask("/session/x", jar.line).reply
        assert f": {name}\r\n".encode() in reply.body, f"{name} signed in as another"


@pytest.mark.spec("T-X9")
@shows("leaked")
def test_routes_of_one_service_share_no_identity(gateway: Gateway) -> None:
    bearer = gateway.bearer(name="Ada", email="ada@example.com")
    other = gateway.bearer(client_id="client-2", name="Eve")
    jar = gateway.sign_in(name="Sam")

    def ask(target: str, *fields: str) -> tuple[str, Reply]:
        return target, gateway.ask(target, *fields).reply

    asks: list[Callable[[], tuple[str, Reply]]] = []
    for _ in range(8):
        asks += [
            lambda: ask("/bearer/x", bearer),
            lambda: ask("/other/x", other),
            lambda: ask("/public/x"),
            lambda: ask("/session/x", jar.line),
        ]
    for target, reply in crowd(asks):
        head = reply.body.lower()
        assert reply.status == 200, f"{target}: {reply.status}"
        for name, owner in (
            (b"x-email:", ("/bearer/x",)),
            (b"x-user-name: ada", ("/bearer/x",)),
            (b"x-user-name: sam", ("/session/x",)),
            (b"x-other-name:", ("/other/x",)),
            (b"authorization:", ("/bearer/x", "/other/x", "/session/x")),
        ):
            assert name not in head or target in owner, f"{name!r} leaked to {target}"
    wrong = gateway.ask("/other/x", bearer).reply
    assert wrong.status in {401, 403}, "a token for one plugin leaked into another"
    wrong = gateway.ask("/private/x", jar.line).reply
    assert wrong.is_denial, "a session of one plugin leaked into another"


def handshake(*fields: str, method: str = "GET") -> tuple[str, ...]:
    return (
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}", *fields,
    )  # fmt: skip


def open_websocket(
    gateway: Gateway, jar: Jar, origin: str | None, target: str = "/session/ws"
) -> tuple[Wire, Reply, list[Seen]]:
    """A handshake, answered by an upstream that then echoes."""
    token = gateway.script(switch)
    wire = gateway.dial()
    fields = handshake(jar.line, *((f"Origin: {origin}",) if origin else ()))
    told = gateway.ask(target, *fields, token=token, wire=wire)
    return wire, told.reply, told.seen


def switch(_seen: Seen, sock: socket.socket) -> bool:
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n" % ACCEPT.encode()
    )
    while piece := sock.recv(4096):
        sock.sendall(piece)
    return False


@pytest.mark.spec("T-X10")
@shows("cross-origin")
def test_a_websocket_with_a_cookie_needs_the_same_origin(gateway: Gateway) -> None:
    jar = gateway.sign_in()
    port = gateway.plain[1]
    for origin in (
        "https://evil.example", "null", "http://gate.test.evil.example", "http://gate.test",
        f"https://gate.test:{port}", f"http://evil.gate.test:{port}", "http://gate.test:1",
        f"http://gate.test:{port}@evil.example", "file://", f"http://gate.test:{port} x",
    ):  # fmt: skip
        _, reply, seen = open_websocket(gateway, jar, origin)
        assert seen == [], f"the cross-origin handshake of {origin} arrived"
        assert reply.is_refusal, f"cross-origin {origin}: {reply.status}"
    wire, reply, _ = open_websocket(gateway, jar, f"http://{gateway.authority}")
    assert reply.status == 101, f"the same origin was refused: {reply.status}"
    wire.send(b"\x81\x02hi")
    assert wire.exactly(4) == b"\x81\x02hi", "the tunnel does not carry"


@pytest.mark.spec("T-X10")
@shows("closed with its session")
def test_a_websocket_ends_with_its_session(gateway: Gateway) -> None:
    jar = gateway.sign_in()
    origin = f"http://{gateway.authority}"
    wires = []
    for _ in range(4):
        wire, reply, _ = open_websocket(gateway, jar, origin)
        assert reply.status == 101, f"{reply.status}"
        wires.append(wire)
    other, reply, _ = open_websocket(gateway, gateway.sign_in(), origin)
    assert reply.status == 101, f"{reply.status}"
    gone = gateway.ask("/session/x?logout=1", jar.line).reply
    assert gone.status in {200, 302, 303}, f"no logout: {gone.status}"

    started = time.monotonic()
    assert all(wire.closes(3) for wire in wires), (
        "a WebSocket was not closed with its session"
    )
    assert time.monotonic() - started < 5, "a WebSocket was not closed with its session"
    other.send(b"\x81\x02hi")
    assert other.exactly(4) == b"\x81\x02hi", "another session's WebSocket was closed"


@pytest.mark.spec("T-X10")
@shows("smuggled")
def test_a_handshake_that_fails_opens_no_tunnel(gateway: Gateway) -> None:
    canary = secrets.token_hex(8)
    for answer in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n",
    ):
        token = gateway.script(answers(answer))
        wire = gateway.dial()
        wire.send(build("/public/ws", *handshake(f"X-Case: {token}"), host="a"))
        wire.reply(what="to the handshake")
        wire.send(build("/private/x", f"X-Canary: {canary}", host="a"))
        reply = wire.reply(what="to the request behind the handshake")
        assert reply.is_denial, f"a smuggled request was served: {reply.status}"
    assert gateway.upstream.about(canary) == [], "a smuggled request arrived"


@pytest.mark.spec("T-X10")
@shows("smuggled")
def test_an_incomplete_handshake_is_no_handshake(gateway: Gateway) -> None:
    full = handshake()
    for fields, method in (
        (full[1:], "GET"),
        ((full[0], *full[2:]), "GET"),
        (full, "POST"),
        (("Connection: Upgrade", "Upgrade: websocket2", *full[2:]), "GET"),
    ):
        token = gateway.script(switch)
        canary = secrets.token_hex(8)
        wire = gateway.dial()
        request = build(
            "/public/ws", *fields, f"X-Case: {token}", host="a", method=method
        )
        wire.send(request + build("/private/x", f"X-Canary: {canary}", host="a"))
        reply = wire.reply(what=f"to {method} {fields}")
        smuggled = canary.encode() in gateway.upstream.bytes_about(token)
        assert not smuggled, f"smuggled through a half handshake {method} {fields}"
        assert reply.status != 101 or fields == full, f"smuggled: {method} {fields}"
