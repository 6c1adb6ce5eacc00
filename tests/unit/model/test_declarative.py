"""The declarative file: nested or flat, every problem at once, ids that stay."""

from __future__ import annotations

import copy
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.adapters.declarative import FileUnusable, parse_yaml
from ostiary.model.declarative import (
    DeclarativeInvalid,
    dump_rows,
    load_rows,
    read_declarative,
    read_scope,
)
from ostiary.model.matching import build_known
from ostiary.model.workspaces import DEFAULT_WORKSPACE, Workspace

FAST = settings(max_examples=200, deadline=None, derandomize=True)
ID = "11111111-2222-4333-8444-555555555555"
OTHER = "99999999-2222-4333-8444-555555555555"
NESTED: dict[str, Any] = {
    "services": [
        {
            "name": "orders",
            "host": "a",
            "routes": [
                {"name": "r", "paths": ["/x"], "plugins": [{"name": "openid-connect"}]}
            ],
            "plugins": [{"name": "openid-connect"}],
        }
    ]
}


def file(**parts: Any) -> dict[str, Any]:
    return {"_format_version": "3.0", **parts}


def service(**more: Any) -> dict[str, Any]:
    return {"name": "orders", "host": "a", **more}


def route(**more: Any) -> dict[str, Any]:
    return {"name": "r", "paths": ["/x"], **more}


def problems(data: object) -> list[tuple[str, str]]:
    with pytest.raises(DeclarativeInvalid) as caught:
        read_declarative(data)
    assert caught.value.code == "declarative_invalid"
    return [(".".join(map(str, place)), text) for place, text in caught.value.problems]


def kong_id(entity: str, key: str) -> str:
    """UUIDv5 as the format documents it, written anew."""
    root = uuid.UUID("fd02801f-0957-4a15-a55a-c8d9606f30b5")
    return str(uuid.uuid5(uuid.uuid5(root, entity), key))


@pytest.mark.spec("gateway#2.2")
def test_rows_without_id_get_the_ids_of_kong() -> None:
    config = read_declarative(file(**copy.deepcopy(NESTED)))
    orders, r = kong_id("services", "orders"), kong_id("routes", "r")

    assert [s.id for s in config.services] == [orders]
    assert [(x.id, x.service) for x in config.routes] == [(r, orders)]
    assert [(p.id, p.route, p.service) for p in config.plugins] == [
        (kong_id("plugins", f"plugins:openid-connect:{r}::"), r, None),
        (kong_id("plugins", f"plugins:openid-connect::{orders}:"), None, orders),
    ]


@pytest.mark.spec("gateway#2.2")
def test_a_plugin_on_everything_and_one_with_a_label() -> None:
    rows = [{"name": "p"}, {"name": "q", "instance_name": "mine"}]
    config = read_declarative(file(plugins=rows))

    assert [p.id for p in config.plugins] == [
        kong_id("plugins", "plugins:p:::"),
        kong_id("plugins", "mine"),
    ]


@pytest.mark.spec("gateway#2.1")
def test_nested_and_flat_say_the_same() -> None:
    flat = file(
        services=[service()],
        routes=[route(service="orders")],
        plugins=[
            {"name": "openid-connect", "route": "r"},
            {"name": "openid-connect", "service": {"name": "orders"}},
        ],
    )

    assert read_declarative(flat) == read_declarative(file(**copy.deepcopy(NESTED)))


@pytest.mark.spec("gateway#2.2")
@pytest.mark.parametrize("reference", ["orders", ID, {"id": ID}, {"name": "orders"}])
def test_references_by_name_and_id_reach_a_row_with_its_own_id(
    reference: object,
) -> None:
    config = read_declarative(
        file(
            plugins=[{"name": "p", "service": reference}],
            routes=[route(service=reference)],
            services=[service(id=ID)],
        )
    )

    assert config.routes[0].service == ID
    assert config.plugins[0].service == ID
    assert config.plugins[0].id == kong_id("plugins", f"plugins:p::{ID}:")


