"""
Path, host and method confusion (T-P): what is judged, what is matched and what is sent is one.

The upstream is taken to be careless: it decodes once, reads `\\` as `/`, drops path
parameters and resolves dots. What it then reads must still be behind the rule that applied.

HTTP/2's `:path` (in T-P7) is not applicable: HTTP/1.1 is served.
"""

from __future__ import annotations

import secrets
from urllib.parse import unquote

import pytest

from tests.security.gateways import Gateway, Told
from tests.security.rules import shows

GUARDED = ("/private", "/bearer", "/session", "/inner/../private")


def careless(path: str) -> str:
    """The path as a careless server reads it."""
    text = unquote(path, encoding="latin-1").partition("\0")[0].partition("#")[0]
    kept: list[str] = []
    for segment in text.replace("\\", "/").split("/"):
        name = segment.partition(";")[0]
        if name == "..":
            del kept[-1:]
        elif name not in {"", "."}:
            kept.append(name)
    return "/" + "/".join(kept)


def assert_not_behind_a_guard(told: Told, target: str) -> None:
    """Nothing that a guard is responsible for was served without it."""
    assert told.reply.status < 500 or told.reply.status == 505, (
        f"{target}: {told.reply.status}"
    )
    for request in told.seen:
        read = careless(request.path)
        assert not read.startswith(GUARDED), (
            f"{target} slipped past its guard: the upstream got {request.target!r}, reads {read}"
        )


def tell_raw(gateway: Gateway, first: bytes, host: bytes | None = None) -> Told:
    """A request line that no well-behaved client writes."""
    case = secrets.token_hex(8)
    authority = gateway.authority.encode() if host is None else host
    reply = gateway.raw(
        b"%b\r\nHost: %b\r\nX-Case: %b\r\n\r\n" % (first, authority, case.encode())
    )
    return Told(reply=reply, seen=gateway.upstream.about(case))


def assert_refused(told: Told, what: object) -> None:
    assert told.seen == [], (
        f"{what!r} reached the upstream: {told.seen[0].head[:120]!r}"
    )
    assert told.reply.is_refusal, f"{what!r}: {told.reply.status}"


@pytest.mark.spec("T-P1")
@shows("slipped past|was served")
def test_the_query_is_never_part_of_the_path_that_is_judged(gateway: Gateway) -> None:
    for target in (
        "/private?x=/public",
        "/private/x?/public/x",
        "/private?/open/a/page",
        "/private/x?x=/open/a/page",
        "/private/?&/status&.css",
        "/private%3F/../public?x=/public",
        "/private?/../public",
    ):
        told = gateway.ask(target)
        assert_not_behind_a_guard(told, target)
        assert told.reply.status != 200 or "/private" not in told.seen[0].path, (
            f"{target} was served"
        )


@pytest.mark.spec("T-P2")
@shows("'#'|#")
def test_a_raw_fragment_is_refused_and_an_encoded_one_is_data(gateway: Gateway) -> None:
    for target in (
        "/public#/../private",
        "/private#/public",
        "/public/x?y#z",
        "#/public",
        "/public/#",
    ):
        told = tell_raw(gateway, f"GET {target} HTTP/1.1".encode())
        assert_refused(told, target)
        assert told.reply.status in {0, 400}, f"'#' in {target}: {told.reply.status}"
    assert gateway.ask("/public/a%23b").one.path == "/public/a%23b", (
        "%23 became a raw '#'"
    )
    assert_not_behind_a_guard(gateway.ask("/public%23/../private"), "%23 then dots")


TOKENS = (
    "..", "%2e.", ".%2e", "%2e%2e", "%2E%2E", "%252e%252e", "..;", "..;x=1", ".;x=1/..",
    "%2e%2e;", "..%2f", "..%2F", "%2f..", "%2f", "..%5c", "%5c..", "%5c", "..\\", "\\..",
    "\\", "//", "/.//..", "/./", ";x=1", "%00", "..%00", "%00..", "..%3b", "..%3B",
    "%25%32%65%25%32%65",
)  # fmt: skip
SHAPES = {
    "plain": ("/public/{}/private/x", "/public{}/private/x", "/public/a/{}/{}/private/x"),
    "strip_path": ("/strip/{}/private/x", "/strip{}/private/x", "/strip/a/{}/{}/{}/private"),
    "regex": ("/open/{}/page", "/rx/a/{}/private/x", "/rx/a{}/private/x", "/rx/a/{}/{}/{}/private"),
}  # fmt: skip


