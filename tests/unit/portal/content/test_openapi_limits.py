"""Small specifications that would make great pages: each text that many places share is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ostiary.portal.content.openapi.details import Details, read_details
from ostiary.portal.content.openapi.document import (
    MAX_TAGS,
    MAX_URL_CHARS,
    UNTAGGED,
    Api,
    read_api,
)
from ostiary.portal.content.openapi.lengths import (
    LEFT_OUT,
    MAX_EXAMPLES_CHARS,
    Room,
    measure,
)
from tests.unit.portal.content.site_kit import show, site_of

Json = dict[str, Any]  # Any: plain values


def api_with(paths: Json, **more: Any) -> Api:  # Any: plain values
    return read_api({"openapi": "3.1.0", "paths": paths, **more}, fallback="x")


def details_of(operation: Json, path: str = "/x", **more: Any) -> Details:
    api = api_with({path: {"post": {"operationId": "x", **operation}}}, **more)
    found = api.find("x")
    assert found is not None
    return read_details(api, found)


def variables(values: dict[str, str]) -> Json:
    return {name: {"default": value} for name, value in values.items()}


def test_values_of_variables_are_not_filled_in_themselves() -> None:
    doubling = {f"v{n}": f"{{v{n + 1}}}{{v{n + 1}}}" for n in range(18)}
    servers = [
        {"url": "https://{v0}", "variables": variables(doubling)},
        {"url": "https://{a}.{b}/{c}/", "variables": variables({"a": "{b}", "b": "eu"})},
        {"url": "https://" + "{a}" * 2000, "variables": variables({"a": "y" * 9000})},
    ]  # fmt: skip
    first, second, third = api_with({}, servers=servers).servers

    assert first.url == "https://{v1}{v1}"
    assert second.url == "https://{b}.eu/{c}"
    assert len(third.url) == MAX_URL_CHARS


def test_examples_in_a_path_are_not_filled_in_themselves() -> None:
    names = [f"p{n}" for n in range(18)]
    doubling = [
        {"name": name, "in": "path", "example": f"{{p{n + 1}}}{{p{n + 1}}}"}
        for n, name in enumerate(names)
    ]
    plain = [{"name": "id", "in": "path", "example": 7}, {"name": "s", "in": "path", "schema": {"type": "string"}}]  # fmt: skip
    long = [{"name": "id", "in": "path", "example": "y" * 1500}]

    grown = details_of({"parameters": doubling}, "/{p0}/x")
    honest = details_of({"parameters": plain}, "/a/{id}/{s}")
    cut = details_of({"parameters": long}, "/{id}/{id}/{id}")
    assert "'/{p1}{p1}/x'" in grown.samples[0].code
    assert "'/a/7/{s}'" in honest.samples[0].code.replace('"', "'")
    assert len(cut.samples[0].code) < MAX_URL_CHARS + 200


@pytest.mark.parametrize("example", ["y" * 9000, [{"k": "y" * 90}] * 95])
def test_a_shared_example_is_counted_on_every_place(example: object) -> None:
    reply = {"content": {f"application/{n}+json": {"$ref": "#/components/mediaTypes/m"} for n in range(10)}}  # fmt: skip
    components = {"mediaTypes": {"m": {"example": example}}, "responses": {"r": reply}}
    responses = {str(n): {"$ref": "#/components/responses/r"} for n in range(200, 240)}
    answers = details_of({"responses": responses}, components=components).answers
    shown = [content.example for answer in answers for content in answer.contents]

    assert len(shown) == 400
    assert shown[0] == (example if isinstance(example, str) else json.dumps(example, indent=2))  # fmt: skip
    assert shown[-1] == LEFT_OUT
    assert sum(len(text) for text in shown if text != LEFT_OUT) <= MAX_EXAMPLES_CHARS


def test_an_example_that_is_too_long_is_not_in_the_samples_either() -> None:
    def post(example: object) -> Details:
        content = {"application/json": {"example": example}}
        return details_of({"requestBody": {"content": content}})

    long, honest = post(["y"] * 60_000), post({"name": "Rex"})
    assert long.body is not None
    assert long.body.contents[0].example == LEFT_OUT
    assert not any("yy" in s.code or LEFT_OUT in s.code for s in long.samples)
    assert honest.body is not None
    assert '"Rex"' in honest.body.contents[0].example
    assert "Rex" in honest.samples[0].code


def test_long_examples_of_parameters_are_neither_shown_nor_sent() -> None:
    parameters = [
        {"name": f"q{n}", "in": "query", "required": True, "example": ["z" * 60] * 200} for n in range(50)
    ] + [{"name": "page", "in": "query", "required": True, "example": 3}]  # fmt: skip
    found = details_of({"parameters": parameters})

    facts = [fact for node in found.parameters[0].nodes for fact in node.facts]
    assert facts == [f"for example {LEFT_OUT}"] * 50 + ["for example 3"]
    assert "q0=VALUE" in found.samples[0].code
    assert "page=3" in found.samples[0].code


def test_what_is_measured_is_never_looked_through_beyond_the_limit() -> None:
    wide: list[Any] = [1]
    for _ in range(40):
        wide = [wide] * 1000
    room = Room(limit=100)

    assert measure(wide, 5000) > 5000
    assert measure({"a": ["b", 1]}, 5000) < 100
    assert room.fit(wide, json.dumps) is None
    assert room.fit([1, 2], json.dumps) == "[1, 2]"
    assert room.fit("x" * 95, json.dumps) is None


def test_long_values_of_schemas_are_left_out() -> None:
    long = ["y" * 3000] * 3
    schema = {"type": "object", "properties": {"a": {"type": "array", "default": long}, "b": {"type": "integer", "default": 5}}}  # fmt: skip
    body = details_of({"requestBody": {"content": {"text/x": {"schema": schema}}}}).body
    assert body is not None
    node = body.contents[0].schema
    assert node is not None

    assert [child.facts for child in node.children] == [(f"default {LEFT_OUT}",), ("default 5",)]  # fmt: skip


def test_descriptions_beyond_the_page_are_cut() -> None:
    fields = {f"f{n}": {"type": "string", "description": "w" * 9000} for n in range(60)}
    content = {"application/json": {"schema": {"properties": fields}}}
    document = {"openapi": "3.0.0", "paths": {"/x": {"post": {"operationId": "x", "description": "*short*", "requestBody": {"content": content}}}}}  # fmt: skip
    html = show(site_of({"specs/s.json": json.dumps(document)}), "/documentation/s/x")

    assert "<em>short</em>" in html
    assert html.count("w" * 9000) == 16
    assert html.count("w") < 160_000
    assert html.count(LEFT_OUT) == 60 - 16


def test_tags_and_operations_are_grouped_and_tags_have_an_end() -> None:
    paths: Json = {f"/t{n}": {"get": {"tags": [f"t{n}"]}} for n in range(MAX_TAGS + 100)}  # fmt: skip
    paths |= {"/all": {"get": {"tags": [f"t{n}" for n in range(50)]}}, "/none": {"get": {}}}  # fmt: skip
    api = api_with(paths)

    assert len(api.tags) == MAX_TAGS
    assert [g.name for g in api.groups] == [*api.tags, UNTAGGED]
    assert [o.path for o in api.groups[1].operations] == ["/t1", "/all"]
    assert len(api.groups[-1].operations) == 101
    assert sum(1 for _ in api.operations) == MAX_TAGS + 102
    assert sum(len(o.tags) for o in api.operations if o.path == "/all") == 20


def test_a_text_that_all_operations_share_is_counted() -> None:
    item = {"get": {"summary": "s" * 5000, "description": "d" * 30_000}}
    paths = {f"/p{n}": {"$ref": "#/components/pathItems/i"} for n in range(300)}
    found = [*api_with(paths, components={"pathItems": {"i": item}}).operations]

    assert len(found) == 300
    assert sum(len(o.description) for o in found) == 2_000_000
    assert {len(o.summary) for o in found} == {500}
