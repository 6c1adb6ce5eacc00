"""No secret gets into the audit log: planted ones are in no row of either table."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.admin.audit_path import (
    HIDDEN,
    MAX_CHARS,
    find_kind,
    hide_path,
    is_whole_configuration,
)
from ostiary.admin.redaction import Redactor, build_redactor, is_secret_text
from ostiary.admin.state import NodeView
from ostiary.model.kinds import KINDS, Kind
from ostiary.plugins import CATALOG
from ostiary.signin.schema import OpenidConnectConfig
from tests.unit.admin.audit_kit import AuditedNode, audited_node
from tests.unit.admin.rows_kit import PAIR, SAMPLES, furnish

pytestmark = [pytest.mark.spec("gateway#1.17"), pytest.mark.spec("D17")]
PLANTED = "pLaNtEd7x"
EXCLUDED = ("token", "secret", "password", "nickname")
FAST = settings(max_examples=200, deadline=None, derandomize=True)
UUID = "11111111-1111-4111-8111-111111111111"
# Written out by hand: what must never be written down, whatever the code believes.
PLACES: dict[str, tuple[str, ...]] = {
    "certificates": ("key", "key_alt"),
    "keys": ("jwk", "pem", "pem.private_key"),
    "keyauth_credentials": ("key",),
    "basicauth_credentials": ("password",),
    "jwt_secrets": ("key", "secret"),
    "routes": ("headers.x-origin-verify", "headers.authorization"),
    "upstreams": ("healthchecks.active.headers.x-probe",),
}
OF_PLUGINS: dict[str, tuple[str, ...]] = {
    "openid-connect": (
        "client_secret", "client_jwk", "client_jwk.d", "session_secret", "cache_tokens_salt",
        "redis.password", "redis.sentinel_password", "cluster_cache_redis.password",
        "redis.sentinel_nodes.password",
        "http_proxy_authorization", "https_proxy_authorization",
        "discovery_headers_values", "introspection_headers_values", "token_headers_values",
        "userinfo_headers_values", "authorization_query_args_values",
        "introspection_post_args_values", "token_post_args_values",
        "userinfo_query_args_values",
    ),
    "rate-limiting": ("redis.password",),
    "http-log": ("http_endpoint", "headers", "headers.x-any"),
    "request-transformer": (
        "add.headers", "add.body", "add.querystring", "replace.headers", "append.body",
    ),
    "response-transformer": ("add.headers", "replace.json", "append.headers"),
}  # fmt: skip
EVERYWHERE = (
    "secret", "client_secret", "password", "passwd", "token", "user_token", "private_key",
    "passphrase", "cookie", "Authorization", "credentials", "api_key", "apikey", "X-Api-Key",
    "key", "jwk", "jwks", "pem", "nickname", "set-cookie", "db_pwd", "keySecret",
)  # fmt: skip


def make_redactor() -> Redactor:
    plugins = {name: kind.schema for name, kind in CATALOG.items()}
    return build_redactor(excluded=EXCLUDED, plugins=plugins)


REDACTOR = make_redactor()


def nest(path: str, value: Any) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: nest(rest, value) if rest else value}


def wrap(value: str) -> st.SearchStrategy[Any]:
    """A secret as it may stand in a field: plain, in lists, in records, in JSON as text."""
    plain = st.sampled_from([value, f"Bearer {value}", f"https://a:{value}@h/"])
    return st.recursive(
        plain,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=2)
            | st.dictionaries(st.sampled_from(["a", "b", "name"]), inner, min_size=1)
            | inner.map(lambda v: json.dumps({"a": v}))
        ),
        max_leaves=3,
    )


HIDDEN_VALUES = wrap(PLANTED)
INNOCENT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "config", "tags", "x"]), inner)
    ),
    max_leaves=6,
)
KIND_NAMES = sorted(KINDS)
A_KIND = st.sampled_from(KIND_NAMES).map(KINDS.__getitem__)


def says(redactor: Redactor, data: Any, kind: Kind | None) -> str:
    found = redactor.redact(data, kind)
    return json.dumps(found.value) + (found.named or "")


ALL_PLACES = [
    *((kind, path, "") for kind, paths in PLACES.items() for path in paths),
    *(
        ("plugins", f"config.{path}", name)
        for name, paths in OF_PLUGINS.items()
        for path in paths
    ),
]


@FAST
@given(
    st.sampled_from(ALL_PLACES), HIDDEN_VALUES, INNOCENT, st.booleans(), st.booleans()
)
def test_what_is_planted_in_a_secret_place_is_taken_out(
    place: tuple[str, str, str], value: Any, more: Any, named: bool, alone: bool
) -> None:
    kind, path, plugin = place
    data = nest(path, value) if alone else {"tags": more, **nest(path, value)}
    if plugin and named:
        data["name"] = plugin
    found = REDACTOR.redact(data, KINDS[kind])

    assert PLANTED not in json.dumps(found.value)
    assert PLANTED not in (found.named or "")
    assert found.named


@FAST
@given(
    A_KIND | st.none(), st.sampled_from(EVERYWHERE), HIDDEN_VALUES, INNOCENT, st.data()
)
def test_what_is_named_like_a_secret_is_taken_out_at_any_depth(
    kind: Kind | None, name: str, value: Any, more: Any, data: st.DataObject
) -> None:
    body: Any = {name: value, "name": more}
    for step in data.draw(
        st.lists(st.sampled_from(["config", "list", "json"]), max_size=4)
    ):
        body = {"list": [body]} if step == "list" else {"config": body}
        if step == "json":
            body = {"comment": json.dumps(body)}

    assert PLANTED not in says(REDACTOR, body, kind)


@FAST
@given(A_KIND, st.text(min_size=1, max_size=8), INNOCENT)
def test_of_a_row_nothing_is_kept_that_is_not_known(
    kind: Kind, prefix: str, more: Any
) -> None:
    """A misspelt field holds what the right one would."""
    body = {f"{prefix}{PLANTED}": more, f"_{prefix}_": PLANTED, "tags": ["a"]}
    found = REDACTOR.redact(body, kind)

    assert found.value == {"tags": ["a"]}
    assert found.removed == ("(unknown)",)


@FAST
@given(st.sampled_from(sorted(CATALOG)), st.text(min_size=1, max_size=8))
def test_of_a_plugins_config_nothing_is_kept_that_is_not_known(
    plugin: str, field: str
) -> None:
    body = {"name": plugin, "config": {f"{field}_": PLANTED}}
    assert PLANTED not in says(REDACTOR, body, KINDS["plugins"])
    body = {"name": field, "config": {"issuer": PLANTED}}
    assert PLANTED not in says(REDACTOR, body, KINDS["plugins"])


@pytest.mark.parametrize("field", sorted(OpenidConnectConfig.model_fields))
def test_no_field_of_openid_connect_that_is_marked_is_kept(field: str) -> None:
    info = OpenidConnectConfig.model_fields[field]
    extra = info.json_schema_extra
    marked = isinstance(extra, dict) and bool(extra.get("secret"))
    body = {"name": "openid-connect", "config": {field: [PLANTED]}}
    for data in (body, {"config": body["config"]}):
        found = REDACTOR.redact(data, KINDS["plugins"])
        assert not (marked and PLANTED in json.dumps(found.value))


def test_what_is_no_secret_is_kept() -> None:
    config = {
        "issuer": "https://idp.example", "client_id": ["app"], "scopes": ["openid"],
        "client_secret": [PLANTED], "redis": {"host": "r", "password": PLANTED},
        "session_cookie_http_only": True, "introspect_jwt_tokens": False,
    }  # fmt: skip
    found = REDACTOR.redact(
        {"name": "openid-connect", "config": config, "route": {"id": UUID}},
        KINDS["plugins"],
    )

    assert found.value["route"] == {"id": UUID}
    assert found.value["config"] == {
        "issuer": "https://idp.example", "client_id": ["app"], "scopes": ["openid"],
        "redis": {"host": "r"}, "session_cookie_http_only": True,
        "introspect_jwt_tokens": False,
    }  # fmt: skip
    assert found.named == "config.client_secret,config.redis.password"


def test_names_are_told_where_they_are_names_of_fields() -> None:
    body = {"client_secret": PLANTED, PLANTED: 1, "host": "h", "nickname": "n"}
    found = REDACTOR.redact(body, KINDS["services"])

    assert found.value == {"host": "h"}
    assert found.removed == ("client_secret", "(unknown)", "nickname")


def test_what_an_operator_excludes_is_out_even_as_a_switch() -> None:
    found = REDACTOR.redact({"nickname": True, "Token": None, "a": 1}, None)

    assert found.value == {"a": 1}
    assert found.removed == ("nickname", "Token")


def test_json_in_a_text_is_looked_into() -> None:
    inner = json.dumps({"issuer": "i", "client_secret": PLANTED})
    found = REDACTOR.redact({"portal_auth_conf": inner}, None)

    assert json.loads(found.value["portal_auth_conf"]) == {"issuer": "i"}
    assert found.named == "portal_auth_conf.client_secret"
    broken = REDACTOR.redact({"portal_auth_conf": inner[:-1]}, None)
    assert (broken.value, broken.named) == ({}, "portal_auth_conf")


def test_what_is_nested_without_end_is_cut() -> None:
    data: Any = PLANTED
    for _ in range(200):
        data = {"a": data}

    assert PLANTED not in says(REDACTOR, data, None)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Bearer abc", True),
        ("basic YTpi", True),
        ("eyJhbGciOiJIUzI1NiJ9.e30.x", True),
        ("x eyJhbGciOiJIUzI1NiJ9.e30.x", True),
        ("http://a:b@h/", True),
        ("authorization:abc", True),
        ("X-Api-Key: abc", True),
        ("/a?b=1&token=abc", True),
        ("host=a password=b", True),
        (PAIR.key, True),
        (PAIR.cert, False),
        ("http://h:80/a?b=c", False),
        ("mail@example.com", False),
        ("orders", False),
        ("a:8000", False),
        ("~/x/(?<id>\\d+)$", False),
        ("", False),
    ],
)
def test_texts_that_look_like_credentials_are_seen(text: str, secret: bool) -> None:
    assert is_secret_text(text) == secret


@pytest.mark.parametrize("shape", [lambda v: v, lambda v: [v], lambda v: {"a": [v]}])
@pytest.mark.parametrize(
    "text",
    [f"Bearer {PLANTED}", f"http://a:{PLANTED}@h/", f"x-token:{PLANTED}", f"?apikey={PLANTED}"],
)  # fmt: skip
@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("services", "url"),
        ("services", "path"),
        ("consumers", "custom_id"),
        ("plugins", "config.http_proxy"),
        ("plugins", "config.issuer"),
        (None, "comment"),
    ],
)
def test_a_credential_in_the_wrong_place_is_taken_out(
    kind: str | None, path: str, text: str, shape: Callable[[str], Any]
) -> None:
    body = nest(path, shape(text))
    assert PLANTED not in says(REDACTOR, body, KINDS[kind] if kind else None)


# Paths.


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/services/orders/routes", "/services/orders/routes"),
        ("/key-auths/KEY", "/key-auths/***"),
        ("/key-auths/KEY/consumer", "/key-auths/***/consumer"),
        ("/jwts/KEY/", "/jwts/***/"),
        ("/consumers/ada/key-auth/KEY", "/consumers/ada/key-auth/***"),
        ("/consumers/ada/jwt/KEY", "/consumers/ada/jwt/***"),
        ("/default/consumers/ada/jwt/KEY", "/default/consumers/ada/jwt/***"),
        (f"/key-auths/{UUID}", f"/key-auths/{UUID}"),
        ("/key-auths/KEY/KEY/KEY", "/key-auths/***/***/***"),
        ("/key-auths/KEY%2FKEY", "/key-auths/***"),
        ("/%6bey-auths/KEY", "/%6bey-auths/***"),
        ("/KEY-AUTHS/KEY", "/KEY-AUTHS/***"),
        ("//key-auths//KEY", "//key-auths//***"),
        ("/keyauth/KEY", "/keyauth/***"),
        ("/keyauth_credentials/KEY", "/keyauth_credentials/***"),
        ("/consumer/ada/keyauths/KEY", "/consumer/ada/keyauths/***"),
        ("/consumers/Bearer%20abc", "/consumers/***"),
        ("/consumers/ada/basic-auth/ada1", "/consumers/ada/basic-auth/ada1"),
        ("/keys/k1", "/keys/k1"),
        ("/key-sets/ring/keys/k1", "/key-sets/ring/keys/k1"),
        ("/services/auth-service/routes/r1", "/services/auth-service/routes/r1"),
        ("/plugins/schema/key-auth", "/plugins/schema/key-auth"),
        ("/", "/"),
    ],
)
def test_keys_in_paths_are_hidden_and_names_are_not(path: str, shown: str) -> None:
    assert hide_path(path) == shown


def test_a_path_is_not_written_down_without_end() -> None:
    assert len(hide_path("/x" * 5000)) == MAX_CHARS + 3


@FAST
@given(
    st.sampled_from(["/key-auths", "/consumers/ada/key-auth", "/jwts", "/ws/jwts"]),
    st.text(max_size=4),
    st.sampled_from(["", "/", "/consumer", "/x/y", "%2F"]),
)
def test_a_key_in_a_path_is_hidden_whatever_stands_around_it(
    before: str, extra: str, behind: str
) -> None:
    key = urlencode({"": extra})[1:] + PLANTED
    shown = hide_path(f"{before}/{key}{behind}")

    assert PLANTED not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        (["services"], "services"),
        (["w1", "services", "a"], "services"),
        (["consumers", "ada", "jwt"], "jwt_secrets"),
        (["w1", "consumers", "ada", "key-auth", "x"], "keyauth_credentials"),
        (["schemas", "plugins", "validate"], "plugins"),
        (["w1", "schemas", "key-sets", "validate"], "key_sets"),
        (["consumers", "ada", "consumer_groups"], None),
        (["nothing"], None),
        ([""], None),
    ],
)
def test_what_a_body_is_about_is_read_from_its_path(
    steps: list[str], kind: str | None
) -> None:
    found = find_kind(steps)

    assert (found and found.name) == kind


@pytest.mark.parametrize(
    ("steps", "whole"),
    [
        (["config"], True),
        (["w1", "config"], True),
        (["services"], False),
        (["services", "a", "config"], False),
    ],
)
def test_a_whole_configuration_is_known_by_its_path(
    steps: list[str], whole: bool
) -> None:
    assert is_whole_configuration(steps) == whole


# The whole way: the Admin API, the database, both tables.

PLUGINS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "openid-connect",
        {
            "issuer": "https://idp.example", "client_id": ["app"],
            "client_secret": [PLANTED], "session_secret": PLANTED,
            "cache_tokens_salt": PLANTED,
            "token_headers_names": ["x-a"], "token_headers_values": [PLANTED],
            "token_post_args_names": ["a"], "token_post_args_values": [PLANTED],
            "authorization_query_args_names": ["a"],
            "authorization_query_args_values": [PLANTED],
            "userinfo_headers_names": ["x-a"], "userinfo_headers_values": [PLANTED],
            "introspection_headers_names": ["x-a"],
            "introspection_headers_values": [PLANTED],
            "discovery_headers_names": ["x-a"], "discovery_headers_values": [PLANTED],
        },
    ),
    ("rate-limiting", {"minute": 5, "redis": {"host": "r", "password": PLANTED}}),
    (
        "http-log",
        {"http_endpoint": f"http://a:{PLANTED}@h/", "headers": {"x-any": PLANTED}},
    ),
    ("request-transformer", {"add": {"headers": [f"x-any:{PLANTED}"]}}),
    ("response-transformer", {"add": {"headers": [f"x-any:{PLANTED}"]}}),
)  # fmt: skip
KEY_LINE = PAIR.key.splitlines()[1]
ROWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/consumers/ada/key-auth", {"key": PLANTED}),
    ("/consumers/ada/basic-auth", {"username": "ada", "password": PLANTED}),
    ("/consumers/ada/jwt", {"key": PLANTED, "secret": PLANTED}),
    ("/keys", {"kid": "x", "jwk": {"kty": "oct", "kid": "x", "k": PLANTED}}),
    ("/keys", {"kid": "y", "pem": {"private_key": PLANTED}}),
    ("/certificates", {"cert": PAIR.cert, "key": PAIR.key}),
    ("/routes", {"paths": ["/z"], "headers": {"x-origin-verify": [PLANTED]}}),
    (
        "/upstreams",
        {"name": "u", "healthchecks": {"active": {"headers": {"x-p": [PLANTED]}}}},
    ),
)  # fmt: skip


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture
def node(runner: asyncio.Runner, tmp_path: Path) -> Iterator[AuditedNode]:
    """One node for all examples: opening a database takes longer than asking it."""
    plugins = dict.fromkeys(CATALOG, 1)
    view = NodeView(node_id="n", version="1", hostname="h", plugins=plugins)
    context = audited_node(tmp_path, view=view)
    made = runner.run(context.__aenter__())
    runner.run(furnish(made))
    yield made
    runner.run(context.__aexit__(None, None, None))


async def live_through(node: AuditedNode, path: str, body: dict[str, Any]) -> None:
    """A row is made, put, changed and deleted, and asked for on the way."""
    made = await node.send("POST", path, body)
    assert made.status == 201, made.text
    one = f"{path}/{made.json()['id']}"
    assert (await node.call(one)).status == 200
    put = await node.send("PUT", one, body)
    assert put.status == 200, put.text
    changed = await node.send(
        "PATCH", one, {k: v for k, v in body.items() if k != "name"}
    )
    assert changed.status == 200, changed.text
    await node.send("POST", path, body)  # refused: it is there
    await node.send("POST", f"{path}x", body)  # mistyped
    assert (await node.call(one, "DELETE")).status == 204


def test_no_secret_of_any_row_is_in_either_table(
    runner: asyncio.Runner, node: AuditedNode
) -> None:
    async def check() -> None:
        for path, body in ROWS:
            await live_through(node, path, body)
        for name, config in PLUGINS:
            await live_through(node, "/plugins", {"name": name, "config": config})
        for collection in ("/key-auths", "/consumers/ada/key-auth"):
            await node.send("PUT", f"{collection}/{PLANTED}", {"tags": ["a"]})
            await node.call(f"{collection}/{PLANTED}")
        await node.send("POST", "/consumers/ada/key-auth", {"key": PLANTED})
        await node.call("/consumers/ada", "DELETE")
        await node.post(f"consumers: [{{username: {PLANTED}}}]")
        await node.call(f"/services?apikey={PLANTED}")

    runner.run(check())
    written = node.written()
    assert PLANTED not in written
    assert KEY_LINE not in written
    kept = [json.loads(r["entity"]) for r in node.table("audit_objects")]
    oidc = next(row for row in kept if row.get("name") == "openid-connect")
    assert oidc["config"]["issuer"] == "https://idp.example"
    operations = {(r["dao_name"], r["operation"]) for r in node.table("audit_objects")}
    for kind in (
        "keyauth_credentials",
        "plugins",
        "certificates",
        "keys",
        "jwt_secrets",
    ):
        for operation in ("create", "update", "delete"):
            assert (kind, operation) in operations
    configs = [r for r in node.table("audit_requests") if r["path"] == "/config"]
    assert [r["payload"] for r in configs] == [None]


_FIELDS = sorted({name for kind in KINDS.values() for name in kind.model.model_fields})
_FREE = st.sampled_from(["comment", "config", "x", *_FIELDS])
_BODIES = st.dictionaries(
    st.sampled_from(EVERYWHERE), HIDDEN_VALUES, min_size=1, max_size=3
).flatmap(
    lambda hidden: st.dictionaries(_FREE, INNOCENT, max_size=3).map(
        lambda free: {**free, **hidden}
    )
)


def test_no_planted_secret_is_in_either_table_whatever_the_body(
    runner: asyncio.Runner, node: AuditedNode
) -> None:
    paths = [
        *dict.fromkeys(sample.path for sample in SAMPLES),
        "/nothing",
        "/w1/services",
    ]

    async def send_to_all(body: dict[str, Any]) -> None:
        for path in paths:
            await node.send("POST", path, body)
        for name, config in PLUGINS:
            data = {"name": name, "config": {**config, **body}}
            await node.send("POST", "/plugins", data)
            await node.send("POST", "/schemas/plugins/validate", data)
        texts = {k: v for k, v in body.items() if isinstance(v, str)}
        for path in paths:
            await node.form("POST", path, urlencode(texts))
            await node.form(
                "POST", path, urlencode({f"config.{k}": v for k, v in texts.items()})
            )

    @settings(max_examples=15, deadline=None, derandomize=True)
    @given(_BODIES)
    def check(body: dict[str, Any]) -> None:
        runner.run(send_to_all(body))

    check()
    assert PLANTED not in node.written()
    assert len(node.table("audit_requests")) > 500


async def test_a_registration_link_is_told_by_the_change_that_it_is_and_not_written(
    tmp_path: Path,
) -> None:
    """Kong makes it with GET: the record of the row, with its request's id, tells it from a reading."""
    async with audited_node(tmp_path) as node:
        said = {"username": "ada", "email": "ada@example.com"}
        assert (await node.send("POST", "/admins", said)).status == 200
        await node.call("/admins/ada")
        made = await node.call("/admins/ada?generate_register_url=true")
        link = made.json()["token"]
        about = {r["request_id"]: r for r in await node.records()}
        changes = [
            (r["dao_name"], r["operation"], about[r["request_id"]]["method"])
            for r in await node.records("objects")
            if r["dao_name"] == "admins"
        ]
        text = node.written()

    assert changes == [("admins", "update", "GET"), ("admins", "create", "POST")]
    assert link not in text