def test_a_plugin_may_be_nested_and_name_the_other_parent() -> None:
    row = service(plugins=[{"name": "p", "route": "r"}])
    config = read_declarative(file(services=[row], routes=[route(service="orders")]))
    plugin = config.plugins[0]

    assert (plugin.service, plugin.route) == (
        kong_id("services", "orders"),
        kong_id("routes", "r"),
    )


TAKEN = (
    "uniqueness violation: 'consumers' entity with username set to 'b' already declared "
    "at consumers[0]"
)


@pytest.mark.parametrize(
    ("parts", "place", "text"),
    [
        ({"routes": [route(service="x")]}, "routes.0.service",
         "invalid reference 'service: x' (no such entry in 'services')"),
        ({"plugins": [{"name": "p", "route": ID}]}, "plugins.0.route",
         f"invalid reference 'route: {ID}' (no such entry in 'routes')"),
        ({"routes": [route(service=5)]}, "routes.0.service", "expected a string"),
        ({"services": [service(routes=[route(service="orders")])]},
         "services.0.routes.0.service", "value must be null"),
        ({"services": [service(plugins=[{"name": "p", "service": "orders"}])]},
         "services.0.plugins.0.service", "value must be null"),
        ({"services": [service(nome=1)]}, "services.0.nome", "unknown field"),
        ({"services": [service(routes=[route(nome=1)])]},
         "services.0.routes.0.nome", "unknown field"),
        ({"services": [{"name": "x"}]}, "services.0.host", "required field missing"),
        ({"plugins": [{}]}, "plugins.0.name", "required field missing"),
        ({"services": {"a": 1}}, "services", "expected an array"),
        ({"services": [5]}, "services.0", "expected a record"),
        ({"services": [service(routes="x")]}, "services.0.routes", "expected an array"),
        ({"services": [service(id="x")]}, "services.0.id", "expected a valid UUID"),
        ({"services": [service(id=5)]}, "services.0.id", "expected a string"),
        ({"wrong": []}, "wrong", "unknown field"),
        ({"plugins": [{"name": "p", "_config": "x"}]}, "plugins.0._config",
         "no such entry in '_plugin_configs': x"),
        ({"consumers": [{"tags": ["x"]}]}, "consumers.0",
         "at least one of these fields must be non-empty: 'custom_id', 'username'"),
        ({"consumers": [{"id": ID, "username": "b"}, {"username": "b"}]}, "consumers.1",
         TAKEN),
        ({"consumers": [{"username": "b", "oauth2_credentials": [{"key": "k"}]}]},
         "consumers.0.oauth2_credentials", "not supported yet"),
        ({"partials": [{"name": "u"}]}, "partials", "not supported yet"),
        ({"upstreams": [{"name": "1.2.3.4"}]}, "upstreams.0.name",
         "Invalid name ('1.2.3.4'); no ip addresses allowed"),
        ({"consumers": [{"username": "b", "keyauth_credentials": [{}]}]},
         "consumers.0.keyauth_credentials.0.key", "required field missing"),
        ({"targets": [{"target": "a", "upstream": "u"}]}, "targets.0.upstream",
         "invalid reference 'upstream: u' (no such entry in 'upstreams')"),
        ({"plugins": [{"name": "p", "config": 5}]}, "plugins.0.config", "expected a map"),
        ({"plugins": [{"name": "p", "consumer": "b"}]}, "plugins.0.consumer",
         "invalid reference 'consumer: b' (no such entry in 'consumers')"),
    ],
)  # fmt: skip
def test_a_problem_is_named_with_its_place(
    parts: dict[str, Any], place: str, text: str
) -> None:
    assert problems(file(**parts)) == [(place, text)]


