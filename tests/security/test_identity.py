"""
Identity headers (T-H): one value, ours, or none; whatever the client or a claim tries.
"""

from __future__ import annotations

import itertools
import json
import re
import secrets
import socket

import pytest

from tests.security.gateways import Gateway, Told
from tests.security.rules import shows
from tests.security.scenarios import IDENTITY
from tests.security.upstream import Script, Seen, answers

# What the route sets from claims, and what every gateway sets itself.
FROM_CLAIMS = ("X-Email", "X-Groups", "X-User-Name", "X-Tenant-Id")
FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")
FULL = {"email": "ada@example.com", "name": "Ada", "tenant": "t-1"}


def spellings(name: str) -> list[str]:
    """Every way to write a name that some upstream reads as that name."""
    parts = name.split("-")
    found = {
        "".join(itertools.chain.from_iterable(zip(parts, (*signs, ""), strict=True)))
        for signs in itertools.product("-_.", repeat=len(parts) - 1)
    }
    found |= {s.lower() for s in found} | {s.upper() for s in found}
    return sorted(found | {name.swapcase(), name[0].lower() + name[1:]})


def fold(name: str) -> str:
    return re.sub(r"[-_. ]", "_", name).upper()


def wsgi_view(told: Told) -> dict[str, list[str]]:
    """What a WSGI application is told, with names folded once more as PHP does."""
    assert told.reply.status == 200, f"the WSGI echo was not reached: {told.reply}"
    found: dict[str, list[str]] = {}
    for name, value in json.loads(told.reply.body).items():
        found.setdefault(fold(name.removeprefix("HTTP_")), []).append(value)
    return found


@pytest.mark.spec("T-H1")
@shows("the WSGI application sees")
def test_no_spelling_of_a_managed_header_survives(gateway: Gateway) -> None:
    token = gateway.bearer(**FULL, groups=["a"])
    ours = wsgi_view(gateway.ask("/wsgi/x", token))
    for name in (*FROM_CLAIMS, *FORWARDED):
        every = spellings(name)
        for start in range(0, len(every), 40):
            lines = [f"{s}: evil" for s in every[start : start + 40]]
            view = wsgi_view(gateway.ask("/wsgi/x", token, *lines))
            seen = view.get(fold(name))
            assert seen == ours.get(fold(name)), (
                f"{name}: the WSGI application sees {seen}, ours is {ours.get(fold(name))}"
            )
            assert seen is None or len(seen) == 1


@pytest.mark.spec("T-H1")
@shows("the WSGI application sees")
def test_blanks_around_a_managed_header_do_not_help(gateway: Gateway) -> None:
    token = gateway.bearer(**FULL)
    for line in (
        "X-Email : evil",
        " X-Email: evil",
        "\tX-Email: evil",
        "X-Email\t: evil",
        "X Email: evil",
        "X-Email\x00: evil",
        "X-Email\x0b: evil",
        "X-Email:evil",
    ):
        told = gateway.ask("/wsgi/x", token, "A: b", line)
        if told.reply.is_refusal:
            continue
        seen = wsgi_view(told)["X_EMAIL"]
        assert seen == ["ada@example.com"], (
            f"{line!r}: the WSGI application sees {seen}"
        )


@pytest.mark.spec("T-H2")
@shows("although nobody has that claim")
def test_an_absent_claim_is_an_absent_header(gateway: Gateway) -> None:
    lines = [f"{n}: evil" for n in IDENTITY.values()]
    lines += [f"{n.lower()}: evil" for n in FROM_CLAIMS]
    jar = gateway.sign_in()
    preflight = "Access-Control-Request-Method: GET"
    visits = {
        "bearer": gateway.ask("/bearer/x", gateway.bearer(), *lines),
        "session": gateway.ask("/session/x", jar.line, *lines),
        "HEAD": gateway.ask("/bearer/x", gateway.bearer(), *lines, method="HEAD"),
        "POST": gateway.ask(
            "/bearer/x", gateway.bearer(), *lines, method="POST", body=b"x"
        ),
        "OPTIONS": gateway.ask(
            "/preflight/x", preflight, "Origin: https://a.example", *lines,
            method="OPTIONS",
        ),
    }  # fmt: skip
    for how, told in visits.items():
        kept = [(k, v) for k, v in told.one.fields if v == b"evil"]
        assert kept == [], f"{how}: {kept} arrived although nobody has that claim"


