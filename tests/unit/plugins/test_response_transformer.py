"""The `response-transformer` plugin."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from ostiary.http.head import Fields, ResponseHead
from tests.unit.plugins.plugin_kit import Gate, defaults, problems, values

NAME = "response-transformer"
JSON: Fields = ((b"Content-Type", b"application/json; charset=utf-8"),)


async def respond(
    config: dict[str, Any], fields: Fields = (), body: bytes = b""
) -> tuple[ResponseHead, bytes]:
    return (await Gate((NAME, config)).ask()).respond(200, fields, body)


@pytest.mark.spec("Kong#response-transformer")
async def test_fields_change_in_order() -> None:
    config = {
        "remove": {"headers": ["X-Gone"]},
        "rename": {"headers": ["X-Old:X-New", "X-Absent:X-Never"]},
        "replace": {"headers": ["X-There:2", "X-Absent:2"]},
        "add": {"headers": ["X-There:3", "X-Added:3"]},
        "append": {"headers": ["X-Added:4"]},
    }
    head, _ = await respond(
        config,
        ((b"x-gone", b"1"), (b"x-old", b"a"), (b"X-New", b"was"), (b"X-There", b"1")),
    )

    names = ("x-gone", "x-old", "x-new", "x-never", "x-there", "x-absent", "x-added")
    assert {name: values(head.fields, name) for name in names} == {
        "x-gone": [], "x-old": [], "x-new": ["a"], "x-never": [], "x-there": ["2"],
        "x-absent": [], "x-added": ["3", "4"],
    }  # fmt: skip


@pytest.mark.spec("Kong#response-transformer")
async def test_members_of_a_json_object_change_in_order() -> None:
    config = {
        "remove": {"json": ["gone"]},
        "rename": {"json": ["old:new"]},
        "replace": {"json": ["there:2", "absent:2"]},
        "add": {"json": ["there:3", "n:4", "b:true", "s:5"], "json_types": ["string", "number", "boolean", "string"]},
        "append": {"json": ["list:6", "there:7"]},
    }  # fmt: skip
    body = json.dumps({"gone": 1, "old": {"x": 1}, "there": 0, "list": [1]}).encode()

    _, changed = await respond(config, JSON, body)
    assert json.loads(changed) == {
        "new": {"x": 1}, "there": ["2", "7"], "n": 4, "b": True, "s": "5", "list": [1, "6"],
    }  # fmt: skip


@pytest.mark.spec("Kong#response-transformer")
async def test_what_is_not_of_its_kind_is_left_out() -> None:
    config = {"add": {"json": ["a:x", "b:1.5", "c:false", "d:true"], "json_types": ["number", "number", "boolean", "number"]}}  # fmt: skip
    _, changed = await respond(config, JSON, b"{}")

    assert json.loads(changed) == {"b": 1.5, "c": False}


async def test_a_compressed_body_is_changed_and_goes_on_plain() -> None:
    fields = (*JSON, (b"Content-Encoding", b"gzip"))
    head, changed = await respond(
        {"remove": {"json": ["gone"]}}, fields, gzip.compress(b'{"gone":1,"a":2}')
    )

    assert changed == b'{"a":2}'
    assert values(head.fields, "content-encoding") == []


@pytest.mark.spec("Kong#response-transformer")
@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (((b"Content-Type", b"text/html"),), b'{"gone":1}'),
        ((), b'{"gone":1}'),
        (JSON, b"not json"),
        (JSON, b'["gone"]'),
        (JSON, b""),
    ],
)
async def test_other_bodies_pass_as_they_are(fields: Fields, body: bytes) -> None:
    _, changed = await respond({"remove": {"json": ["gone"]}}, fields, body)

    assert changed == body


async def test_bodies_stream_where_only_fields_change() -> None:
    gate = Gate((NAME, {"remove": {"headers": ["X-Gone"]}}))
    forward = (await gate.ask()).forward

    assert forward.on_response is not None
    forward.on_response(ResponseHead(status=200, fields=JSON), 1.0)
    assert forward.on_body is not None
    assert forward.on_body() is None


@pytest.mark.spec("Kong#4.2")
async def test_answers_of_the_gateway_change_too() -> None:
    config = {"add": {"json": ["a:1"], "headers": ["X-A:1"]}}
    gate = Gate((NAME, config), ("request-termination", {"message": "m"}))
    asked = await gate.ask()

    assert json.loads(asked.reply.body) == {"message": "m", "a": "1"}
    assert asked.got("x-a") == ["1"]


@pytest.mark.spec("Kong#response-transformer")
def test_defaults_are_kongs_and_mistakes_are_named() -> None:
    plain: dict[str, Any] = {"headers": [], "json": []}
    typed = {**plain, "json_types": []}

    assert defaults(NAME) == {
        "remove": plain,
        "rename": plain,
        "replace": typed,
        "add": typed,
        "append": typed,
    }
    for config, path, text in (
        ({"add": {"json": ["x"]}}, ("add", "json", 0), "key 'x' has no value"),
        (
            {"add": {"headers": ["x y:1"]}},
            ("add", "headers", 0),
            "'x y' is not a valid header",
        ),
        (
            {"add": {"headers": ["x:a\nb"]}},
            ("add", "headers", 0),
            "'x' has a value that no field can have",
        ),
        (
            {"rename": {"headers": ["a:b c"]}},
            ("rename", "headers", 0),
            "'b c' is not a valid header",
        ),
        (
            {"add": {"json": ["x:1"], "json_types": ["integer"]}},
            ("add", "json_types", 0),
            "expected one of: boolean, number, string",
        ),
        (
            {"add": {"json": ["x:1"], "json_types": ["number", "number"]}},
            ("add", "json_types"),
            "must have one element for each of json",
        ),
    ):
        assert problems(NAME, config) == ((path, text),)
