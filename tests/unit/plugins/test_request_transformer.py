"""The `request-transformer` plugin, and bodies by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.http.head import Fields
from ostiary.kit.bodies import Form, JsonObject, Multipart, parse_named
from ostiary.plugins import CATALOG
from ostiary.plugins.request_transformer.template import parse_template
from tests.unit.plugins.plugin_kit import (
    ANNA,
    Asked,
    FakeConsumers,
    Gate,
    check,
    defaults,
    problems,
)

NAME = "request-transformer"
NOT_YET = "expressions other than names and texts are not supported yet"


async def ask(
    config: dict[str, Any], target: bytes = b"/", *fields: tuple[bytes, bytes], **more: Any
) -> Asked:  # fmt: skip
    return await Gate((NAME, config)).ask(target, fields=fields, **more)


@pytest.mark.spec("Kong#request-transformer")
async def test_fields_change_in_order() -> None:
    config = {
        "remove": {"headers": ["X-Gone"]},
        "rename": {"headers": ["X-Old:X-New", "X-Absent:X-Never"]},
        "replace": {"headers": ["X-There:2", "X-Absent:2"]},
        "add": {"headers": ["X-There:3", "X-Added:3"]},
        "append": {"headers": ["X-Added:4", "X-Old:5"]},
    }
    asked = await ask(
        config, b"/", (b"x-gone", b"1"), (b"X-Old", b"a"), (b"x-old", b"b"),
        (b"X-New", b"was"), (b"X-There", b"1"), (b"X-Kept", b"1"),
    )  # fmt: skip

    assert {
        n: asked.sent(n)
        for n in ("x-gone", "x-old", "x-new", "x-never", "x-there", "x-absent", "x-added", "x-kept")
    } == {
        "x-gone": [], "x-old": ["5"], "x-new": ["a", "b"], "x-never": [], "x-there": ["2"],
        "x-absent": [], "x-added": ["3", "4"], "x-kept": ["1"],
    }  # fmt: skip


@pytest.mark.spec("Kong#request-transformer")
async def test_host_can_only_be_replaced() -> None:
    replaced = await ask({"replace": {"headers": ["Host:other.example"]}})
    others = await ask(
        {
            "remove": {"headers": ["host"]},
            "rename": {"headers": ["host:x-host", "x-a:host"]},
            "add": {"headers": ["host:a"]},
            "append": {"headers": ["host:b"]},
        },
        b"/",
        (b"X-A", b"1"),
    )

    assert replaced.sent("host") == ["other.example"]
    assert others.sent("host") == ["up.example"]
    assert others.sent("x-host") == []


async def test_fields_of_the_gateway_are_its_own_and_a_warning_says_so() -> None:
    config = {
        "add": {"headers": ["X-Forwarded-For:1.2.3.4", "Via:x"]},
        "replace": {"headers": ["X-Real-IP:1.2.3.4"]},
        "rename": {"headers": ["X-A:X-Forwarded-Proto"]},
    }
    asked = await ask(config, b"/", (b"X-A", b"1"))
    told = CATALOG[NAME].warnings(check(NAME, config))

    assert asked.sent("x-forwarded-for") == ["203.0.113.9"]
    assert asked.sent("x-real-ip") == ["203.0.113.9"]
    assert asked.sent("x-forwarded-proto") == ["https"]
    assert [line.split()[0] for line in told] == [
        "via", "x-forwarded-for", "x-forwarded-proto", "x-real-ip",
    ]  # fmt: skip
    assert CATALOG[NAME].warnings(check(NAME, {})) == ()


@pytest.mark.spec("Kong#request-transformer")
async def test_arguments_change_in_order_and_others_stay_as_they_were() -> None:
    config = {
        "remove": {"querystring": ["gone"]},
        "rename": {"querystring": ["old:new", "absent:never"]},
        "replace": {"querystring": ["there:2", "absent:2"]},
        "add": {"querystring": ["there:3", "added:a b"]},
        "append": {"querystring": ["added:4"]},
    }
    asked = await ask(config, b"/?gone=1&old=a&new=b&there=1&kept=%7E%20&flag")

    assert asked.forward.head.target == (
        b"/?new=a&kept=%7E%20&flag&there=2&added=a+b&added=4"
    )
    assert (await ask({}, b"/?x=%7E")).forward.head.target == b"/?x=%7E"
    emptied = await ask({"remove": {"querystring": ["x"]}}, b"/?x=1")
    assert emptied.forward.head.target == b"/"


@pytest.mark.spec("Kong#request-transformer")
@pytest.mark.parametrize(
    ("kind", "body", "changed"),
    [
        (
            b"application/json; charset=utf-8",
            b'{"gone":1,"old":[1.0],"there":true,"kept":{"a":"\xc3\xa4"}}',
            b'{"there":"2","kept":{"a":"\xc3\xa4"},"new":[1.0],"added":["3","4"]}',
        ),
        (
            b"application/x-www-form-urlencoded",
            b"gone=1&old=a&there=1&kept=%7E",
            b"new=a&kept=%7E&there=2&added=3&added=4",
        ),
        (b"application/json", b"", b'{"added":["3","4"]}'),
        (b"application/json", b"not json", None),
        (b"application/json", b"[1]", None),
        (b"application/json", b'{"a":NaN}', None),
        (b"text/plain", b"gone=1", None),
    ],
)
async def test_values_in_bodies_change_in_order(
    kind: bytes, body: bytes, changed: bytes | None
) -> None:
    config = {
        "remove": {"body": ["gone"]},
        "rename": {"body": ["old:new"]},
        "replace": {"body": ["there:2"]},
        "add": {"body": ["added:3"]},
        "append": {"body": ["added:4"]},
    }
    asked = await ask(config, b"/", (b"Content-Type", kind), method=b"POST", body=body)

    assert asked.forward.body == changed


@pytest.mark.spec("Kong#request-transformer")
async def test_values_in_multipart_forms_change() -> None:
    def part(name: str, text: str) -> bytes:
        head = f'Content-Disposition: form-data; name="{name}"'
        return f"--b\r\n{head}\r\n\r\n{text}\r\n".encode()

    config = {"remove": {"body": ["gone"]}, "add": {"body": ["new:1"]}}
    file = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n'
        b"Content-Type: image/png\r\n\r\n\x00\xff\r\n--\r\n"
    )
    asked = await ask(
        config,
        b"/",
        (b"Content-Type", b'multipart/form-data; boundary="b"'),
        method=b"POST",
        body=part("gone", "1") + file + part("kept", "2") + b"--b--\r\n",
    )

    assert (
        asked.forward.body == file + part("kept", "2") + part("new", "1") + b"--b--\r\n"
    )


async def test_a_body_over_the_limit_is_refused_not_passed_on_unchanged() -> None:
    config = {"remove": {"body": ["gone"]}}
    kind = (b"Content-Type", b"application/json")
    asked = await ask(config, b"/", kind, method=b"POST", body=bytes((8 << 20) + 1))

    assert asked.reply.status == 413


@pytest.mark.spec("Kong#request-transformer")
async def test_another_method_takes_a_forms_values_into_the_query() -> None:
    kind = (b"Content-Type", b"application/x-www-form-urlencoded")
    moved = await ask(
        {"http_method": "GET"}, b"/?a=1", kind, method=b"POST", body=b"b=2"
    )
    other = await ask(
        {"http_method": "PUT"}, b"/?a=1", kind, method=b"POST", body=b"b=2"
    )

    assert moved.forward.head.method == b"GET"
    assert moved.forward.head.target == b"/?a=1&b=2"
    assert other.forward.head.method == b"PUT"
    assert other.forward.head.target == b"/?a=1"


@pytest.mark.spec("Kong#request-transformer")
@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("plain", "plain"),
        ("$(headers.x_a)", "1"),
        ('<$(headers["X-A"])>', "<1>"),
        ("$(query_params.q)", "a b"),
        ("$(uri_captures.user)-$(uri_captures[1])", "anna-anna"),
        ("$(headers.absent or query_params['q'])", "a b"),
        ("$(headers.absent or 'none')", "none"),
        ('$( "text" )', "text"),
        ("$(headers.absent)x", "x"),
        ("$(shared.thing or 'none')", "none"),
        ("$5 (five)", "$5 (five)"),
    ],
)
async def test_places_are_filled_from_the_request(value: str, filled: str) -> None:
    gate = Gate(
        (NAME, {"add": {"headers": [f"X-Filled:{value}"]}}),
        route={"paths": [r"~/u/(?P<user>\w+)"]},
    )
    asked = await gate.ask(b"/u/anna?q=a%20b", fields=((b"X-A", b"1"),))

    assert asked.sent("x-filled") == [filled]


@pytest.mark.spec("Kong#request-transformer")
@pytest.mark.parametrize(
    "value",
    [
        "$(os.exit())",
        "$(1 + 1)",
        "$(headers)",
        "$(headers.a and 'b')",
        "$(headers.a or)",
        "$()",
    ],
)
def test_other_expressions_are_refused(value: str) -> None:
    found = problems(NAME, {"add": {"headers": [f"X-A:{value}"]}})

    assert found == ((("add", "headers", 0), NOT_YET),)
    with pytest.raises(ValueError, match="not supported yet"):
        parse_template(value)


async def test_what_is_decoded_cannot_end_a_line() -> None:
    config = {"add": {"headers": ["X-A:$(query_params.q)"]}}
    asked = await ask(config, b"/?q=a%0d%0aX-Evil:1")

    assert asked.sent("x-a") == ["aX-Evil:1"]
    assert asked.sent("x-evil") == []


async def test_templates_see_what_earlier_plugins_said() -> None:
    consumers = FakeConsumers()
    consumers.give(ANNA, "keyauth_credentials", "k")
    gate = Gate(
        ("key-auth", {"hide_credentials": True}),
        (
            NAME,
            {
                "add": {
                    "headers": [
                        'X-Who:$(headers["X-Consumer-Username"])',
                        "X-Key:$(headers.apikey or 'hidden')",
                    ],
                }
            },
        ),
        consumers=consumers,
    )
    asked = await gate.ask(
        fields=((b"apikey", b"k"), (b"X-Consumer-Username", b"forged"))
    )

    assert asked.sent("x-who") == ["anna"]
    assert asked.sent("x-key") == ["hidden"]


@pytest.mark.spec("Kong#request-transformer")
async def test_the_path_can_be_another() -> None:
    config = {"replace": {"uri": "/v2/$(uri_captures.user)/$(query_params.q)"}}
    gate = Gate((NAME, config), route={"paths": [r"~/u/(?P<user>[^/]+)"]})
    asked = await gate.ask(b"/u/an%C3%A4?q=a%20b%2Fc")

    assert asked.forward.head.target == b"/v2/an%C3%A4/a%20b%2Fc?q=a%20b%2Fc"


@pytest.mark.parametrize("value", [b"..", b"..%2f..%2fadmin", b"."])
async def test_a_clients_value_leads_to_no_other_path(value: bytes) -> None:
    config = {"replace": {"uri": "/v2/$(query_params.q)"}}
    asked = await ask(config, b"/?q=" + value)

    assert asked.reply.status == 400


async def test_a_path_that_is_none_is_refused() -> None:
    asked = await ask({"replace": {"uri": "no-slash"}})

    assert asked.reply.status == 400


@pytest.mark.spec("Kong#request-transformer")
def test_defaults_are_kongs_and_mistakes_are_named() -> None:
    empty: Fields = ()
    lists = {"body": [*empty], "headers": [], "querystring": []}

    assert defaults(NAME) == {
        "http_method": None,
        "remove": lists,
        "rename": lists,
        "replace": {**lists, "uri": None},
        "add": lists,
        "append": lists,
    }
    for config, path, text in (
        ({"add": {"headers": ["x"]}}, ("add", "headers", 0), "key 'x' has no value"),
        ({"add": {"body": ["x:"]}}, ("add", "body", 0), "key 'x' has no value"),
        (
            {"add": {"headers": ["a b:1"]}},
            ("add", "headers", 0),
            "'a b' is not a valid header",
        ),
        (
            {"rename": {"headers": ["a:b c"]}},
            ("rename", "headers", 0),
            "'b c' is not a valid header",
        ),
        (
            {"rename": {"headers": ["Cookie:x"]}},
            ("rename", "headers", 0),
            "cookies in other fields are not supported yet",
        ),
        (
            {"add": {"headers": ["x:$(headers.cookie)"]}},
            ("add", "headers", 0),
            "cookies in other fields are not supported yet",
        ),
        ({"http_method": "get"}, ("http_method",), "invalid value: get"),
    ):
        assert problems(NAME, config) == ((path, text),)


@given(st.text(max_size=80))
def test_a_form_that_nobody_changes_stays_as_it_was(text: str) -> None:
    parts = [part for part in text.split("&") if part]

    assert Form(text).dump_text() == "&".join(parts)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=5))
def test_values_that_are_appended_to_a_form_are_found(pairs: dict[str, str]) -> None:
    form = Form("")
    for name, value in pairs.items():
        form.append(name, value)
    again = Form(form.dump_text())

    for name, value in pairs.items():
        assert [*again.find(name)] == [value]


@given(st.binary(max_size=200))
def test_any_body_is_named_values_or_none(data: bytes) -> None:
    for kind in (
        b"application/json",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"multipart/form-data",
        b"",
        None,
    ):
        found = parse_named(kind, data)
        assert found is None or isinstance(found.dump(), bytes)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters='\\"\r\n%'), min_size=1, max_size=5),
            st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=9),
        ),
        max_size=4,
        unique_by=lambda pair: pair[0],
    )
)  # fmt: skip
def test_a_multipart_form_is_read_back(pairs: list[tuple[str, str]]) -> None:
    form = Multipart(b"a-boundary", [])
    for name, value in pairs:
        form.append(name, value)
    again = parse_named(b"multipart/form-data; boundary=a-boundary", form.dump())

    assert isinstance(again, Multipart)
    assert again.dump() == form.dump()
    assert [(n, again.find(n)) for n, _ in pairs] == [(n, [v]) for n, v in pairs]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    )
)
def test_json_that_nobody_changes_means_the_same(value: Any) -> None:
    found = parse_named(b"application/json", json.dumps({"a": value}).encode())

    assert isinstance(found, JsonObject)
    assert json.loads(found.dump()) == {"a": value}