@pytest.mark.spec("gateway#2.3")
@pytest.mark.parametrize(
    ("rows", "kind", "label", "value"),
    [
        ({"services": [service(), service()]}, "services", "name", "orders"),
        (
            {"services": [service(id=ID), service(id=ID, name="b")]},
            "services", "primary key", ID,
        ),
        ({"routes": [route(), route(id=ID)]}, "routes", "name", "r"),
        (
            {"plugins": [{"name": "p"}, {"name": "p"}]},
            "plugins", "primary key", kong_id("plugins", "plugins:p:::"),
        ),
        (
            {
                "plugins": [
                    {"name": "p", "instance_name": "x", "id": ID},
                    {"name": "q", "instance_name": "x", "id": OTHER},
                ]
            },
            "plugins", "instance_name", "x",
        ),
    ],
)  # fmt: skip
def test_what_must_be_unique_is(
    rows: dict[str, Any], kind: str, label: str, value: str
) -> None:
    text = f"uniqueness violation: '{kind}' entity with {label} set to '{value}' "
    found = problems(file(**rows))

    assert any(t.startswith(text + "already declared") for _, t in found)
    assert {place for place, _ in found} == {f"{kind}.1"}


def test_a_key_that_is_there_twice_is_not_told() -> None:
    rows = [{"consumer": "a", "key": "planted"}, {"consumer": "b", "key": "planted"}]
    people = [{"username": "a"}, {"username": "b"}]
    texts = [t for _, t in problems(file(consumers=people, keyauth_credentials=rows))]

    assert any("entity with key set to '***' already declared" in t for t in texts)
    assert "planted" not in "".join(texts)


def test_the_same_plugin_on_two_places_is_no_double() -> None:
    config = read_declarative(
        file(**copy.deepcopy(NESTED), plugins=[{"name": "openid-connect"}])
    )

    assert len({p.id for p in config.plugins}) == 3


def test_every_problem_is_told_at_once() -> None:
    data = {
        "_format_version": "9",
        "odd": 1,
        "vaults": [{"name": "env"}],
        "services": [{"nome": 1, "routes": [{"paths": ["x"], "service": "y"}]}, 7],
        "routes": [{"service": "nobody"}],
        "plugins": [{"name": "p", "enabled": "maybe"}],
    }
    places = [place for place, _ in problems(data)]

    assert sorted(set(places)) == [
        "_format_version", "odd", "plugins.0.enabled", "routes.0", "routes.0.service",
        "services.0.host", "services.0.nome", "services.0.routes.0.paths.0",
        "services.0.routes.0.service", "services.1", "vaults.0.prefix",
    ]  # fmt: skip


@pytest.mark.spec("gateway#2.3")
def test_problems_nest_as_the_file_does() -> None:
    data = file(
        services=[service(), service(name="b", retries=-1, nome=1), service(), 5]
    )
    with pytest.raises(DeclarativeInvalid) as caught:
        read_declarative(data)
    rows = caught.value.fields["services"]
    assert isinstance(rows, list)

    assert rows[:2] == [
        None,
        {"retries": "value should be between 0 and 32767", "nome": "unknown field"},
    ]
    assert rows[3] == "expected a record"


@pytest.mark.parametrize("version", ["1.1", "2.1", "3.0"])
def test_known_format_versions_are_read(version: str) -> None:
    assert read_declarative({"_format_version": version}).services == ()


@pytest.mark.parametrize(
    ("version", "text"),
    [
        (None, "required field missing"),
        ("4.0", "expected one of: 1.1, 2.1, 3.0"),
        (3.0, "expected one of: 1.1, 2.1, 3.0 (as a quoted text)"),
        ([], "expected one of: 1.1, 2.1, 3.0 (as a quoted text)"),
        ({}, "expected one of: 1.1, 2.1, 3.0 (as a quoted text)"),
    ],
)
def test_other_format_versions_are_refused(version: object, text: str) -> None:
    assert problems({"_format_version": version}) == [("_format_version", text)]


@pytest.mark.parametrize("data", [None, [], "x", 5])
def test_what_is_no_file_is_refused(data: object) -> None:
    assert problems(data) == [("", "expected a declarative configuration")]


