"""The plugin's configuration: every field enforced, inert with a warning, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ostiary.jose.keys import PrivateKey
from ostiary.model.words import read_problems
from ostiary.signin.schema import CLASSES, OpenidConnectConfig, describe_warnings

ISSUER = "https://idp.example/pool"
FAST = settings(max_examples=200, deadline=None, derandomize=True)
REFUSED = {name for name, kind in CLASSES.items() if kind == "refused"}
INERT = {name for name, kind in CLASSES.items() if kind == "inert"}


def load(**fields: Any) -> OpenidConnectConfig:
    return OpenidConnectConfig.model_validate(
        {"issuer": ISSUER, **fields}, strict=False
    )


def refused(**fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        load(**fields)
    return "; ".join(
        ".".join(map(str, (*place, text)))
        for place, text in read_problems(caught.value)
    )


REDIS: dict[str, Any] = {
    "host": "127.0.0.1", "port": 6379, "connect_timeout": 2000, "send_timeout": 2000,
    "read_timeout": 2000, "database": 0, "keepalive_pool_size": 256, "ssl": False,
    "ssl_verify": True, "cluster_max_redirections": 5, "connection_is_proxied": False,
}  # fmt: skip
METHODS = [
    "password", "client_credentials", "authorization_code", "bearer", "introspection",
    "userinfo", "kong_oauth2", "refresh_token", "session",
]  # fmt: skip
PLACES = ["header", "query", "body"]
# What `{"issuer": …}` becomes; every field that is not here is null.
DEFAULTS: dict[str, Any] = {
    "using_pseudo_issuer": False, "rediscovery_lifetime": 30, "auth_methods": METHODS,
    "client_arg": "client_id", "forbidden_error_message": "Forbidden",
    "forbidden_destroy_session": True, "unauthorized_destroy_session": True,
    "unauthorized_error_message": "Unauthorized", "response_mode": "query",
    "response_type": ["code"], "scopes": ["openid"], "scopes_claim": ["scope"],
    "audience_claim": ["aud"], "groups_claim": ["groups"], "roles_claim": ["roles"],
    "authorization_rolling_timeout": 600, "authorization_cookie_name": "authorization",
    "authorization_cookie_path": "/", "authorization_cookie_same_site": "Default",
    "authorization_cookie_http_only": True, "preserve_query_args": False,
    "introspection_hint": "access_token", "introspection_check_active": True,
    "introspection_accept": "application/json", "introspect_jwt_tokens": False,
    "userinfo_accept": "application/json", "session_audience": "default",
    "session_cookie_name": "session", "session_remember": False,
    "session_remember_cookie_name": "remember",
    "session_remember_rolling_timeout": 604800,
    "session_remember_absolute_timeout": 2592000, "session_idling_timeout": 900,
    "session_rolling_timeout": 3600, "session_absolute_timeout": 86400,
    "session_cookie_path": "/", "session_cookie_same_site": "Lax",
    "session_cookie_http_only": True, "session_storage": "cookie",
    "session_store_metadata": False, "session_enforce_same_subject": False,
    "session_hash_subject": False, "session_hash_storage_key": False,
    "session_memcached_host": "127.0.0.1", "session_memcached_port": 11211,
    "session_memcached_ssl_verify": True, "reverify": False, "jwt_session_claim": "sid",
    "bearer_token_param_type": PLACES, "client_credentials_param_type": PLACES,
    "password_param_type": PLACES, "id_token_param_type": PLACES,
    "refresh_token_param_type": PLACES, "refresh_tokens": True,
    "upstream_access_token_header": "authorization:bearer",
    "login_methods": ["authorization_code"], "login_action": "upstream",
    "login_tokens": ["id_token"], "login_redirect_mode": "fragment",
    "logout_methods": ["POST", "DELETE"], "logout_revoke": False,
    "logout_revoke_access_token": True, "logout_revoke_refresh_token": True,
    "consumer_by": ["username", "custom_id"], "consumer_optional": False,
    "consumer_groups_optional": False, "credential_claim": ["sub"],
    "run_on_preflight": True, "leeway": 0, "verify_parameters": False,
    "verify_nonce": True, "verify_claims": True, "verify_signature": True,
    "ignore_signature": [], "enable_hs_signatures": False, "cache_ttl": 3600,
    "cache_tokens": True, "cache_introspection": True, "cache_token_exchange": True,
    "cache_user_info": True, "search_user_info": False, "hide_credentials": True,
    "http_version": 1.1, "keepalive": True, "ssl_verify": True, "timeout": 10000,
    "display_errors": False, "by_username_ignore_case": False,
    "resolve_distributed_claims": False, "expose_error_code": True,
    "token_cache_key_include_scope": False, "introspection_token_param_name": "token",
    "revocation_token_param_name": "token", "proof_of_possession_mtls": "off",
    "proof_of_possession_auth_methods_validation": True,
    "tls_client_auth_ssl_verify": True, "proof_of_possession_dpop": "off",
    "dpop_use_nonce": False, "dpop_proof_lifetime": 300,
    "cluster_cache_strategy": "off", "cluster_cache_items": ["introspection"],
    "redis": REDIS, "cluster_cache_redis": REDIS,
}  # fmt: skip


@pytest.mark.spec("oidc-plugin#2.25")
def test_the_defaults_are_those_of_kong() -> None:
    dumped = load().model_dump(mode="json")
    shown = {
        name: {k: v for k, v in value.items() if v is not None}
        if isinstance(value, dict)
        else value
        for name, value in dumped.items()
        if value is not None and name != "issuer"
    }

    assert shown == DEFAULTS


# A value that is not the default, for every field that restricts and is not built.
NOT_DEFAULT: dict[str, Any] = {
    "verify_parameters": True,
    "tls_client_auth_cert_id": "x",
    "pushed_authorization_request_endpoint": "https://a/par",
    "pushed_authorization_request_endpoint_auth_method": "none",
    "require_pushed_authorization_requests": True,
    "require_signed_request_object": True,
    "ignore_signature": ["password"],
    "enable_hs_signatures": True, "reverify": True, "jwt_session_cookie": "c",
    "consumer_groups_claim": ["groups"], "principals": {"a": 1},
    "session_audience": "other",
    "session_enforce_same_subject": True, "session_memcached_ssl": True,
    "cluster_cache_strategy": "redis", "proof_of_possession_mtls": "strict",
    "proof_of_possession_dpop": "optional", "dpop_use_nonce": True,
    "proof_of_possession_mtls_from_header": {"a": 1},
    "token_exchange_endpoint": "https://a/exchange", "token_exchange": {"a": 1},
}  # fmt: skip


@pytest.mark.spec("D11")
def test_every_refused_field_has_a_value_to_be_refused_with() -> None:
    assert set(NOT_DEFAULT) == REFUSED


@pytest.mark.spec("D11")
@pytest.mark.parametrize("name", sorted(NOT_DEFAULT))
def test_a_field_that_restricts_and_is_not_built_is_refused_by_name(name: str) -> None:
    text = refused(**{name: NOT_DEFAULT[name]})

    assert name in text
    assert "not supported yet" in text


@pytest.mark.spec("D11")
@pytest.mark.parametrize("name", sorted(NOT_DEFAULT))
def test_its_default_is_accepted(name: str) -> None:
    default = DEFAULTS.get(name)

    assert load(**{name: default}).model_dump(mode="json")[name] == default


def test_every_refused_field_is_named_at_once() -> None:
    names = [
        "reverify",
        "session_audience",
        "verify_parameters",
        "enable_hs_signatures",
    ]
    text = refused(**{name: NOT_DEFAULT[name] for name in names})

    assert [name for name in names if f"{name}: not supported yet" in text] == names


@pytest.mark.parametrize("name", ["disable_session", "session_bind", "domains"])
@pytest.mark.parametrize("empty", [[], {}, None])
def test_an_empty_array_restricts_nothing(name: str, empty: object) -> None:
    assert load(**{name: empty}).issuer == ISSUER


# Where the type does not say which other value is allowed.
INERT_SPECIAL: dict[str, Any] = {
    "introspection_accept": "application/jwt", "userinfo_accept": "application/jwt",
    "consumer_by": ["id"], "token_headers_grants": ["password"],
    "session_request_headers": ["id"], "session_response_headers": ["id"],
    "cluster_cache_redis": {"host": "r"},
    "cluster_cache_items": ["tokens"], "introspection_endpoint": "https://a/i",
    "userinfo_endpoint": "https://a/u", "http_version": 1.0,
}  # fmt: skip


def other_value(name: str) -> Any:
    if name in INERT_SPECIAL:
        return INERT_SPECIAL[name]
    default = DEFAULTS.get(name)
    if isinstance(default, bool):
        return not default
    if isinstance(default, int | float):
        return default + 1
    if default == PLACES:
        return ["query"]
    if name.endswith("_auth_method"):
        return "none"
    if name.startswith("cache_ttl"):
        return 5
    if isinstance(default, list) or name.endswith(
        ("_names", "_values", "_client", "_replay", "_headers")
    ):
        return ["x"]
    return "x"


@pytest.mark.spec("D11")
@pytest.mark.parametrize("name", sorted(INERT))
def test_a_field_without_effect_is_warned_about(name: str) -> None:
    config = load(**{name: other_value(name)})

    assert f"config.{name} has no effect yet" in describe_warnings(config)
    same = describe_warnings(load(**{name: DEFAULTS.get(name)}))
    assert f"config.{name} has no effect yet" not in same


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "auth_methods is blank: bearer tokens in query arguments and bodies"),
        ({}, "client_id is not set"),
        ({"ssl_verify": False}, "ssl_verify is false"),
        ({"issuer": "http://a"}, "issuer is http"),
        ({"auth_methods": ["kong_oauth2", "session"]}, "kong_oauth2 never match yet"),
        ({"ostiary": {"accept_any_audience": True}}, "accept_any_audience"),
        (
            {"response_mode": "form_post", "authorization_cookie_same_site": "Lax"},
            "keeps the browser from sending the flow's cookie",
        ),
    ],
)
def test_dangers_are_said_aloud(fields: dict[str, Any], expected: str) -> None:
    careful = load(client_id=["c"], auth_methods=["session"])

    assert any(expected in text for text in describe_warnings(load(**fields)))
    assert describe_warnings(careful) == ()


RENAMED: dict[str, tuple[str, Any]] = {
    "authorization_cookie_lifetime": ("authorization_rolling_timeout", 7),
    "authorization_cookie_samesite": ("authorization_cookie_same_site", "Strict"),
    "authorization_cookie_httponly": ("authorization_cookie_http_only", False),
    "session_cookie_lifetime": ("session_rolling_timeout", 7),
    "session_cookie_idletime": ("session_idling_timeout", 7),
    "session_cookie_samesite": ("session_cookie_same_site", "None"),
    "session_cookie_httponly": ("session_cookie_http_only", False),
    "session_memcache_prefix": ("session_memcached_prefix", "p"),
    "session_memcache_socket": ("session_memcached_socket", "/s"),
    "session_memcache_host": ("session_memcached_host", "h"),
    "session_memcache_port": ("session_memcached_port", 7),
}


@pytest.mark.parametrize("old", sorted(RENAMED))
def test_an_old_name_sets_the_new_field(old: str) -> None:
    new, value = RENAMED[old]

    assert getattr(load(**{old: value}), new) == value
    assert getattr(load(**{old: value, new: value}), new) == value


def test_an_old_and_a_new_name_that_differ_are_refused() -> None:
    text = refused(session_cookie_lifetime=1, session_rolling_timeout=2)

    assert "both session_cookie_lifetime and session_rolling_timeout are set" in text


def test_old_values_and_records_are_read() -> None:
    config = load(
        session_cookie_samesite="off", session_redis_host="r", session_redis_port=1,
        session_redis_cluster_maxredirections=9, redis={"port": 2},
        session_cookie_renew=600, session_strategy="x", scopes="openid, email",
    )  # fmt: skip

    assert config.session_cookie_same_site == "Default"
    assert (config.redis.host, config.redis.port) == ("r", 2)
    assert config.redis.cluster_max_redirections == 9
    assert config.scopes == ("openid", "email")


def test_an_old_record_beside_a_wrong_one_is_a_plain_refusal() -> None:
    assert "expected a record" in refused(session_redis_host="r", redis="x")


@pytest.mark.parametrize("value", [{}, []])
@pytest.mark.parametrize("name", ["login_tokens", "scopes", "claims_forbidden"])
def test_an_empty_object_is_an_empty_array(name: str, value: object) -> None:
    assert getattr(load(**{name: value}), name) == ()


def test_a_lone_text_is_an_array_of_one() -> None:
    assert load(client_id="c", redirect_uri="https://a/cb").client_id == ("c",)


JWK = PrivateKey.generate_ec("k").to_private_jwk()
PAGE: dict[str, Any] = {
    "leeway": 100,
    "consumer_by": ["username", "custom_id", "id"],
    "scopes": ["openid", "profile", "email"],
    "logout_query_arg": "logout",
    "client_id": ["1pf00c5or942c2hm37mgv0u509"],
    "login_action": "redirect",
    "logout_redirect_uri": [
        (
            "https://kongdemo.auth.ap-southeast-1.amazoncognito.com/logout"
            "?client_id=1pf00c5or942c2hm37mgv0u509&logout_uri=kong-ee:8446/default"
        )
    ],
    "login_tokens": {},
    "login_redirect_uri": ["https://kong-ee:8446/default"],
    "forbidden_redirect_uri": ["https://kong-ee:8446/default/unauthorized"],
    "ssl_verify": False,
    "issuer": "https://cognito-idp.ap-southeast-1.amazonaws.com/ap-southeast-1_ie577myCv"
    "/.well-known/openid-configuration",
    "logout_methods": ["GET"],
    "consumer_claim": ["email"],
    "login_redirect_mode": "query",
    "redirect_uri": ["https://kong-ee:8447/default/auth"],
}


def test_the_portals_json_loads_as_it_stands_on_the_page() -> None:
    config = load(**PAGE)

    assert config.consumer_claims == (("email",),)
    assert config.login_tokens == ()
    assert config.leeway == 100
    assert config.logout_methods == ("GET",)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"issuer": "a.example"}, "issuer.missing scheme in url"),
        ({"issuer": "https://"}, "issuer.missing host in url"),
        ({"issuer": "ftp://a"}, "issuer.missing host in url"),
        ({"issuer": None}, "issuer.required field missing"),
        ({"nome": 1}, "nome.unknown field"),
        ({"auth_methods": ["magic"]}, "auth_methods.0.expected one of: password, "),
        ({"leeway": "x"}, "leeway.expected a number"),
        ({"leeway": float("inf")}, "leeway.expected a number"),
        ({"session_absolute_timeout": float("nan")},
         "session_absolute_timeout.expected a number"),
        ({"client_auth": ["private_key_jwt"], "client_alg": ["HS256"]},
         "client_alg: HS256 cannot sign for private_key_jwt"),
        ({"client_auth": ["tls_client_auth"]}, "'tls_client_auth' is not supported yet"),
        ({"client_jwk": [{"kty": "oct", "k": "c2VjcmV0"}]}, "client_jwk.0.not a private key"),
        ({"client_jwk": [JWK], "client_alg": ["RS256"]}, "cannot sign with RS256"),
        ({"using_pseudo_issuer": True}, "jwks_endpoint: required with using_pseudo_issuer"),
        ({"session_storage": "memcached"}, "'memcached' is not supported yet"),
        ({"session_storage": "redis", "redis": {"cluster_nodes": [{"ip": "a"}]}},
         "redis.cluster_nodes: not supported yet"),
        ({"session_storage": "redis", "redis": {"sentinel_master": "m"}},
         "redis.sentinel_master: not supported yet"),
        ({"response_mode": "fragment"}, "'fragment' is not supported yet"),
        ({"session_cookie_path": "a"}, "session_cookie_path.should start with: /"),
        ({"session_cookie_path": "/a//"}, "must not have empty segments"),
        ({"session_cookie_path": "/;x"}, "session_cookie_path.invalid value: /;x"),
        ({"session_cookie_name": "a b"}, "session_cookie_name.invalid value: a b"),
        ({"session_cookie_name": "a=b"}, "session_cookie_name.invalid value: a=b"),
        ({"authorization_cookie_name": "é"}, "authorization_cookie_name.invalid value"),
        ({"session_cookie_domain": "a; Secure"}, "session_cookie_domain.invalid value"),
        ({"session_cookie_domain": "é"}, "session_cookie_domain.invalid value"),
        ({"session_cookie_domain": "a:80"}, "session_cookie_domain.must not have a port"),
        ({"session_cookie_name": "__Host-s", "session_cookie_path": "/a"},
         "a __Host- cookie needs path /, no domain and secure"),
        ({"session_cookie_name": "__Host-s", "session_cookie_domain": "a"},
         "a __Host- cookie needs path /, no domain and secure"),
        ({"authorization_cookie_name": "__Host-a", "authorization_cookie_secure": False},
         "a __Host- cookie needs path /, no domain and secure"),
        ({"upstream_headers": [{"header": "X", "path": ["a"]}],
          "upstream_headers_names": ["Y"]}, "these sets are mutually exclusive"),
        ({"upstream_headers": [{"header": "X", "path": []}]}, "length must be at least 1"),
        ({"ostiary": {"odd": 1}}, "ostiary.odd.unknown field"),
        ({"redis": {"port": 99999}}, "redis.port.value should be between 0 and 65535"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named(fields: dict[str, Any], expected: str) -> None:
    assert expected in refused(**fields)


def test_a_shared_cookie_domain_may_begin_with_a_dot() -> None:
    assert load(session_cookie_domain=".example.com").session_cookie_domain


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
OLD_NAMES = [*RENAMED, "session_redis_host", "consumer_claim", "ostiary"]


@FAST
@given(st.dictionaries(st.sampled_from([*CLASSES, *OLD_NAMES]), JUNK, max_size=4))
def test_any_value_is_accepted_or_refused(fields: dict[str, Any]) -> None:
    try:
        config = load(**fields)
    except ValidationError as error:
        assert read_problems(error)  # noqa: PT017 - any other error fails the test
        return

    assert describe_warnings(config)