@pytest.mark.spec("T-H3")
@shows("spoofed on the way out")
def test_every_way_to_an_upstream_clears_managed_headers_first(
    gateway: Gateway,
) -> None:
    generic = [
        "X-Userinfo: evil", "X-Consumer-Username: evil", "X-Credential-Identifier: evil",
        "X-Authenticated-Groups: evil", "X_Userinfo: evil", "x.consumer.username: evil",
    ]  # fmt: skip
    mapped = [f"{n}: evil" for n in FROM_CLAIMS]
    jar = gateway.sign_in()
    token = gateway.bearer()
    upgrade = (
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Origin: http://{gateway.authority}",
    )  # fmt: skip
    retry = gateway.script(_hang_up_once())
    ways: dict[str, Told] = {
        "public": gateway.ask("/public/x", *generic),
        "stripped": gateway.ask("/strip/x", *generic),
        "regex": gateway.ask("/open/a/page", *generic),
        "no route of its own": gateway.ask("/elsewhere", *generic),
        "OPTIONS": gateway.ask(
            "/preflight/x", *generic, *mapped, method="OPTIONS"
        ),
        "OPTIONS on a public route": gateway.ask("/public/x", *generic, method="OPTIONS"),
        "bearer": gateway.ask("/bearer/x", token, *generic, *mapped),
        "session": gateway.ask("/session/x", jar.line, *generic, *mapped),
        "body": gateway.ask("/bearer/x", token, *generic, *mapped, method="PUT", body=b"b"),
        "upgrade": gateway.ask("/session/x", jar.line, *upgrade, *generic, *mapped),
        "second attempt": gateway.ask("/bearer/x", token, *generic, *mapped, token=retry),
    }  # fmt: skip
    for how, told in ways.items():
        assert told.seen, f"{how}: nothing arrived: {told.reply.status}"
        for request in told.seen:
            kept = [(k, v) for k, v in request.fields if b"evil" in v]
            assert kept == [], f"{how}: spoofed on the way out: {kept}"


def _hang_up_once() -> Script:
    """The first attempt is dropped, so that the gateway may try again."""
    calls: list[int] = []

    def script(seen: Seen, sock: socket.socket) -> bool:
        calls.append(seen.connection)
        if len(calls) == 1:
            return False
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return True

    return script


@pytest.mark.spec("T-H4")
@shows("Connection took our")
def test_connection_cannot_name_our_headers_away(gateway: Gateway) -> None:
    token = gateway.bearer(**FULL)
    for line in (
        "Connection: close, X-Email, X-User-Name, x-real-ip, X-Forwarded-For",
        "Connection: x-email,x-user-name,x-real-ip,x-forwarded-for",
        "Connection: X-EMAIL, X-USER-NAME, X-REAL-IP, X-FORWARDED-FOR, keep-alive",
        "connection: X-Email, X-User-Name, X-Real-IP, X-Forwarded-For, Authorization, Host",
        "Proxy-Connection: X-Email, X-User-Name, X-Real-IP, X-Forwarded-For",
    ):
        told = gateway.ask("/bearer/x", token, line)
        if told.reply.is_refusal:
            continue
        request = told.one
        for name, value in (
            ("X-Email", ["ada@example.com"]),
            ("X-User-Name", ["Ada"]),
            ("X-Real-IP", ["127.0.0.1"]),
            ("X-Forwarded-For", ["127.0.0.1"]),
        ):
            assert request.all(name) == value, (
                f"Connection took our {name} away or changed it: {request.all(name)}"
            )
        assert len(request.all("Host")) == 1, "Connection took our Host away"


@pytest.mark.spec("T-H4")
@shows("Connection took our|was kept")
def test_what_connection_names_of_the_client_is_removed(gateway: Gateway) -> None:
    request = gateway.ask(
        "/public/x", "Connection: X-Secret-Hop, keep-alive", "X-Secret-Hop: evil"
    ).one

    assert request.all("X-Secret-Hop") == [], "a hop-by-hop field was kept"
    assert gateway.ask(
        "/bearer/x", gateway.bearer(**FULL), "Connection: x-email"
    ).one.all("X-Email") == ["ada@example.com"], "Connection took our X-Email away"