def test_comments_and_foreign_tools_are_ignored() -> None:
    data = file(
        _comment="x", _ignore=[1], _info={"select_tags": ["a"]}, _workspace="default",
        _transform=False, _konnect={}, consumers=[], upstreams=None,
        services=[service(_comment="y", _ignore=[2], routes=None, plugins=[])],
    )  # fmt: skip

    assert [s.name for s in read_declarative(data).services] == ["orders"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a", ("http", "a", 80, None)),
        ("https://a", ("https", "a", 443, None)),
        ("https://a:8443/p/q", ("https", "a", 8443, "/p/q")),
        ("http://[::1]:81/", ("http", "[::1]", 81, "/")),
    ],
)
def test_a_url_stands_for_four_fields(
    url: str, expected: tuple[str, str, int, str | None]
) -> None:
    row = read_declarative(file(services=[{"url": url}])).services[0]

    assert (row.protocol, row.host, row.port, row.path) == expected


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("a.example", "missing scheme in url"),
        ("//a", "missing scheme in url"),
        (5, "expected a string"),
        ("http://", "missing host in url"),
        ("http://a:99999", "not a URL"),
        ("http://[::1", "not a URL"),
    ],
)
def test_a_url_without_its_parts_is_refused(url: object, text: str) -> None:
    assert problems(file(services=[{"url": url}])) == [("services.0.url", text)]


def test_a_file_without_urls_may_say_so() -> None:
    assert read_declarative(file(services=[service(url=None)])).services[0].port == 80


@pytest.mark.spec("D28")
@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"protocol": "grpc"}, "protocol"),
        ({"protocol": "tcp"}, "protocol"),
    ],
)
def test_what_is_not_built_is_refused(more: dict[str, Any], place: str) -> None:
    ((where, text),) = problems(file(services=[service(**more)]))

    assert where == f"services.0.{place}"
    assert text.endswith("not supported yet")


