"""Discovery and logout of the relying party, clause by clause."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.http.exchange import IncomingReply
from ostiary.oidc.errors import MetadataRefused
from ostiary.oidc.rp.logout import LogoutRequest, build_logout_url
from ostiary.oidc.rp.metadata import (
    build_discovery_url,
    discovery_request,
    has_same_place,
    is_cognito_logout,
    normalise_issuer,
    read_jwks,
    read_metadata,
)

ISSUER = "https://idp.example/pool"
GOOD: dict[str, Any] = {
    "issuer": ISSUER,
    "jwks_uri": f"{ISSUER}/jwks",
    "authorization_endpoint": f"{ISSUER}/a",
    "token_endpoint": f"{ISSUER}/t",
}
COGNITO = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc123DEF"
COGNITO_LOGOUT = "https://x.auth.eu-west-1.amazoncognito.com/logout"


def reply(value: object, status: int = 200) -> IncomingReply:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return IncomingReply(status=status, fields={}, body=body)


@pytest.mark.spec("OIDC-Discovery#4")
@pytest.mark.parametrize(
    ("configured", "issuer", "url"),
    [
        (ISSUER, ISSUER, f"{ISSUER}/.well-known/openid-configuration"),
        (f"{ISSUER}/", ISSUER, f"{ISSUER}/.well-known/openid-configuration"),
        (
            f"{ISSUER}/.well-known/openid-configuration",
            ISSUER,
            f"{ISSUER}/.well-known/openid-configuration",
        ),
        (
            f"{ISSUER}/.well-known/oauth-authorization-server",
            ISSUER,
            f"{ISSUER}/.well-known/oauth-authorization-server",
        ),
        (
            "https://b2c.example/t?p=policy",
            "https://b2c.example/t?p=policy",
            "https://b2c.example/t/.well-known/openid-configuration?p=policy",
        ),
        (
            "https://b2c.example/t/.well-known/openid-configuration?p=policy",
            "https://b2c.example/t?p=policy",
            "https://b2c.example/t/.well-known/openid-configuration?p=policy",
        ),
    ],
)
def test_every_way_to_write_an_issuer_leads_to_one(
    configured: str, issuer: str, url: str
) -> None:
    assert (normalise_issuer(configured), build_discovery_url(configured)) == (
        issuer,
        url,
    )


def test_the_discovery_request_asks_for_json_with_the_extra_fields() -> None:
    request = discovery_request(ISSUER, (("X-Key", "1"),))

    assert request.fields == (("Accept", "application/json"), ("X-Key", "1"))


@pytest.mark.spec("OIDC-Discovery#4.3")
def test_a_good_document_is_believed() -> None:
    found = read_metadata(
        reply(
            {
                **GOOD,
                "token_endpoint_auth_methods_supported": ["client_secret_basic", 1],
            }
        ),
        ISSUER,
    )

    assert found.token_endpoint == f"{ISSUER}/t"
    assert found.token_endpoint_auth_methods == ("client_secret_basic",)
    assert found.end_session_endpoint is None


@pytest.mark.spec("OIDC-Discovery#4.3")
@pytest.mark.parametrize(
    ("document", "status", "word"),
    [
        (GOOD, 404, "status 404"),
        (b"<html>", 200, "not JSON"),
        ([1], 200, "not a JSON object"),
        (b'{"issuer": "a", "issuer": "b"}', 200, "twice"),
        ({**GOOD, "issuer": "https://evil.example"}, 200, "evil.example"),
        ({k: v for k, v in GOOD.items() if k != "issuer"}, 200, "None"),
        ({**GOOD, "jwks_uri": "not a url"}, 200, "jwks_uri"),
        ({**GOOD, "token_endpoint": "http://idp.example/t"}, 200, "not https"),
        ({**GOOD, "token_endpoint": 7}, 200, "token_endpoint"),
        (
            {**GOOD, "token_endpoint": "https://u:p@idp.example/t"},
            200,
            "token_endpoint",
        ),
        (b" " * 600_000, 200, "512 KB"),
    ],
)
def test_a_bad_document_is_refused_with_its_reason(
    document: object, status: int, word: str
) -> None:
    with pytest.raises(MetadataRefused) as caught:
        read_metadata(reply(document, status), ISSUER)

    assert word in caught.value.detail
    assert caught.value.code == "metadata_refused"


def test_a_key_set_without_keys_is_refused() -> None:
    with pytest.raises(MetadataRefused):
        read_jwks(reply({"no": "keys"}))

    assert read_jwks(reply({"keys": []})).keys == ()


@pytest.mark.parametrize(
    ("endpoint", "issuer", "expected"),
    [
        (COGNITO_LOGOUT, COGNITO, True),
        (
            "https://x.auth.localhost:9/logout",
            "https://cognito-idp.localhost:9/eu-west-1_a1",
            True,
        ),
        (COGNITO_LOGOUT.replace("/logout", "/end"), COGNITO, False),
        (COGNITO_LOGOUT, "https://idp.example/eu-west-1_abc", False),
        (COGNITO_LOGOUT, "https://cognito-idp.example/plain", False),
    ],
)
@pytest.mark.spec("D16")
def test_cognito_is_known_by_its_shape(
    endpoint: str, issuer: str, *, expected: bool
) -> None:
    assert is_cognito_logout(endpoint, issuer) is expected


def test_places_are_compared_by_origin_and_path() -> None:
    assert has_same_place("https://a.example/l?x=1", "https://a.example:443/l")
    assert not has_same_place("https://a.example/l", "https://a.example/m")
    assert not has_same_place("nonsense", "https://a.example/m")


def url_of(**changes: Any) -> str | None:
    values: dict[str, Any] = {
        "issuer": ISSUER,
        "client_id": "c",
        "end_session_endpoint": f"{ISSUER}/end",
        "logout_redirect_uri": "https://app.example/bye",
        "id_token": "a.b.c",
    }
    return build_logout_url(LogoutRequest(**{**values, **changes}))


def arguments(url: str | None) -> dict[str, str]:
    assert url is not None
    return {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}


@pytest.mark.spec("OIDC-RPInitiated#2")
def test_the_standard_logout_has_hint_target_and_client() -> None:
    assert arguments(url_of()) == {
        "id_token_hint": "a.b.c",
        "post_logout_redirect_uri": "https://app.example/bye",
        "client_id": "c",
    }
    assert arguments(url_of(id_token=None, logout_redirect_uri=None)) == {
        "client_id": "c"
    }


def test_without_an_endpoint_the_target_is_all_there_is() -> None:
    assert url_of(end_session_endpoint=None) == "https://app.example/bye"
    assert url_of(end_session_endpoint=None, logout_redirect_uri=None) is None


@pytest.mark.spec("D16")
def test_cognitos_form_is_made_for_cognito() -> None:
    found = url_of(
        issuer=COGNITO,
        end_session_endpoint=COGNITO_LOGOUT,
        logout_redirect_uri="app.example/bye",
    )

    assert arguments(found) == {
        "client_id": "c",
        "logout_uri": "https://app.example/bye",
    }
    assert (
        url_of(
            issuer=COGNITO,
            end_session_endpoint=COGNITO_LOGOUT,
            logout_redirect_uri=None,
        )
        is None
    )