@pytest.mark.spec("T-H5")
@shows("more than our one value")
def test_odd_case_in_the_configuration_makes_no_second_header(gateway: Gateway) -> None:
    token = gateway.bearer(**FULL, groups="staff")
    for given in ("X-Groups", "x-groups", "X-GROUPS", "x-gRoUps", "X_Groups"):
        for tenant in ("X-Tenant-Id", "x-tenant-ID", "X-TENANT-ID"):
            request = gateway.ask(
                "/bearer/x", token, f"{given}: evil", f"{tenant}: evil"
            ).one
            assert request.all("X-Groups") == ["staff"], (
                f"more than our one value: {request.all('X-Groups')}"
            )
            assert request.all("X-Tenant-Id") == ["t-1"], (
                f"more than our one value: {request.all('X-Tenant-Id')}"
            )
            assert b"evil" not in request.head, "more than our one value"


HOSTILE = (
    "users,admins",
    "users, admins",
    "cn=users,ou=admins,dc=example",
    "users;admins",
    "users|admins",
    "users\r\nX-Admin: admins",
    "users\nX-Admin: admins",
    "users\rX-Admin: admins",
    "users\x00admins",
    "üsers admins",
    "users\u560d\u560aX-Admin: admins",
)


@pytest.mark.spec("T-H6")
@shows("claim")
@pytest.mark.parametrize("evil", HOSTILE, ids=range(len(HOSTILE)))
def test_one_claim_element_stays_one_element(gateway: Gateway, evil: str) -> None:
    told = gateway.ask("/bearer/x", gateway.bearer(groups=[evil, "staff"], name=evil))
    if told.reply.is_refusal:
        return
    request = told.one
    assert request.all("X-Admin") == [], f"the claim {evil!r} made a header"
    for name in ("X-Groups", "X-User-Name"):
        values = request.all(name)
        assert len(values) == 1, f"the claim {evil!r} made {len(values)} {name} headers"
        assert re.fullmatch(r"[\x20-\x7e]*", values[0]), (
            f"the claim {evil!r} is raw in {name}: {values[0]!r}"
        )
    groups = request.all("X-Groups")[0]
    elements = [e.strip() for e in re.split(r"[,;|]", groups)]
    assert "admins" not in elements, f"the claim {evil!r} became {elements}"
    assert "ou=admins" not in elements, f"the claim {evil!r} became {elements}"


SPLITTING = (
    "a\r\nSet-Cookie: x=y",
    "a\rSet-Cookie: x=y",
    "a\nSet-Cookie: x=y",
    "a\r\n\r\n<html>",
    "a\rb",
    "\x00",
    "a\x00b",
    "a\x0b\x0cb",
    "\u560a\u560dSet-Cookie: x=y",
)


