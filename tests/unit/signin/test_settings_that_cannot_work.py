"""Settings that no request could be served with are refused by name; what works in Kong is not."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from ostiary.jose.keys import PrivateKey
from ostiary.model.words import read_problems
from ostiary.signin.party import HeaderSource, compile_party
from ostiary.signin.schema import OpenidConnectConfig, describe_warnings
from ostiary.signin.schema.kinds import METHODS

EC = PrivateKey.generate_ec("k").to_private_jwk()
SECRET = "s" * 32


def load(**fields: Any) -> OpenidConnectConfig:
    return OpenidConnectConfig.model_validate(
        {"issuer": "https://idp.example/pool", **fields}, strict=False
    )


def refused(**fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        load(**fields)
    return "; ".join(
        ".".join(map(str, (*place, text)))
        for place, text in read_problems(caught.value)
    )


@pytest.mark.spec("D10")
@pytest.mark.parametrize("fields", [{}, {"auth_methods": None}])
def test_blank_auth_methods_are_all_and_are_warned_about(
    fields: dict[str, Any],
) -> None:
    config = load(client_id=["c"], **fields)

    assert config.auth_methods == METHODS
    assert compile_party(config, "row").methods == set(METHODS) - {"kong_oauth2"}
    assert "auth_methods is blank" in describe_warnings(config)[0]


def test_auth_methods_that_are_named_are_those_and_no_others() -> None:
    config = load(client_id=["c"], auth_methods=["bearer"])

    assert compile_party(config, "row").methods == {"bearer"}
    assert describe_warnings(config) == ()


TOKEN_HEADERS = [
    f"{side}_{source}_header"
    for side in ("upstream", "downstream")
    for source in get_args(HeaderSource)
]
LISTS = [
    "upstream_headers_names",
    "downstream_headers_names",
    "discovery_headers_names",
    "token_headers_names",
    "token_headers_client",
    "token_headers_replay",
    "introspection_headers_names",
    "introspection_headers_client",
    "introspection_post_args_client_headers",
    "userinfo_headers_names",
    "userinfo_headers_client",
]


def with_header(field: str, name: str) -> dict[str, Any]:
    if field in {"upstream_headers", "downstream_headers"}:
        return {field: [{"header": name, "path": ["email"]}]}
    return {field: [name] if field in LISTS else name}


RECORDS = ["upstream_headers", "downstream_headers"]
SINGLE = [*TOKEN_HEADERS, "bearer_token_header_name"]
FIELDS = [*LISTS, *RECORDS, *SINGLE]


@pytest.mark.spec("oidc-plugin#8.2")
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", ["x y", "X-A: b\r\nEvil", "x-\u00fc", "a:b", "x\n"])
def test_a_name_that_is_no_header_name_is_refused_where_it_is(
    field: str, name: str
) -> None:
    text = refused(**with_header(field, name))

    assert text.startswith(f"{field}.")
    assert "bad header name" in text
    assert "\n" not in text


@pytest.mark.spec("oidc-plugin#8.2")
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", ["X-User", "authenticated_user", "x.y!"])
def test_a_header_name_may_have_underscores_and_signs(field: str, name: str) -> None:
    assert compile_party(load(**with_header(field, name)), "row")


@pytest.mark.parametrize("field", FIELDS)
def test_an_empty_name_is_told_in_kong_s_words(field: str) -> None:
    assert "length must be at least 1" in refused(**with_header(field, ""))


@pytest.mark.parametrize("field", TOKEN_HEADERS)
def test_a_token_s_header_may_ask_for_bearer_and_for_nothing_else(field: str) -> None:
    side = field.partition("_")[0]
    party = compile_party(load(**{field: "X_Token:Bearer"}), "row")
    found = {h.name: h.bearer for h in getattr(party, f"{side}_tokens")}

    assert found[b"x-token"] is True
    assert "only ':bearer' may follow" in refused(**{field: "x-token:basic"})
    assert "bad header name ''" in refused(**{field: ":bearer"})
    assert getattr(load(**{field: None}), field) is None


def test_the_look_up_of_a_token_is_a_name_or_the_standard() -> None:
    given = "Authorization:Bearer"

    assert load(bearer_token_header_name=given).bearer_token_header_name == given
    assert "'authorization:bearer'" in refused(bearer_token_header_name="x:bearer")


@pytest.mark.spec("T-F1")
@pytest.mark.parametrize("name", ["content-length", "Transfer_Encoding", "host"])
@pytest.mark.parametrize(
    "field", [*RECORDS, *TOKEN_HEADERS, *LISTS[:2], "token_headers_replay"]
)
def test_a_header_of_the_connection_cannot_carry_a_claim(field: str, name: str) -> None:
    assert "belongs to the connection" in refused(**with_header(field, name))


def test_a_prefix_makes_another_header_of_it() -> None:
    assert load(token_headers_replay=["host"], token_headers_prefix="x-idp-")
    assert "token_headers_prefix.'a b" in refused(token_headers_prefix="a b\r\n")


NUMBERS = [
    "leeway", "max_age", "rediscovery_lifetime", "authorization_rolling_timeout",
    "session_idling_timeout", "session_rolling_timeout", "session_absolute_timeout",
    "session_remember_rolling_timeout", "session_remember_absolute_timeout",
    "cache_ttl", "cache_ttl_max", "cache_ttl_min", "cache_ttl_neg", "cache_ttl_resurrect",
]  # fmt: skip


@pytest.mark.parametrize("field", NUMBERS)
def test_a_time_is_not_negative(field: str) -> None:
    assert getattr(load(**{field: 0}), field) == 0
    assert refused(**{field: -0.5}) == f"{field}.value should be 0 or more"


@pytest.mark.parametrize("value", [0, -1])
def test_the_provider_has_some_time_to_answer(value: int) -> None:
    assert load(timeout=1).timeout == 1
    assert refused(timeout=value) == "timeout.value should be more than 0"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"read_timeout": -1}, "value should be between 0 and 2147483646"),
        ({"keepalive_pool_size": 0}, "value should be between 1 and 2147483646"),
        ({"database": -1}, "value should be 0 or more"),
    ],
)
def test_so_are_those_of_redis(fields: dict[str, Any], expected: str) -> None:
    assert f"redis.{next(iter(fields))}.{expected}" in refused(redis=fields)
    assert load(redis={"read_timeout": 0, "database": 0, "keepalive_pool_size": 1})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"session_remember_cookie_name": "a b;c"},
         "session_remember_cookie_name.invalid value: a b;c"),
        ({"session_cookie_name": "s", "authorization_cookie_name": "s"},
         "session_cookie_name: 's' is authorization_cookie_name too"),
        ({"session_remember": True, "session_remember_cookie_name": "authorization"},
         "session_remember_cookie_name: 'authorization' is authorization_cookie_name too"),
        ({"session_remember": True, "session_cookie_name": "remember"},
         "session_remember_cookie_name: 'remember' is a name of the session's own"),
        ({"session_remember": True, "session_cookie_name": "a",
          "session_remember_cookie_name": "a2"}, "'a2' is a name of the session's own"),
    ],
)  # fmt: skip
def test_cookies_have_names_of_their_own(fields: dict[str, Any], expected: str) -> None:
    assert expected in refused(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"session_cookie_name": "remember"},
        {"session_cookie_name": "s2", "authorization_cookie_name": "s"},
        {"authorization_cookie_name": "app", "session_cookie_name": "app_session"},
        {"session_remember": True, "session_remember_cookie_name": "keep"},
    ],
)
def test_names_that_do_not_meet_are_fine(fields: dict[str, Any]) -> None:
    assert load(**fields)


@pytest.mark.spec("oidc-plugin#14")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"client_auth": ["client_secret_jwt"], "client_secret": [SECRET],
          "client_alg": ["RS256"]}, "client_alg: RS256 cannot sign for client_secret_jwt"),
        ({"token_endpoint_auth_method": "client_secret_jwt", "client_secret": [SECRET],
          "client_alg": ["ES256"]}, "client_alg: ES256 cannot sign for client_secret_jwt"),
        ({"token_endpoint_auth_method": "private_key_jwt", "client_alg": ["HS256"]},
         "client_alg: HS256 cannot sign for private_key_jwt"),
        ({"introspection_endpoint_auth_method": "private_key_jwt", "client_alg": ["HS512"]},
         "client_alg: HS512 cannot sign for private_key_jwt"),
        ({"client_id": ["a", "b"], "client_auth": ["none", "private_key_jwt"],
          "client_alg": ["RS256", "HS256"]}, "HS256 cannot sign for private_key_jwt"),
        ({"client_auth": ["client_secret_basic"]},
         "client_auth: client_secret_basic of client c needs an entry in client_secret"),
        ({"client_auth": ["client_secret_jwt"]}, "client_auth: client_secret_jwt of client c"),
        ({"client_id": ["a", "b"], "client_secret": ["x"],
          "client_auth": ["client_secret_post", "client_secret_post"]},
         "client_auth: client_secret_post of client b needs an entry"),
        ({"token_endpoint_auth_method": "client_secret_post"},
         "token_endpoint_auth_method: client_secret_post needs client_secret"),
        ({"introspection_endpoint_auth_method": "client_secret_basic"},
         "introspection_endpoint_auth_method: client_secret_basic needs client_secret"),
        ({"revocation_endpoint_auth_method": "client_secret_basic", "logout_revoke": True},
         "revocation_endpoint_auth_method: client_secret_basic needs client_secret"),
        ({"client_auth": ["client_secret_post"], "auth_methods": ["session"]},
         "client_auth: client_secret_post of client c needs an entry"),
        *(({"revocation_endpoint_auth_method": "client_secret_basic", "logout_revoke": True,
            "auth_methods": ["session"], field: False},
           "revocation_endpoint_auth_method: client_secret_basic needs client_secret")
          for field in ("logout_revoke_access_token", "logout_revoke_refresh_token")),
    ],
)  # fmt: skip
def test_a_client_that_cannot_say_who_it_is_is_refused(
    fields: dict[str, Any], expected: str
) -> None:
    used = ["authorization_code", "introspection", "session"]

    assert expected in refused(**{"client_id": ["c"], "auth_methods": used, **fields})


@pytest.mark.spec("D10")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"client_auth": ["client_secret_basic"]},
         "config.client_auth: client_secret_basic of client c needs an entry in client_secret"),
        ({"client_id": ["a", "b"], "client_secret": ["x"],
          "client_auth": ["client_secret_post", "client_secret_post"]}, "of client b needs"),
        ({"token_endpoint_auth_method": "client_secret_post"},
         "config.token_endpoint_auth_method: client_secret_post needs client_secret"),
        ({"introspection_endpoint_auth_method": "client_secret_jwt"},
         "config.introspection_endpoint_auth_method: client_secret_jwt needs client_secret"),
        ({"token_endpoint_auth_method": "private_key_jwt", "client_alg": ["HS256"]},
         "config.client_alg: HS256 cannot sign for private_key_jwt"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("blank", [{}, {"auth_methods": None}])
def test_what_a_client_cannot_do_is_a_warning_while_its_methods_are_blank(
    blank: dict[str, Any], fields: dict[str, Any], expected: str
) -> None:
    config = load(**{"client_id": ["c"], **fields, **blank})

    assert compile_party(config, "row")
    assert sum(expected in text for text in describe_warnings(config)) == 1


def test_a_client_that_can_all_of_it_is_not_warned_about() -> None:
    config = load(
        client_id=["c"], client_secret=[SECRET], client_auth=["client_secret_jwt"]
    )

    assert not any("client_auth" in text for text in describe_warnings(config))


@pytest.mark.parametrize(
    "fields",
    [
        {"client_auth": ["client_secret_jwt"], "client_alg": ["RS256"]},
        {"client_auth": ["private_key_jwt"], "client_alg": ["HS256"]},
    ],
)
def test_an_algorithm_that_contradicts_its_own_method_is_refused_in_any_case(
    fields: dict[str, Any],
) -> None:
    secret = {"client_id": ["c"], "client_secret": [SECRET]}

    assert "cannot sign" in refused(**secret, **fields)
    assert "cannot sign" in refused(**secret, **fields, auth_methods=["bearer"])


@pytest.mark.spec("oidc-plugin#14")
@pytest.mark.parametrize("method", ["client_secret_jwt", "private_key_jwt"])
@pytest.mark.parametrize("named", [False, True])
def test_a_caller_s_own_client_signs_with_the_first_one_s_algorithm(
    method: str, *, named: bool
) -> None:
    fields: dict[str, Any] = {
        "client_id": ["a", "b"],
        "token_endpoint_auth_method": method,
        "auth_methods": ["bearer", "client_credentials"] if named else ["bearer"],
    }
    assert load(**fields, client_alg=["HS256", "RS256"])

    # A caller's client has a secret and no key: it never signs with one.
    if named and method == "client_secret_jwt":
        assert "RS256 cannot sign for client_secret_jwt" in refused(
            **fields, client_alg=["RS256", "HS256"]
        )
    else:
        assert load(**fields, client_alg=["RS256", "HS256"])


def test_callers_without_any_client_of_ours_sign_as_usual() -> None:
    assert load(
        auth_methods=["client_credentials"],
        token_endpoint_auth_method="client_secret_jwt",
        client_alg=["RS256"],
    )


INTROSPECTS: dict[str, Any] = {
    "auth_methods": ["introspection"],
    "client_auth": ["client_secret_basic"],
}


@pytest.mark.parametrize(
    "headers",
    [
        {"introspection_headers_names": ["X-Key"], "introspection_headers_values": ["k"]},
        {"introspection_headers_names": ["Authorization"]},  # no value: it is not sent
        {"introspection_headers_names": ["X-Key", "Authorization"],
         "introspection_headers_values": ["k"]},
        {"token_headers_names": ["Authorization"], "token_headers_values": ["Basic x"]},
    ],
)  # fmt: skip
def test_only_a_fixed_authorization_takes_the_place_of_a_secret(
    headers: dict[str, Any],
) -> None:
    assert "needs an entry in client_secret" in refused(
        client_id=["c"], **INTROSPECTS, **headers
    )


@pytest.mark.spec("oidc-plugin#3.3")
@pytest.mark.parametrize(
    "fields",
    [
        {"client_auth": ["client_secret_jwt"], "client_secret": [SECRET]},
        {"client_auth": ["client_secret_jwt"], "client_secret": [SECRET], "client_alg": ["HS512"]},
        {"client_auth": ["private_key_jwt"]},
        {"client_auth": ["private_key_jwt"], "client_alg": ["ES256"]},
        {"client_auth": ["private_key_jwt"], "client_alg": ["ES256"], "client_jwk": [EC]},
        {"client_auth": ["none"], "client_alg": ["HS256"]},
        {"client_auth": None, "client_secret": None, "client_alg": None},
        # shorter arrays: a second client that is public, or only an audience
        {"client_id": ["a", "b"], "client_secret": ["x"], "client_auth": ["client_secret_post"]},
        {"client_id": ["a", "b"], "client_secret": ["x"],
         "token_endpoint_auth_method": "client_secret_post"},
        # longer ones
        {"client_auth": ["none", "client_secret_post"]},
        # nothing is ever asked as this client
        {"client_auth": ["client_secret_basic"], "auth_methods": ["bearer"]},
        {"client_auth": ["client_secret_post"], "auth_methods": ["client_credentials"]},
        {"introspection_endpoint_auth_method": "client_secret_basic", "auth_methods": ["bearer"]},
        {"revocation_endpoint_auth_method": "client_secret_basic"},
        {"client_auth": ["client_secret_basic"], "token_endpoint_auth_method": "none",
         "auth_methods": ["authorization_code", "session"]},
        {"client_id": None, "token_endpoint_auth_method": "client_secret_post"},
        {"client_auth": ["client_secret_post"], "logout_revoke": True, "auth_methods": ["bearer"]},
        {"introspection_endpoint_auth_method": "private_key_jwt", "client_alg": ["HS512"],
         "auth_methods": ["authorization_code", "session"]},
        # more algorithms than clients
        {"client_auth": ["client_secret_jwt", "private_key_jwt"], "client_secret": [SECRET],
         "client_alg": ["HS256", "HS256"], "auth_methods": ["authorization_code"]},
        {"client_auth": ["private_key_jwt"], "client_alg": ["ES256", "HS256"]},
        # nothing is refreshed, nothing is revoked
        {"client_auth": ["client_secret_basic"], "auth_methods": ["bearer", "session"],
         "refresh_tokens": False},
        {"revocation_endpoint_auth_method": "client_secret_basic", "auth_methods": ["session"],
         "refresh_tokens": False, "logout_revoke": True, "logout_revoke_access_token": False,
         "logout_revoke_refresh_token": False},
        # the operator's own credentials
        {**INTROSPECTS, "client_auth": None, "client_alg": ["HS256"],
         "introspection_endpoint_auth_method": "private_key_jwt",
         "introspection_headers_names": ["Authorization"],
         "introspection_headers_values": ["Bearer abc"]},
        {**INTROSPECTS, "introspection_headers_names": ["X-Key", "authorization"],
         "introspection_headers_values": ["k", "Bearer abc"]},
    ],
)  # fmt: skip
def test_a_client_that_can_or_need_not_is_accepted(fields: dict[str, Any]) -> None:
    assert compile_party(load(**{"client_id": ["c"], **fields}), "row")
