"""
Forwarded fields and proxy trust (T-F): what a stranger says about himself counts for nothing.

T-F8 needs the signed assertion, which does not exist yet: it is open in the ledger.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.security.gateways import Gateway
from tests.security.rules import shows

PEER = "127.0.0.1"
PATH_NAMES = (
    "X-Forwarded-Uri", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Original-URL",
    "X-Original-Uri", "X-Rewrite-URL", "X-Envoy-Original-Path", "X-Envoy-Original-Url",
    "X-Accel-Redirect", "X-Override-Url", "X-Forwarded-Url",
)  # fmt: skip
# Every name that some proxy, mesh or framework believes, with a value that would do harm.
BELIEVED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Protocol": "https",
    "X-Forwarded-Port": "6666",
    "X-Forwarded-Path": "/evil",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Uri": "/evil",
    "X-Forwarded-Method": "EVIL",
    "X-Forwarded-Server": "evil.example",
    "X-Forwarded-Scheme": "https",
    "X-Forwarded-Ssl": "on",
    "X-Forwarded-User": "evil",
    "X-Forwarded-Email": "evil@evil.example",
    "X-Forwarded-Groups": "evil",
    "X-Forwarded-Preferred-Username": "evil",
    "X-Forwarded-Access-Token": "evil",
    "X-Forwarded-Tls-Client-Cert": "evil",
    "X-Forwarded-Tls-Client-Cert-Info": "evil",
    "X-Forwarded-Client-Cert": "evil",
    "Forwarded": "for=6.6.6.6;host=evil.example;proto=https",
    "X-Real-IP": "6.6.6.6",
    "X-Client-IP": "6.6.6.6",
    "X-Original-Forwarded-For": "6.6.6.6",
    "X-Original-URL": "/evil",
    "X-Rewrite-URL": "/evil",
    "X-Http-Method-Override": "EVIL",
    "X-Envoy-Original-Path": "/evil",
    "X-Envoy-External-Address": "6.6.6.6",
    "X-Envoy-Internal": "true",
    "X-Envoy-Force-Trace": "evil",
    "X-Envoy-Upstream-Rq-Timeout-Ms": "6666",
}
OURS = {
    "X-Ostiary-Assertion": "evil",
    "X-Ostiary-Subject": "evil",
    "X-Consumer-Id": "evil",
    "X-Consumer-Username": "evil",
    "X-Consumer-Custom-Id": "evil",
    "X-Consumer-Groups": "evil",
    "X-Credential-Identifier": "evil",
    "X-Credential-Username": "evil",
    "X-Authenticated-Groups": "evil",
    "X-Authenticated-Userid": "evil",
    "X-Authenticated-Scope": "evil",
    "X-Anonymous-Consumer": "true",
    "X-Userinfo": "evil",
}


def assert_kept_out(gateway: Gateway, target: str, *fields: str, **more: str) -> None:
    """Nobody who says this gets served."""
    told = gateway.ask(target, *fields, **more)  # type: ignore[arg-type]  # host, method, source

    assert told.seen == [], f"{target} with {fields} reached the upstream"
    assert told.reply.is_denial, f"{target} with {fields}: {told.reply.status}"


@pytest.mark.spec("T-F1")
@pytest.mark.spec("T-P8")
@shows("reached the upstream")
def test_no_field_chooses_the_path_that_is_judged(gateway: Gateway) -> None:
    for name in PATH_NAMES:
        for value in ("/public", "/public/x", "/"):
            assert_kept_out(gateway, "/private/x", f"{name}: {value}")


@pytest.mark.spec("T-F2")
@shows("at the upstream")
def test_no_believed_field_of_a_stranger_arrives_at_the_upstream(
    gateway: Gateway,
) -> None:
    lines = [f"{name}: {value}" for name, value in BELIEVED.items()]
    lines += [f"{name.lower()}: {value}" for name, value in BELIEVED.items()]
    for target, fields in (
        ("/public/x", ()),
        ("/bearer/x", (gateway.bearer(),)),
        ("/strip/x", ()),
    ):
        request = gateway.ask(target, *fields, *lines).one
        arrived = [
            (k, v)
            for k, v in request.fields
            if any(word in v.lower() for word in (b"evil", b"6.6.6.6", b"6666"))
        ]
        assert arrived == [], f"{target}: spoofed fields at the upstream: {arrived}"
        assert request.all("X-Forwarded-Proto") in ([], ["http"]), (
            f"{target}: a spoofed scheme is at the upstream"
        )
        for name in ("X-Forwarded-Ssl", "X-Envoy-Internal", "X-Forwarded-Scheme"):
            assert request.all(name) == [], f"{target}: {name} is at the upstream"
        assert request.method == b"GET"


@pytest.mark.spec("T-F3")
@shows("reached the upstream")
def test_no_field_of_a_stranger_chooses_scheme_or_host(gateway: Gateway) -> None:
    for fields in (
        ("X-Forwarded-Host: other.example",),
        ("Forwarded: host=other.example",),
        ("X-Forwarded-Host: other.example", "X-Forwarded-Proto: https"),
        ("X-Host: other.example", "X-Forwarded-Server: other.example"),
    ):
        assert_kept_out(gateway, "/hosted/x", *fields, host="app.example.com")
    for line in (
        "X-Forwarded-Proto: https",
        "X-Forwarded-Scheme: https",
        "X-Forwarded-Ssl: on",
        "Front-End-Https: on",
        "Forwarded: proto=https",
        "X-Url-Scheme: https",
    ):
        assert_kept_out(gateway, "/secure/x", line)


@pytest.mark.spec("T-F4")
@shows("client address")
def test_the_clients_address_is_that_of_the_socket(gateway: Gateway) -> None:
    for value in (
        "6.6.6.6",
        "6.6.6.6, 7.7.7.7",
        "unknown",
        "fe80::1%eth0",
        "[::1]:80",
        "1.2.3.4:99999",
        ",,,",
        "\xff\xfe",
        "'; DROP TABLE users; --",
        "127.0.0.9",
        ", ".join(["6.6.6.6"] * 3000),
    ):
        for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP"):
            told = gateway.ask("/public/x", f"{name}: {value}")
            assert told.reply.status in {200, 400, 431}, (
                f"client address: {name}: {value[:40]!r} gives {told.reply.status}"
            )
            for request in told.seen:
                seen = [*request.all("X-Forwarded-For"), *request.all("X-Real-IP")]
                assert set(seen) == {PEER}, (
                    f"client address: {name}: {value[:40]!r} makes the upstream see {seen}"
                )
    many = gateway.ask("/public/x", "X-Forwarded-For: " + "6.6.6.6, " * 10_000)
    assert many.reply.status in {400, 431}, f"10k entries: {many.reply.status}"


def authorization(gateway: Gateway, *fields: str, source: str | None = None) -> str:
    """The Location of a login that starts with these fields."""
    told = gateway.ask("/session/page", *fields, source=source)
    assert told.reply.status == 302, (
        f"redirect: no login with {fields}: {told.reply.status}"
    )
    return told.reply.get("Location")


def redirect_uri(location: str) -> str:
    return parse_qs(urlsplit(location).query)["redirect_uri"][0]


@pytest.mark.spec("T-F5")
@shows("redirect")
def test_no_redirect_carries_what_a_stranger_forwarded(gateway: Gateway) -> None:
    clean = redirect_uri(authorization(gateway))
    spoofs = (
        ("X-Forwarded-Host: evil.example",),
        ("X-Forwarded-Proto: evil_protocol",),
        ("X-Forwarded-Proto: javascript", "X-Forwarded-Host: evil.example"),
        ("X-Forwarded-Port: 6666",),
        ("Forwarded: host=evil.example;proto=https",),
        ("X-Forwarded-Host: evil.example, good.example",),
    )
    for fields in spoofs:
        location = authorization(gateway, *fields)
        assert redirect_uri(location) == clean, f"redirect built from {fields}"
        assert "evil" not in location, f"redirect {location} built from {fields}"
        secure = gateway.ask("/secure/x", *fields).reply
        assert "evil" not in secure.get("Location"), f"redirect built from {fields}"


@pytest.mark.spec("T-F5")
@shows("redirect")
def test_a_trusted_proxy_can_only_name_http_or_https(gateway: Gateway) -> None:
    if gateway.trusted_peer is None:
        return
    for proto in ("evil_protocol", "javascript", "https://evil.example/", "file"):
        location = authorization(
            gateway, f"X-Forwarded-Proto: {proto}", source=gateway.trusted_peer
        )
        uri = redirect_uri(location)
        assert uri.startswith("http://gate.test"), f"redirect built from {proto}: {uri}"
    fair = authorization(
        gateway,
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: app.example.com",
        source=gateway.trusted_peer,
    )
    assert redirect_uri(fair).startswith("https://app.example.com"), (
        f"redirect: the trusted proxy was not believed: {fair}"
    )


@pytest.mark.spec("T-F6")
@shows("redirect")
def test_a_prefix_field_never_leads_away(gateway: Gateway) -> None:
    evil = ("//evil.example", "/\\evil.example", "https://evil.example", "/a/../../x")
    sources = {None, gateway.trusted_peer}
    for source in sources:
        for value in evil:
            line = f"X-Forwarded-Prefix: {value}"
            location = authorization(gateway, line, source=source)
            uri = redirect_uri(location)
            assert "evil" not in location, f"redirect {location} from {line}"
            assert uri.startswith("http://gate.test"), f"redirect {uri} from {line}"
            assert ".." not in uri, f"redirect {uri} from {line}"
    for value in ("/harmless", *evil):
        uri = redirect_uri(authorization(gateway, f"X-Forwarded-Prefix: {value}"))
        assert urlsplit(uri).path.startswith("/session"), f"redirect prefix: {uri}"


@pytest.mark.spec("T-F7")
@shows("at the upstream")
def test_our_own_field_names_are_stripped_on_every_listener(gateway: Gateway) -> None:
    lines = [f"{name}: {value}" for name, value in OURS.items()]
    for tls in {False, gateway.tls is not None}:
        for target, fields in (
            ("/public/x", ()),
            ("/bearer/x", (gateway.bearer(),)),
            ("/strip/x", ()),
            ("/no-such-route/x", ()),
        ):
            request = gateway.ask(target, *fields, *lines, tls=tls).one
            kept = [(k, v) for k, v in request.fields if v in {b"evil", b"true"}]
            assert kept == [], f"{target} tls={tls}: our names at the upstream: {kept}"