@pytest.mark.spec("T-H7")
@shows("claim")
@pytest.mark.parametrize("evil", SPLITTING, ids=range(len(SPLITTING)))
def test_no_claim_splits_a_request_or_a_response(gateway: Gateway, evil: str) -> None:
    jar = gateway.sign_in(name=evil)
    visits = (
        gateway.ask("/bearer/x", gateway.bearer(name=evil)),
        gateway.ask("/session/x", jar.line),
    )
    for told in visits:
        if told.reply.is_refusal:
            continue
        request, reply = told.one, told.reply
        for where, fields in (
            ("request", request.fields),
            ("reply", reply.fields),
        ):
            names = [k.lower() for k, _ in fields]
            assert b"set-cookie" not in names or where == "reply", (
                f"the claim {evil!r} split the {where}"
            )
            cookies = [v for k, v in fields if k.lower() == b"set-cookie"]
            assert not any(c.startswith(b"x=y") for c in cookies), (
                f"the claim {evil!r} split the {where}"
            )
            raw = [v for _, v in fields if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", v)]
            assert raw == [], f"the claim {evil!r} is raw in the {where}: {raw}"
        assert b"<html>" not in reply.body[:20], f"the claim {evil!r} split the reply"
        lone = request.head.replace(b"\r\n", b"")
        assert b"\r" not in lone, f"the claim {evil!r} is raw at the upstream"
        assert b"\n" not in lone, f"the claim {evil!r} is raw at the upstream"


@pytest.mark.spec("T-H8")
@shows("duplicate")
def test_a_duplicate_of_a_single_field_is_refused(gateway: Gateway) -> None:
    good, bad = gateway.bearer(), "Authorization: Bearer nonsense"
    basic = "Authorization: Basic YTpi"
    for pair in ((good, bad), (bad, good), (good, good), (basic, good), (good, basic)):
        told = gateway.ask("/bearer/x", *pair)
        assert told.seen == [], (
            f"duplicate Authorization {[p[:24] for p in pair]} reached the upstream"
        )
        assert told.reply.is_refusal, f"duplicate Authorization: {told.reply.status}"
    told = gateway.ask("/public/x", "Host: other.example")
    assert told.seen == [], "duplicate Host reached the upstream"
    assert told.reply.status in {0, 400}, f"duplicate Host: {told.reply.status}"


@pytest.mark.spec("T-H8")
@shows("duplicate")
def test_duplicate_managed_fields_leave_only_ours(gateway: Gateway) -> None:
    request = gateway.ask(
        "/bearer/x", gateway.bearer(**FULL), "X-Email: evil", "X-Email: evil2"
    ).one

    assert request.all("X-Email") == ["ada@example.com"], "duplicate X-Email arrived"


@pytest.mark.spec("T-H9")
@shows("credentials went to")
def test_an_error_page_costs_no_credentials(gateway: Gateway) -> None:
    jar = gateway.sign_in("/private/page")
    before = len(gateway.upstream.seen)
    word = secrets.token_hex(8)
    for target, fields in (
        ("/dead/x", (f"Authorization: Bearer {word}", f"Cookie: a={word}")),
        ("/dead-session/x", (jar.line, f"X-Mine: {word}")),
    ):
        told = gateway.ask(target, *fields)
        assert told.reply.status in {302, 401, 502, 503, 504}, f"{told.reply.status}"
        assert word.encode() not in told.reply.body, "the credentials went to the page"
    others = [
        s for s in gateway.upstream.seen[before:] if word in s.head.decode("latin-1")
    ]
    assert others == [], f"credentials went to another service: {others[0].target!r}"


@pytest.mark.spec("T-H10")
@shows("Cookie")
def test_the_upstream_sees_other_cookies_as_sent_and_none_of_ours(
    gateway: Gateway,
) -> None:
    jar = gateway.sign_in("/session/page")
    assert jar.cookies, "no session Cookie was set"
    mine = list(jar.cookies.items())
    ours = "; ".join(f"{k}={v}" for k, v in mine)
    for before, after in (
        ("a=1; b=2", 'c="x y"; d=; e=f=g'),
        ("z=%41; a=1", "a=2"),
        ("", "only=1"),
        ("only=1", ""),
    ):
        line = "; ".join(part for part in (before, ours, after) if part)
        expected = "; ".join(part for part in (before, after) if part)
        for target in ("/session/x", "/public/x"):
            request = gateway.ask(target, f"Cookie: {line}").one
            cookies = request.all("Cookie")
            for name, value in mine:
                assert f"{name}={value}".encode() not in request.head, (
                    f"Cookie {name} leaked"
                )
            assert cookies == [expected], (
                f"{target}: Cookie {cookies} instead of {expected!r}"
            )


@pytest.mark.spec("T-H11")
@pytest.mark.spec("T-H8")
@shows("Cookie")
def test_one_cookie_field_goes_to_the_upstream(gateway: Gateway) -> None:
    jar = gateway.sign_in()
    for fields in (
        ("Cookie: a=1", jar.line, "Cookie: b=2"),
        (jar.line, "cookie: a=1; b=2"),
        ("Cookie: a=1", f"{jar.line}; b=2"),
    ):
        told = gateway.ask("/session/x", *fields)
        cookies = told.one.all("Cookie")
        assert cookies == ["a=1; b=2"], f"Cookie fields at the upstream: {cookies}"
    for target, more in (("/public/x", ()), ("/bearer/x", (gateway.bearer(),))):
        cookies = gateway.ask(target, *more, "Cookie: a=1", "Cookie: b=2").one.all(
            "Cookie"
        )
        assert cookies == ["a=1; b=2"], f"{target}: Cookie fields: {cookies}"


@pytest.mark.spec("T-H11")
@shows("Set-Cookie|Cookie")
def test_the_reply_to_a_session_does_not_hand_cookies_to_the_upstream(
    gateway: Gateway,
) -> None:
    jar = gateway.sign_in()
    token = gateway.script(
        answers(b"HTTP/1.1 200 OK\r\nSet-Cookie: app=1\r\nContent-Length: 2\r\n\r\nok")
    )
    told = gateway.ask("/session/x", jar.line, "Cookie: app=0", token=token)

    assert told.one.all("Cookie") == ["app=0"], f"Cookie: {told.one.all('Cookie')}"
    assert "app=1" in told.reply.all("Set-Cookie"), "the application's Set-Cookie"