@pytest.mark.spec("T-P3")
@shows("slipped past|left its rule|guessed")
@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("token", TOKENS)
def test_no_spelling_of_a_path_makes_judge_and_upstream_disagree(
    gateway: Gateway, token: str, shape: str
) -> None:
    for pattern in SHAPES[shape]:
        target = pattern.replace("{}", token)
        for ending in ("", "/..", "?x=/public"):
            told = tell_raw(gateway, f"GET {target}{ending} HTTP/1.1".encode())
            assert_not_behind_a_guard(told, target + ending)
            for request in told.seen:
                # Whatever the gateway itself resolved, it has resolved for good.
                assert request.path.startswith("/"), f"{target} left its rule"
                raw = request.path.replace("%252e", "").replace("%2525", "")
                assert "/../" not in f"{raw}/", (
                    f"{target}: dots are guessed at by the upstream: {request.path}"
                )
                assert "\\" not in raw, f"{target}: a backslash is guessed at: {raw}"
                assert "\0" not in raw, f"{target}: NUL is guessed at: {raw}"
                assert "%00" not in raw, f"{target}: NUL is guessed at: {raw}"
    doubled = gateway.ask(f"/public/%25{token.encode().hex()[:2]}").one
    assert doubled.path.startswith("/public/%25"), f"guessed at: {doubled.path}"


@pytest.mark.spec("T-P3")
@shows("left its rule")
def test_a_prefix_cut_makes_no_new_path(gateway: Gateway) -> None:
    for target, expected in (
        ("/strip/a/b", "/inner/a/b"),
        ("/strip//private", "/inner/private"),
        ("/strip/%2Fprivate", None),
        ("/strip/..%2Fprivate", None),
        ("/strip../private", "/inner/private"),
        ("/strip%2F../private", None),
        ("/strip/.", "/inner/"),
        ("/rx/a/../../private", None),
        ("/strip/../strip/x", "/inner/x"),
    ):
        told = gateway.ask(target)
        assert_not_behind_a_guard(told, target)
        for request in told.seen:
            read = careless(request.path)
            assert read.startswith("/inner") or expected is None, (
                f"{target} left its rule: {request.path}"
            )
            assert expected is None or request.path.rstrip("/") == expected.rstrip(
                "/"
            ), f"{target} left its rule: {request.path} instead of {expected}"


@pytest.mark.spec("T-P4")
@shows("slipped past|lost a segment")
def test_two_slashes_are_neither_an_authority_nor_another_path(
    gateway: Gateway,
) -> None:
    for target in (
        "//private/x",
        "///private/x",
        "////private//x",
        "/%2Fprivate/x",
        "/%2fprivate%2fx",
        "%2F/private/x",
        "//private@public/x",
        "/.//private/x",
        "//evil.example/private/x",
        "//evil.example/../private/x",
    ):
        told = tell_raw(gateway, f"GET {target} HTTP/1.1".encode())
        assert_not_behind_a_guard(told, target)
    for target in ("//evil.example/public/x", "//public/x/y"):
        for request in tell_raw(gateway, f"GET {target} HTTP/1.1".encode()).seen:
            segments = [s for s in request.path.split("/") if s]
            assert segments == [s for s in target.split("/") if s], (
                f"{target} lost a segment: {request.path}"
            )


@pytest.mark.spec("T-P5")
@shows("was served")
def test_spellings_of_one_host_or_path_get_one_decision(gateway: Gateway) -> None:
    port = gateway.plain[1]
    for host in (
        "app.example.com", "APP.EXAMPLE.COM", "App.Example.Com", "app.example.com.",
        f"app.example.com:{port}", "aPP.example.com:80", f"APP.example.com.:{port}",
        "app.example.com:", "XN--BCHER-KVA.example", "xn--bcher-kva.example.",
        "b\xfccher.example", "b\xc3\xbccher.example", "app%2eexample.com",
        "app.example.com\t", "[::1]app.example.com",
    ):  # fmt: skip
        told = gateway.ask("/hosted/x", host=host)
        assert told.seen == [], f"Host {host!r}: the protected route was served"
        assert told.reply.is_denial, f"Host {host!r}: {told.reply.status}"
    for target in (
        "/%70rivate/x", "/p%72ivate", "/%70%72%69%76%61%74%65/x", "/private%2Dx",
        "/./private/x", "/x/../private/x", "/private", "/private/", "/private%2e",
        "/private%2Fx", "/private;a=b", "/private.json",
    ):  # fmt: skip
        told = gateway.ask(target)
        assert told.seen == [], f"{target}: the protected route was served"
        assert told.reply.is_denial, f"{target}: {told.reply.status}"
    allowed = gateway.bearer()
    for host in ("app.example.com", "APP.example.com.", f"app.Example.com:{port}"):
        assert gateway.ask("/hosted/x", allowed, host=host).reply.status == 200, host


