"""What was set up as a configuration: the plugin takes it, and the secret is not in it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostiary.adapters.declarative import load_declarative, parse_yaml
from ostiary.debugger.copies import admin_call, declarative_yaml, plugin_config
from ostiary.debugger.values import ENDPOINTS, Setup
from ostiary.gateway.check import read_plugin_configs
from ostiary.model.declarative import iterate_rows
from ostiary.model.safe_yaml import parse_yaml as parse_strictly
from ostiary.plugins import CATALOG
from ostiary.signin.schema import OpenidConnectConfig

ISSUER = "https://idp.example/realm"
DOCUMENT = {"issuer": ISSUER}
REFERENCE = "{vault://env/oidc-client-secret}"
ADMIN = "http://localhost:8001"
SIMPLE = Setup(issuer=ISSUER, client_id="shop", redirect_uri="https://app.example/cb")
BY_HAND = tuple((name, f"https://idp.example/{name}") for name in ENDPOINTS)
FULL = Setup(
    issuer=f"{ISSUER}/.well-known/openid-configuration",
    client_id="shop",
    client_secret="s3cret-of-the-shop",
    auth_method="client_secret_post",
    redirect_uri="https://app.example/cb",
    scope="openid  email",
    uses_pkce=False,
    prompt="login",
    audience="https://api.example",
    logout_redirect_uri="https://app.example/bye",
    leeway_s=30,
    endpoints=BY_HAND,
)
ADDRESSES = st.sampled_from(
    [
        *("", ISSUER, "idp.example", "https://", "https://[x", "https://a@idp.example"),
        *("https://idp.example/ä", "file:///etc/passwd", " https://idp.example "),
    ]
) | st.text(max_size=8)
TEXTS = st.text(st.characters(), max_size=12)
SETUPS = st.builds(
    Setup,
    issuer=ADDRESSES,
    client_id=TEXTS,
    client_secret=st.sampled_from(["", "s3cret-of-the-shop"]),
    auth_method=st.sampled_from(
        [
            *("", "none", "client_secret_basic", "client_secret_post"),
            *("client_secret_jwt", "private_key_jwt", "tls_client_auth", "?"),
        ]
    ),
    scope=TEXTS,
    uses_pkce=st.booleans(),
    prompt=TEXTS,
    audience=TEXTS,
    logout_redirect_uri=ADDRESSES,
    leeway_s=st.integers(-5, 500),
    endpoints=st.lists(st.tuples(st.sampled_from(ENDPOINTS), ADDRESSES)).map(tuple),
)
DOCUMENTS = st.none() | st.fixed_dictionaries({"issuer": st.none() | ADDRESSES})


def read_config(yaml: str) -> dict[str, Any]:
    found = parse_yaml(yaml)
    assert isinstance(found, dict)
    assert parse_strictly(yaml) == found
    (plugin,) = found["services"][0]["routes"][0]["plugins"]
    assert plugin["name"] == "openid-connect"
    config: dict[str, Any] = plugin["config"]
    return config


def test_a_public_client_needs_little() -> None:
    config = plugin_config(SIMPLE, DOCUMENT)

    assert config == {
        "issuer": ISSUER,
        "client_id": ["shop"],
        "scopes": ["openid"],
        "auth_methods": ["authorization_code", "session"],
    }
    OpenidConnectConfig.model_validate(config)


def test_everything_has_the_name_that_the_plugin_gives_it() -> None:
    config = plugin_config(FULL, DOCUMENT)

    assert config == {
        "issuer": f"{ISSUER}/.well-known/openid-configuration",
        "client_id": ["shop"],
        "client_secret": [REFERENCE],
        "client_auth": ["client_secret_post"],
        "scopes": ["openid", "email"],
        "auth_methods": ["authorization_code", "session"],
        "authorization_endpoint": "https://idp.example/authorization_endpoint",
        "token_endpoint": "https://idp.example/token_endpoint",
        "userinfo_endpoint": "https://idp.example/userinfo_endpoint",
        "introspection_endpoint": "https://idp.example/introspection_endpoint",
        "revocation_endpoint": "https://idp.example/revocation_endpoint",
        "end_session_endpoint": "https://idp.example/end_session_endpoint",
        "jwks_endpoint": "https://idp.example/jwks_uri",
        "require_proof_key_for_code_exchange": False,
        "leeway": 30,
        "audience": ["https://api.example"],
        "authorization_query_args_names": ["prompt"],
        "authorization_query_args_values": ["login"],
        "logout_redirect_uri": ["https://app.example/bye"],
    }
    assert OpenidConnectConfig.model_validate(config).model_fields_set >= config.keys()


def test_with_nothing_to_discover_the_issuer_is_only_a_name() -> None:
    config = plugin_config(FULL, None)

    assert config["issuer"] == ISSUER
    assert config["using_pseudo_issuer"] is True
    OpenidConnectConfig.model_validate(config)


def test_an_issuer_that_was_not_typed_is_the_documents() -> None:
    assert plugin_config(Setup(), DOCUMENT)["issuer"] == ISSUER
    assert plugin_config(Setup(), None)["issuer"] == "https://provider.example"
    assert plugin_config(Setup(), {"issuer": 5})["issuer"] == "https://provider.example"


def test_what_is_no_address_is_left_out() -> None:
    setup = Setup(
        issuer=ISSUER,
        logout_redirect_uri="bye",
        endpoints=(("token_endpoint", "/token"), ("jwks_uri", "")),
    )

    assert set(plugin_config(setup, None)) == {"issuer", "scopes", "auth_methods"}


@pytest.mark.parametrize(
    ("method", "secret", "expected"),
    [
        ("", "", {}),
        ("", "s", {"client_secret": [REFERENCE]}),
        ("none", "", {"client_auth": ["none"]}),
        ("private_key_jwt", "s", {"client_auth": ["private_key_jwt"]}),
        (
            "client_secret_basic",
            "",
            {"client_secret": [REFERENCE], "client_auth": ["client_secret_basic"]},
        ),
        ("tls_client_auth", "", {}),
    ],
)
def test_the_client_says_who_it_is_as_was_chosen(
    method: str, secret: str, expected: dict[str, Any]
) -> None:
    config = plugin_config(
        Setup(issuer=ISSUER, client_id="c", auth_method=method, client_secret=secret),
        DOCUMENT,
    )

    found = {name: config[name] for name in config if name in {"client_secret", "client_auth"}}  # fmt: skip
    assert found == expected
    OpenidConnectConfig.model_validate(config)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(setup=SETUPS, document=DOCUMENTS)
def test_whatever_was_typed_the_plugin_takes_it(
    setup: Setup, document: dict[str, Any] | None
) -> None:
    config = plugin_config(setup, document)

    OpenidConnectConfig.model_validate(config)
    assert read_config(declarative_yaml(setup, document)) == config
    assert "s3cret" not in declarative_yaml(setup, document)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(setup=SETUPS)
def test_the_file_loads_as_any_other(tmp_path: Path, setup: Setup) -> None:
    path = tmp_path / "kong.yaml"
    path.write_text(declarative_yaml(setup, DOCUMENT), encoding="utf-8")
    config = load_declarative(path)
    read_plugin_configs(config, CATALOG)

    assert sorted(kind.name for kind, _ in iterate_rows(config)) == [
        "plugins",
        "routes",
        "services",
    ]


def test_the_file_says_what_else_to_do() -> None:
    assert "OIDC_CLIENT_SECRET" in declarative_yaml(FULL, DOCUMENT)
    assert "OIDC_CLIENT_SECRET" not in declarative_yaml(SIMPLE, DOCUMENT)
    assert "redirect URI" in declarative_yaml(SIMPLE, DOCUMENT)


def test_texts_that_yaml_takes_for_something_else_stay_texts() -> None:
    setup = Setup(
        issuer=ISSUER, client_id="0o17", audience="on", prompt='no: "#\u2028\x85'
    )

    assert read_config(declarative_yaml(setup, DOCUMENT))["client_id"] == ["0o17"]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(setup=SETUPS, document=DOCUMENTS)
def test_the_call_posts_the_same(setup: Setup, document: dict[str, Any] | None) -> None:
    call = admin_call(setup, document, admin=f"{ADMIN}/")
    words = shlex.split(call.replace("\\\n", ""))
    body = json.loads(words[words.index("--data-raw") + 1])

    assert words[words.index("--url") + 1] == f"{ADMIN}/routes/my-route/plugins"
    assert words[words.index("-H") + 1] == "Content-Type: application/json"
    assert body == {"name": "openid-connect", "config": plugin_config(setup, document)}
    assert call.isascii()
    assert call.replace("\n", "").isprintable()
    assert "s3cret" not in call


def test_a_hostile_address_of_the_api_stays_one_argument() -> None:
    call = admin_call(SIMPLE, DOCUMENT, admin="http://a'; touch /tmp/x; '")
    words = shlex.split(call.replace("\\\n", ""))

    assert words[6] == "http://a'; touch /tmp/x; '/routes/my-route/plugins"
