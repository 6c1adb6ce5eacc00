"""The form engine: schemas to fields, values to texts and back, refusals to their fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.admin.schemas import describe_kind, describe_plugin
from ostiary.manager.forms import Form
from ostiary.manager.hiding import HIDDEN, hide
from ostiary.manager.masking import mask
from ostiary.manager.oidc import build_config_groups
from ostiary.manager.placing import place_problems
from ostiary.manager.schema import Field, read_fields, say_name, walk
from ostiary.manager.values import (
    KEEP,
    build_changes,
    build_new,
    read_values,
    write_defaults,
    write_values,
)
from ostiary.model.kinds import KINDS
from ostiary.plugins import CATALOG
from ostiary.ports.admin_client import AdminReply

TEXT: dict[str, Any] = {"type": "string"}


def fields_of(**described: Any) -> tuple[Field, ...]:
    return read_fields({"fields": [{n: d} for n, d in described.items()]})


def post(fields: tuple[Field, ...], row: dict[str, Any]) -> dict[str, Any]:
    """What comes back of a row that is shown in a form and posted as it is."""
    errors: dict[str, tuple[str, ...]] = {}
    found = read_values(fields, write_values(fields, row), errors)
    assert errors == {}
    return found


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
LISTS = st.lists(WORDS | st.sampled_from(["[::1]", "[", '["a"]', " a", "a,b", ""]), max_size=4)  # fmt: skip


@given(LISTS)
def test_a_list_that_is_shown_is_read_again(value: list[str]) -> None:
    fields = fields_of(paths={"type": "array", "elements": TEXT})

    assert (value or None) == post(fields, {"paths": value})["paths"]


# What is called like a secret is shown as a mask.
NAMES = WORDS.filter(lambda name: bool(name) and mask({name: "x"}) == {name: "x"})


@given(st.dictionaries(NAMES, WORDS, max_size=3))
def test_a_map_that_is_shown_is_read_again(value: dict[str, str]) -> None:
    fields = fields_of(m={"type": "map", "keys": TEXT, "values": TEXT})

    assert (value or None) == post(fields, {"m": value})["m"]


@given(st.dictionaries(NAMES, st.lists(WORDS, min_size=1, max_size=3), max_size=3))  # fmt: skip
def test_a_map_of_lists_that_is_shown_is_read_again(
    value: dict[str, list[str]],
) -> None:
    inner = {"type": "array", "elements": TEXT}
    fields = fields_of(headers={"type": "map", "keys": TEXT, "values": inner})

    assert (value or None) == post(fields, {"headers": value})["headers"]


@pytest.mark.parametrize(
    ("described", "value"),
    [
        ({"type": "integer", "required": True}, 5),
        ({"type": "number"}, 2.5),
        ({"type": "number"}, 86400),
        ({"type": "number"}, 2592000.0),
        ({"type": "number"}, 1.1),
        ({"type": "number"}, 0.00001),
        ({"type": "boolean", "required": True, "default": True}, False),
        ({"type": "boolean"}, None),
        ({"type": "boolean"}, False),
        ({"type": "string", "one_of": ["a", "b"]}, "b"),
        ({"type": "integer", "one_of": [301, 302]}, 302),
        ({"type": "set", "elements": {"type": "string", "one_of": ["a", "b"]}}, ["b"]),
        ({"type": "array", "elements": {"type": "integer"}}, [200, 302]),
        ({"type": "array", "elements": {"type": "record", "fields": []}}, [{"a": 1}]),
        ({"type": "foreign", "reference": "services"}, None),
    ],
)
def test_every_kind_of_value_comes_back(described: dict[str, Any], value: Any) -> None:
    assert value == post(fields_of(x=described), {"x": value})["x"]


def test_a_reference_is_an_id_or_a_name() -> None:
    fields = fields_of(
        service={"type": "foreign", "reference": "services"},
        consumer={"type": "foreign", "reference": "consumers"},
    )
    identity = "5a1b0a2e-97dd-4c86-9a2a-2d0c7a7c7b0e"
    form = Form({"service": (identity,), "consumer": ("ada",)})

    assert {"service": {"id": identity}, "consumer": {"username": "ada"}} == (
        read_values(fields, form, {})
    )


def test_a_new_row_says_only_what_somebody_said() -> None:
    fields = read_fields(describe_kind(KINDS["services"]))
    form = dict(write_defaults(fields).values) | {"host": ("x.test",), "port": ("443",)}

    assert build_new(fields, read_values(fields, Form(form), {})) == {
        "host": "x.test",
        "port": 443,
    }


@pytest.mark.parametrize("kind", ["services", "routes", "upstreams", "consumers", "vaults", "keys"])  # fmt: skip
def test_a_form_that_nobody_touched_changes_nothing(kind: str) -> None:
    fields = read_fields(describe_kind(KINDS[kind]))
    row = _fill(fields)

    assert build_changes(fields, post(fields, row), row) == {}


@pytest.mark.parametrize("name", CATALOG)
def test_a_plugins_form_that_nobody_touched_changes_nothing(name: str) -> None:
    schema = describe_plugin(CATALOG[name].schema, protocols=("http",), no_consumer=False)  # fmt: skip
    fields = read_fields(schema)
    row = _fill(fields)

    assert build_changes(fields, post(fields, row), row) == {}


def _fill(fields: tuple[Field, ...]) -> dict[str, Any]:
    """A row as the API would show it, with secrets in it."""
    return {
        f.name: _fill(f.fields)
        if f.widget == "record"
        else "kept" if f.secret else f.default
        for f in fields
    }  # fmt: skip


def test_what_is_emptied_is_sent_as_null() -> None:
    fields = fields_of(paths={"type": "array", "elements": TEXT}, name=TEXT)
    row = {"paths": ["/a"], "name": "n"}
    form = Form({"paths": ("",), "name": (" ",)})

    assert build_changes(fields, read_values(fields, form, {}), row) == {
        "paths": None,
        "name": None,
    }


def test_a_secret_is_kept_replaced_or_removed() -> None:
    fields = fields_of(
        config={"type": "record", "fields": [{"s": {**TEXT, "encrypted": True}}]}
    )
    row = {"config": {"s": "old"}}

    def change(**form: str) -> dict[str, Any]:
        given = Form({n.replace("__", "."): (v,) for n, v in form.items()})
        return build_changes(fields, read_values(fields, given, {}), row)

    assert change(config__s="") == {}
    assert change(config__s=" new ") == {"config": {"s": " new "}}
    assert change(**{"config.s": "", "config.s~remove": "on"}) == {
        "config": {"s": None}
    }
    assert write_values(fields, row).values == {}


def test_what_is_no_number_is_left_to_the_api() -> None:
    fields = fields_of(port={"type": "integer"}, weight={"type": "number"})
    form = Form({"port": ("1.5",), "weight": ("nan",)})

    assert read_values(fields, form, {}) == {"port": "1.5", "weight": "nan"}


def test_what_is_no_json_is_told_at_its_field() -> None:
    fields = fields_of(
        x={"type": "array", "elements": {"type": "map"}},
        m={"type": "map", "keys": TEXT, "values": TEXT},
    )
    errors: dict[str, tuple[str, ...]] = {}
    found = read_values(fields, Form({"x": ("{",), "m": ("no colon",)}), errors)

    assert found == {"x": KEEP, "m": KEEP}
    assert "this is no JSON" in errors["x"][0]
    assert errors["m"] == ("expected 'name: value', got 'no colon'",)


def refusal(fields: dict[str, Any]) -> AdminReply:
    return AdminReply(
        status=400, value={"message": "schema violation", "fields": fields}
    )


@pytest.mark.parametrize(
    ("told", "placed"),
    [
        ({"host": "required field missing"}, {"host": ("required field missing",)}),
        ({"paths": [None, "bad"]}, {"paths": ("2: bad",)}),
        ({"paths": ["bad"]}, {"paths": ("bad",)}),
        ({"host": ["one", "two"]}, {"host": ("one", "two")}),
        ({"@entity": ["set one of both"]}, {"": ("set one of both",)}),
        ({"active": {"n": "wrong"}}, {"active.n": ("wrong",)}),
        ({"active": {"other": "wrong"}}, {"": ("active.other: wrong",)}),
        ({"unknown": "unknown field"}, {"": ("unknown: unknown field",)}),
        ({"active": {"@entity": ["n: too small; whole"]}}, {"active.n": ("n: too small",), "": ("whole",)}),
        ({}, {"": ("schema violation",)}),
    ],
)  # fmt: skip
def test_refusals_stand_at_their_fields(
    told: dict[str, Any], placed: dict[str, tuple[str, ...]]
) -> None:
    fields = fields_of(
        host=TEXT,
        paths={"type": "array", "elements": TEXT},
        active={"type": "record", "fields": [{"n": TEXT}]},
    )

    assert placed == place_problems(refusal(told), fields)


def test_secrets_are_hidden_wherever_they_are() -> None:
    fields = fields_of(
        key={**TEXT, "encrypted": True},
        name=TEXT,
        config={"type": "record", "fields": [{"client_secret": {**TEXT, "encrypted": True}}]},
    )  # fmt: skip
    row = {
        "key": "k", "name": "n", "user_token": "t", "config": {"client_secret": "s", "x": None},
        "more": [{"password": "p"}],
    }  # fmt: skip

    assert hide(row, fields) == {
        "key": HIDDEN, "name": "n", "user_token": HIDDEN,
        "config": {"client_secret": HIDDEN, "x": None}, "more": [{"password": HIDDEN}],
    }  # fmt: skip


def test_every_secret_that_is_sealed_is_known_as_one() -> None:
    for name, kind in KINDS.items():
        fields = {f.name: f for f in walk(read_fields(describe_kind(kind)))}
        for sealed in {*kind.sealed} - {"config", "pem"}:
            assert fields[sealed].secret, (name, sealed)


def test_every_field_of_openid_connect_is_in_exactly_one_group() -> None:
    schema = describe_plugin(CATALOG["openid-connect"].schema, protocols=(), no_consumer=True)  # fmt: skip
    config = next(f for f in read_fields(schema) if f.name == "config")
    groups = build_config_groups(config.fields)
    grouped = [f.name for group in groups for f in group.fields]

    assert sorted(f.name for f in config.fields) == sorted(grouped)
    assert [g.title for g in groups[:3]] == ["Common", "Authorization", "Advanced"]
    assert [f.name for f in groups[0].fields] == [
        "client_id",
        "client_secret",
        "issuer",
        "auth_methods",
    ]


def test_names_are_said_as_people_say_them() -> None:
    assert [
        say_name(n)
        for n in (
            "connect_timeout",
            "ssl_verify",
            "redirect_uri",
            "jwks_endpoint",
            "id",
        )
    ] == ["Connect timeout", "SSL verify", "Redirect URI", "JWKS endpoint", "ID"]
