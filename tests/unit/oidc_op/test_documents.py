"""Discovery, key set, and which URIs a client may register."""

from __future__ import annotations

import json

import pytest

from ostiary.oidc.op.client import (
    is_http_on_a_foreign_host,
    is_registrable_uri,
    origin_of,
)
from ostiary.oidc.op.discovery import build_discovery, build_jwks


@pytest.mark.spec("OIDC-Discovery#3")
def test_discovery_is_cognito_s_to_the_byte() -> None:
    assert build_discovery("https://i/p", "https://d") == (
        b'{"authorization_endpoint":"https://d/oauth2/authorize",'
        b'"end_session_endpoint":"https://d/logout",'
        b'"id_token_signing_alg_values_supported":["RS256"],'
        b'"issuer":"https://i/p",'
        b'"jwks_uri":"https://i/p/.well-known/jwks.json",'
        b'"response_types_supported":["code","token"],'
        b'"revocation_endpoint":"https://d/oauth2/revoke",'
        b'"scopes_supported":["openid","email","phone","profile"],'
        b'"subject_types_supported":["public"],'
        b'"token_endpoint":"https://d/oauth2/token",'
        b'"token_endpoint_auth_methods_supported":'
        b'["client_secret_basic","client_secret_post"],'
        b'"userinfo_endpoint":"https://d/oauth2/userInfo"}'
    )


def test_without_a_domain_endpoints_are_under_the_issuer() -> None:
    document = json.loads(build_discovery("https://i/p", None))

    assert document["token_endpoint"] == "https://i/p/token"
    assert document["end_session_endpoint"] == "https://i/p/logout"


def test_a_key_is_shown_with_cognito_s_members_only() -> None:
    jwk = {
        "kty": "RSA",
        "n": "n",
        "e": "AQAB",
        "kid": "k",
        "alg": "RS256",
        "use": "sig",
    }

    assert build_jwks([{**jwk, "d": "private"}]) == (
        b'{"keys":[{"alg":"RS256","e":"AQAB","kid":"k","kty":"RSA","n":"n","use":"sig"}]}'
    )


@pytest.mark.spec("RFC6749#3.1.2")
@pytest.mark.parametrize(
    ("uri", "ok"),
    [
        ("https://a.example/cb", True),
        ("http://localhost:3000/", True),
        ("myapp://callback", True),
        ("com.example.app:/cb", True),
        ("https://a.example/cb#f", False),
        ("https://u@a.example/", False),
        ("https:///cb", False),
        ("/cb", False),
        ("a.example:x", False),
        ("https://[::1]:8443/cb", True),
        ("https://[::g]/", False),
        ("https://*.example/", False),
        ("https://*/", False),
        ("https://a.example;script-src/", False),
        ("https://a.example,b/", False),
        ("https://a.example'/", False),
        ("https://\u00e4.example/", False),
        ("https://a.example:/", False),
        ("https://:443/", False),
        ("myapp:/cb", True),
        ("my_app://cb", False),
        *(
            (f"{scheme}://x", False)
            for scheme in (
                "javascript",
                "JavaScript",
                "data",
                "vbscript",
                "file",
                "feed",
                "view-source",
                "intent",
                "filesystem",
                "blob",
                "about",
            )
        ),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://a.example:99999/", False),
        ("https://a.example/\n", False),
    ],
)
def test_what_may_be_registered(uri: str, ok: bool) -> None:
    assert is_registrable_uri(uri) is ok


@pytest.mark.parametrize(
    ("uri", "foreign"),
    [
        ("http://a.example/", True),
        ("http://localhost.evil/", True),
        ("http://localhost/", False),
        ("http://127.0.0.1:1/", False),
        ("http://[::1]:1/", False),
        ("https://a.example/", False),
    ],
)
def test_plain_http_stays_on_the_machine(uri: str, foreign: bool) -> None:
    assert is_http_on_a_foreign_host(uri) is foreign


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        ("https://a.example:8443/cb?x", "https://a.example:8443"),
        ("myapp://cb", "myapp:"),
        ("nothing", None),
        ("https://*.example/", None),
        ("https://a.example;script-src/", None),
        ("javascript://x", None),
        ("https://[", None),
    ],
)
def test_the_origin_for_the_form_policy(uri: str, origin: str | None) -> None:
    assert origin_of(uri) == origin