@pytest.mark.spec("T-P6")
@shows("was served")
def test_a_host_with_a_trailing_dot_is_the_same_host(gateway: Gateway) -> None:
    for tls in {False, gateway.tls is not None}:
        for host in ("app.example.com.", "app.example.com.:8443", "APP.EXAMPLE.COM."):
            told = gateway.ask("/hosted/x", host=host, tls=tls)
            assert told.seen == [], f"{host} tls={tls}: the protected route was served"
            assert told.reply.status == 401, f"{host} tls={tls}: {told.reply.status}"


@pytest.mark.spec("T-P7")
@shows("reached the upstream")
def test_a_target_without_a_slash_is_refused(gateway: Gateway) -> None:
    for first in (
        b"GET private HTTP/1.1",
        b"GET private/x HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET  HTTP/1.1",
        b"GET ?/private HTTP/1.1",
        b"GET .. HTTP/1.1",
        b"GET \\private HTTP/1.1",
        b"GET gate.test/private HTTP/1.1",
        b"POST @gate.test/private HTTP/1.1",
        b"GET http:private HTTP/1.1",
        b"GET http:///private HTTP/1.1",
        b"GET file:///private HTTP/1.1",
        b"GET http://u:p@gate.test/private HTTP/1.1",
    ):
        assert_refused(tell_raw(gateway, first), first)


@pytest.mark.spec("T-P7")
@shows("reached the upstream")
def test_an_absolute_target_names_the_host_of_the_request(gateway: Gateway) -> None:
    for url, host in (
        (b"http://other.example/private/x", None),
        (b"http://other.example/hosted/x", b"app.example.com"),
        (b"http://app.example.com/hosted/x", b"other.example"),
        (b"http://app.example.com/hosted/x", b"app.example.com"),
        (b"http://app.example.com@other.example/hosted/x", b"app.example.com"),
        (b"http://gate.test:1/private/x", None),
        (b"http://app.example.com#@other.example/hosted", b"app.example.com"),
        (b"http://app.example.com\\other/hosted/x", b"app.example.com"),
    ):
        assert_refused(tell_raw(gateway, b"GET %b HTTP/1.1" % url, host), url)
    authority = gateway.authority.encode()
    request = tell_raw(gateway, b"GET http://%b/public/x HTTP/1.1" % authority).one
    assert request.target == b"/public/x", "the absolute form reached the upstream"


@pytest.mark.spec("T-P9")
@shows("reached the upstream|scheme")
def test_the_case_of_a_scheme_changes_nothing(gateway: Gateway) -> None:
    authority = gateway.authority.encode()
    for scheme in (b"http", b"HTTP", b"hTTp"):
        guarded = b"GET %b://%b/private/x HTTP/1.1" % (scheme, authority)
        assert_refused_or_sent_away(tell_raw(gateway, guarded), guarded)
        fair = tell_raw(gateway, b"GET %b://%b/public/x HTTP/1.1" % (scheme, authority))
        assert fair.one.target == b"/public/x", (
            f"the scheme {scheme!r} changed the path"
        )
    if gateway.trusted_peer is None:
        return
    for proto in ("https", "HTTPS", "Https"):
        told = gateway.ask(
            "/secure/x", f"X-Forwarded-Proto: {proto}", source=gateway.trusted_peer
        )
        assert told.one.all("X-Forwarded-Proto") == ["https"], f"the scheme {proto}"


def assert_refused_or_sent_away(told: Told, what: object) -> None:
    assert told.seen == [], f"{what!r} reached the upstream"
    assert told.reply.is_denial, f"{what!r}: {told.reply.status}"


@pytest.mark.spec("T-P10")
@shows("reached the upstream")
def test_no_user_agent_is_let_in(gateway: Gateway) -> None:
    for agent in (
        "GoogleHC/1.0", "kube-probe/1.30", "ELB-HealthChecker/2.0", "HealthCheck/1.0",
        "Envoy/HC", "Amazon-Route53-Health-Check-Service", "Kong/3", "Prometheus/2.0",
    ):  # fmt: skip
        for target in ("/private/x", "/bearer/x", "/session/x"):
            told = gateway.ask(target, f"User-Agent: {agent}")
            assert_refused_or_sent_away(told, f"{target} as {agent}")