def test_a_configuration_survives_being_dumped() -> None:
    config = read_declarative(
        file(**copy.deepcopy(NESTED), routes=[route(name="h", headers={"a": ["b"]})])
    )

    assert load_rows(dump_rows(config)) == config


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.sampled_from(["", "x", "/a", "3.0"]),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(
        st.sampled_from(
            ["name", "id", "host", "paths", "protocols", "protocol", "tags", "service", "route", "routes", "plugins", "config", "url", "headers", "hosts", "snis", "methods"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@FAST
@given(
    st.dictionaries(
        st.sampled_from(["services", "routes", "plugins", "_format_version"]), JUNK
    )
)
def test_any_value_is_a_configuration_or_refused(data: dict[str, Any]) -> None:
    try:
        read_declarative(data)
    except DeclarativeInvalid as error:
        assert error.fields  # noqa: PT017 - any other error fails the test


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n: x", {"n": "x"}),
        ("a: on\nb: no\nc: y", {"a": "on", "b": "no", "c": "y"}),
        ("a: 2026-01-02\nb: 1:30", {"a": "2026-01-02", "b": "1:30"}),
        ("a: 010\nb: 0x1F\nc: 0o17\nd: -3", {"a": 10, "b": 31, "c": 15, "d": -3}),
        ("a: 1_000\nb: 1.5", {"a": "1_000", "b": 1.5}),
        ("a: true\nb: False", {"a": True, "b": False}),
        ('{"a": [1, null]}', {"a": [1, None]}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
    ],
)
def test_yaml_has_the_scalars_of_version_1_2(text: str, expected: object) -> None:
    assert parse_yaml(text) == expected


@pytest.mark.spec("T-J19")
@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2", "a: {b: 1, b: 2}", "a: [", "a: !!python/object:os.x {}", "[" * 9000,
        "{[a]: 1}", "{{a: 1}: 1}", "a: &a [*a]", "a: &a {b: *a}", "a: \x00", "a: !!bool x",
        "a: !!timestamp x", "a: !!int x", "a: !!float x", "a: !!binary x", "<<: 5",
        "---\na: 1\n---\nb: 2", "a: " + "9" * 5000,
    ],
)  # fmt: skip
def test_text_that_is_no_yaml_is_refused(text: str) -> None:
    with pytest.raises(FileUnusable) as caught:
        parse_yaml(text)

    assert str(caught.value).startswith("failed parsing declarative configuration: ")


@FAST
@given(st.text("abA:{}[]-&*!<, \n\"'1|>#%?", max_size=40))
def test_any_text_is_yaml_or_refused(text: str) -> None:
    try:
        parse_yaml(text)
    except FileUnusable as error:
        assert error.code == "file_unusable"  # noqa: PT017 - any other error fails the test


@pytest.mark.spec("gateway#1.15")
def test_a_file_may_be_about_one_workspace() -> None:
    config = read_declarative(
        file(_workspace="team", services=[service(routes=[route()])])
    )
    (team,) = config.workspaces
    elsewhere = read_declarative(file(services=[service()]))

    assert team.name == "team"
    assert {row.ws_id for row in (*config.services, *config.routes)} == {team.id}
    assert config.routes[0].service == config.services[0].id
    assert config.services[0].id != elsewhere.services[0].id
    default = read_declarative(file(_workspace="default", services=[service()]))
    assert default == elsewhere


@pytest.mark.spec("gateway#1.15")
def test_a_workspace_that_is_there_is_the_one_that_a_file_means() -> None:
    there = Workspace(id=ID, name="team", comment="ours")
    config = read_declarative(
        file(_workspace="team", services=[service()]), build_known([there])
    )

    assert config.workspaces == ()
    assert config.services[0].ws_id == ID
    assert read_scope(file(_workspace="team"), build_known([there])) == ID
    assert read_scope(file()) == DEFAULT_WORKSPACE
    assert read_scope(file(workspaces=[{"name": "team"}])) is None
    # A list that is none says nothing, and a file that names one workspace is about that one.
    assert read_scope(file(workspaces=[])) == DEFAULT_WORKSPACE
    assert read_scope(file(workspaces=None)) == DEFAULT_WORKSPACE
    listed = file(_workspace="team", workspaces=[{"name": "team"}, {"name": "other"}])
    assert read_scope(listed, build_known([there])) == ID


@pytest.mark.spec("T-O7")
def test_rows_refer_to_rows_of_their_own_workspace() -> None:
    data = file(
        workspaces=[{"id": ID, "name": "team"}],
        services=[service(host="ours"), service(host="theirs", ws_id=ID)],
        routes=[
            route(service="orders"),
            route(service="orders", ws_id=ID),
        ],
    )
    config = read_declarative(data)
    hosts = {row.id: row.host for row in config.services}

    assert [hosts[row.service] for row in config.routes] == ["ours", "theirs"]
    data["services"] = [service(host="theirs", ws_id=ID)]
    text = "invalid reference 'service: orders' (no such entry in 'services')"
    assert problems(data) == [("routes.0.service", text)]


@pytest.mark.spec("gateway#1.15")
def test_names_are_taken_in_one_workspace() -> None:
    listed = [{"id": ID, "name": "team"}]
    config = read_declarative(
        file(workspaces=listed, services=[service(), service(ws_id=ID)])
    )
    assert len({row.id for row in config.services}) == 2
    taken = file(workspaces=listed, services=[service(ws_id=ID), service(ws_id=ID)])
    assert [place for place, _ in problems(taken)] == ["services.1", "services.1"]
    prefix = {"name": "env", "prefix": "my-env"}
    everywhere = file(workspaces=listed, vaults=[prefix, {**prefix, "ws_id": ID}])
    assert [place for place, _ in problems(everywhere)] == ["vaults.1"]


@pytest.mark.spec("gateway#1.15")
def test_default_has_another_id_in_every_installation() -> None:
    config = read_declarative(
        file(
            workspaces=[{"id": OTHER, "name": "default"}],
            services=[service(ws_id=OTHER)],
        )
    )

    assert config.services[0].ws_id is None
    assert [row.id for row in config.workspaces] == [DEFAULT_WORKSPACE]


@pytest.mark.spec("gateway#1.15")
@pytest.mark.parametrize("said", [OTHER, "team", 7])
def test_a_row_in_a_workspace_that_is_not_there_is_refused(said: object) -> None:
    data = file(services=[service(ws_id=said)])

    assert problems(data) == [("services.0.ws_id", "no such entry in 'workspaces'")]


def test_the_name_of_a_workspace_is_a_text() -> None:
    assert ("_workspace", "expected a string") in problems(file(_workspace=7))