@pytest.mark.spec("T-P11")
@shows("reached the upstream")
def test_what_cannot_be_parsed_is_denied(gateway: Gateway) -> None:
    for target in (
        b"/private%", b"/private%zz", b"/private/%2", b"/%", b"/%g0/../private",
        b"/private\x01", b"/private\x7f", b"/private\xff", b"/private\xc3\xa9", b"/private\x00",
        b"/private/%00", b"/private%0d%0aX: y", b"/priv ate", b"/private\t/x", b"/private\\x",
        b"/private?x=\x01", b"/private?x=\xff\xfe", b"http://[::1/private", b"http://[zz]/private",
    ):  # fmt: skip
        told = tell_raw(gateway, b"GET %b HTTP/1.1" % target)
        assert_refused(told, target)


@pytest.mark.spec("T-P12")
@shows("reached the upstream")
def test_a_doubtful_host_is_refused(gateway: Gateway) -> None:
    for lines in (
        b"Host: a\r\nHost: a", b"Host: a\r\nHost: b", b"Host: a\r\nhost: b", b"Host: a, b",
        b"Host: u@a", b"Host: u:p@a", b"Host: a b", b"Host: a\\b", b"Host: a/b", b"Host: a?b",
        b"Host: a#b", b"Host: a:b", b"Host: a:99999", b"Host: a:80:80", b"Host: <a>",
        b"Host: a\x00b", b"Host: a\x0bb", b"Host: [::1", b'Host: "a"', b"Host : a", b"X: y",
        b"Host: a\r\n b", b"Host:", b"Host: \xff", b"Host: a|b", b"Host: a^b", b"Host: ..",
    ):  # fmt: skip
        case = secrets.token_hex(8).encode()
        reply = gateway.raw(
            b"GET /public/x HTTP/1.1\r\n%b\r\nX-Case: %b\r\n\r\n" % (lines, case)
        )
        told = Told(reply=reply, seen=gateway.upstream.about(case.decode()))
        assert_refused(told, lines)
        assert reply.status in {0, 400, 404}, f"{lines!r}: {reply.status}"


@pytest.mark.spec("T-P13")
@shows("reached the upstream")
def test_a_stranger_gets_nothing_by_another_method(gateway: Gateway) -> None:
    preflight = (
        "Origin: https://evil.example",
        "Access-Control-Request-Method: GET",
        "Access-Control-Request-Headers: authorization",
    )
    for method in (
        "OPTIONS", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "TRACE", "TRACK",
        "get", "Get", "OPTIONS2", "REPORT", "SEARCH", "PURGE",
    ):  # fmt: skip
        for target in ("/private/x", "/bearer/x", "/session/x", "/hosted/x"):
            for fields in ((), preflight, ("X-HTTP-Method-Override: OPTIONS",)):
                told = gateway.ask(
                    target, *fields, method=method, host="app.example.com"
                )
                assert told.seen == [], f"{method} {target} reached the upstream"
                assert told.reply.is_denial, f"{method} {target}: {told.reply.status}"
                assert told.reply.get("Access-Control-Allow-Origin") == "", (
                    f"{method} {target}: nobody configured CORS"
                )
    told = gateway.ask("/preflight/x", *preflight, method="OPTIONS")
    assert told.reply.status == 200, "the route that lets preflights pass does not"
    for method in ("GET", "POST", "HEAD"):
        told = gateway.ask("/preflight/x", *preflight, method=method)
        assert told.seen == [], f"{method} on the preflight route reached the upstream"


@pytest.mark.spec("T-P14")
@shows("reached the upstream")
def test_a_hole_in_a_guarded_prefix_ends_at_its_segment(gateway: Gateway) -> None:
    for target in ("/seg/prod", "/seg/prod/", "/seg/prod/x"):
        assert gateway.ask(target).reply.status == 200, f"{target} is an open path"
    for target in (
        "/seg/production", "/seg/production/x", "/seg/prod-x", "/seg/prod.x", "/seg/prodx",
        "/seg/prod%2e", "/seg/prod;x", "/seg/prod%2Fx", "/seg/PROD", "/seg/xprod", "/seg/x/prod",
        "/seg/prod/../production", "/seg/prod/..%2Fproduction", "/seg", "/seg/", "/segment/prod",
    ):  # fmt: skip
        assert_refused_or_sent_away(gateway.ask(target), target)
