"""Specifications of every format become pages that show all of it and run nothing."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.model.safe_yaml import parse_yaml
from ostiary.portal.content.access import ANONYMOUS
from ostiary.portal.content.defaults import load_shipped_files
from ostiary.portal.content.finding import Raw, find_page
from ostiary.portal.content.openapi.details import Details, read_details
from ostiary.portal.content.openapi.document import Api, read_api
from ostiary.portal.content.openapi.refs import Refs
from ostiary.portal.content.openapi.schemas import MAX_NODES, Node, SchemaReader
from tests.unit.portal.content.site_kit import show, site_of
from tests.unit.portal.content.test_markdown import scan

SHOP = next(f.contents for f in load_shipped_files() if f.path.startswith("specs/"))
SWAGGER = """
swagger: "2.0"
info: {title: Pets, version: 1.0.0}
host: api.example.com
basePath: /v1/
schemes: [https, http]
consumes: [application/json]
produces: [application/json]
securityDefinitions:
  key: {type: apiKey, in: query, name: api_key}
  user: {type: basic}
  login: {type: oauth2, flow: implicit, authorizationUrl: "https://a.example", scopes: {read: r}}
security: [{key: []}]
paths:
  /pets/{id}:
    parameters: [{name: id, in: path, required: true, type: integer, format: int64}]
    put:
      operationId: putPet
      parameters: [{name: pet, in: body, required: true, schema: {$ref: "#/definitions/Pet"}}]
      responses:
        200: {description: ok, schema: {$ref: "#/definitions/Pet"}, examples: {application/json: {name: Rex}}}
    post:
      consumes: [multipart/form-data]
      parameters: [{name: photo, in: formData, type: file, required: true}, {name: note, in: formData, type: string}]
      responses: {default: {description: any}}
definitions:
  Pet: {type: object, required: [name], properties: {name: {type: string}, friends: {type: array, items: {$ref: "#/definitions/Pet"}}}}
"""


def api_of(text: str) -> Api:
    return read_api(parse_yaml(text), fallback="x")


def details_of(api: Api, slug: str) -> Details:
    operation = api.find(slug)
    assert operation is not None, [o.slug for o in api.operations]
    return read_details(api, operation)


def count(node: Node) -> int:
    return 1 + sum(map(count, (*node.children, *node.choices)))


def test_an_openapi_document_is_read_whole() -> None:
    api = api_of(SHOP)

    assert (api.title, api.version, api.format) == ("Bookshop", "1.2.0", "OpenAPI 3.1.0")  # fmt: skip
    assert api.servers[0].url == "https://api.example.com/bookshop"
    assert {g.name: [o.slug for o in g.operations] for g in api.groups} == {
        "Books": ["list-books", "get-book"],
        "Orders": ["create-order", "get-order", "cancel-order"],
    }
    assert api.schemes["token"].title == "OAuth 2.0"


def test_an_operation_shows_parameters_bodies_replies_and_who_may() -> None:
    api = api_of(SHOP)
    order, books = details_of(api, "create-order"), details_of(api, "list-books")

    assert [(g.place, [n.name for n in g.nodes]) for g in books.parameters] == [("query", ["size", "author", "order"])]  # fmt: skip
    assert books.parameters[0].nodes[0].facts == ("default 20", "≥ 1", "≤ 100")
    assert books.is_open
    assert not order.is_open
    assert order.needs[0].schemes[0][1] == ("orders.write",)
    assert order.body is not None
    schema = order.body.contents[0].schema
    assert schema is not None
    assert {n.name: n.is_required for n in schema.children} == {"lines": True, "address": True, "gift_text": False}  # fmt: skip
    assert json.loads(order.body.contents[0].example)["lines"] == [{"book": "b-17", "count": 1}]  # fmt: skip
    made = order.answers[0]
    assert (made.status, made.phrase, made.mood) == ("201", "Created", "good")
    assert [h.name for h in made.headers] == ["Location"]
    shown = made.contents[0].schema
    assert shown is not None
    assert [n.name for n in shown.children] == ["lines", "address", "gift_text", "id", "status", "total", "created_at"]  # fmt: skip


def test_swagger_reads_as_openapi_does() -> None:
    api = api_of(SWAGGER)
    put, post = details_of(api, "put-pet"), details_of(api, "post-pets-id")

    assert [s.url for s in api.servers] == ["https://api.example.com/v1", "http://api.example.com/v1"]  # fmt: skip
    assert [s.kind for s in api.schemes.values()] == ["apiKey", "http", "oauth2"]
    assert api.schemes["login"].flows[0].scopes == (("read", "r"),)
    assert put.body is not None
    assert put.body.is_required
    assert put.answers[0].contents[0].example == '{\n  "name": "Rex"\n}'
    assert put.parameters[0].nodes[0].type == "integer (int64)"
    assert post.body is not None
    assert post.body.contents[0].media_type == "multipart/form-data"
    assert "api_key=YOUR_API_KEY" in put.samples[0].code


def test_what_refers_to_itself_is_named_and_not_opened_again() -> None:
    node = SchemaReader(Refs(document=parse_yaml(SWAGGER))).read(
        {"$ref": "#/definitions/Pet"}
    )
    friends = node.children[1]

    assert friends.type == "array of Pet"
    assert friends.children[0].note == "as above"
    assert count(node) == 4


@pytest.mark.parametrize(
    "schemas",
    [
        {f"s{n}": {"properties": {k: {"$ref": f"#/s/s{n + 1}"} for k in "abcdefghij"}} for n in range(50)},
        {f"s{n}": {"allOf": [{"$ref": f"#/s/s{n + 1}"}] * 10} for n in range(50)},
        {f"s{n}": {"oneOf": [{"$ref": f"#/s/s{n + 1}"}] * 10} for n in range(50)},
        {"s0": {"$ref": "#/s/s1"}, "s1": {"$ref": "#/s/s0"}},
        {"s0": {"allOf": [{"$ref": "#/s/s0"}], "items": {"$ref": "#/s/s0"}}},
        {"s0": {"properties": {"a": {"$ref": "#"}}}},
        {"s0": {"$ref": "https://evil.example/x"}},
        {"s0": {"$ref": "#/" + "s/" * 2000}},
    ],
)  # fmt: skip
def test_schemas_that_grow_have_an_end(schemas: dict[str, Any]) -> None:
    document = {
        "openapi": "3.0.0", "s": schemas,
        "paths": {"/x": {"post": {
            "operationId": "x",
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/s/s0"}}}},
            "responses": {str(n): {"content": {"application/json": {"schema": {"$ref": "#/s/s0"}}}} for n in range(200, 230)},
        }}},
    }  # fmt: skip
    found = details_of(read_api(document, fallback="x"), "x")
    contents = [c for a in found.answers for c in a.contents]

    assert sum(count(c.schema) for c in contents if c.schema) <= MAX_NODES + 2000


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["type", "$ref", "properties", "items", "allOf", "name", "in", "schema", "content", "description", "get", "parameters", "responses", "200", "security", "url", "tags", "enum", "x"]), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["openapi", "swagger", "info", "paths", "servers", "components", "tags", "security", "securityDefinitions", "host", "schemes"]), JUNK), JUNK)  # fmt: skip
def test_any_document_makes_a_page(document: dict[str, Any], path: Any) -> None:
    whole = {**document, "paths": {"/x": {"get": {"operationId": "x", "responses": {"200": path}, "parameters": [path], "requestBody": path}, "parameters": path}}}  # fmt: skip
    site = site_of({"specs/s.json": json.dumps(whole)})

    for address in ("/documentation/s", "/documentation/s/x"):
        assert "</html>" in show(site, address)


EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>'\"`$(id)\n@/etc/passwd [x](javascript:alert(1))"


def test_nothing_that_a_document_says_runs_on_its_pages() -> None:
    document = json.loads(json.dumps(parse_yaml(SHOP)))

    def spoil(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {k: spoil(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [spoil(v, key) for v in value]
        kept = {"$ref", "in", "type", "openapi", "operationId", "required", "scheme"}
        return value if key in kept or not isinstance(value, str) else EVIL

    files = {
        "specs/s.json": json.dumps(spoil(document)),
        "content/documentation/index.md": "---\nlayout: catalog.html\n---\n",
        "content/index.md": "---\ntitle: '<img src=x onerror=1>'\nhero: '<script>1</script>'\nlayout: home.html\nactions: [{title: <b>, url: 'javascript:1'}]\n---\n",
        "portal.conf.yaml": "name: '<script>1</script>'\nmenu: [{title: '<img src=x onerror=1>', url: 'javascript:1'}]\n",
    }
    site = site_of(files)
    for path in (
        "/",
        "/documentation",
        "/documentation/s",
        "/documentation/s/create-order",
    ):
        html = show(site, path)
        found = [b for b in scan(html) if b not in ALLOWED and not b.startswith(ICON)]
        assert found == [], path


ICON = "link href=data:image/svg+xml,"
# What our own frame has: search forms, its style sheets, buttons.
ALLOWED = {
    "style", "form", "button", "svg", "base", "meta", "link", "a class", "button class",
    "input name", "meta name", "input type", "button type",
}  # fmt: skip


def test_samples_are_texts_of_their_language_whatever_a_document_says() -> None:
    document = {
        "openapi": "3.0.0",
        "servers": [{"url": EVIL}],
        "components": {"securitySchemes": {"k": {"type": "apiKey", "in": "header", "name": EVIL}}},
        "security": [{"k": []}],
        "paths": {"/x" + EVIL: {"post": {
            "operationId": "x",
            "parameters": [{"name": EVIL, "in": "query", "required": True, "example": EVIL}],
            "requestBody": {"content": {"application/json": {"example": EVIL}}},
        }}},
    }  # fmt: skip
    curl, python, *_ = details_of(read_api(document, fallback="x"), "x").samples
    words = shlex.split(curl.code)

    assert words[:3] == ["curl", "--request", "POST"]
    assert words[3].startswith("/x")
    assert [w for w in words if w.startswith("-")] == ["--request", "--header", "--header", "--data-raw"]  # fmt: skip
    assert words[-1] == EVIL
    compile(python.code, "sample", "exec")
    assert f"data={json.dumps(EVIL)}" in python.code


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_python_samples_say_what_the_example_says(body: str) -> None:
    document = {
        "openapi": "3.0.0",
        "paths": {"/x": {"post": {"operationId": "x", "requestBody": {"content": {"text/plain": {"example": body}}}}}},
    }  # fmt: skip
    python = details_of(read_api(document, fallback="x"), "x").samples[1]
    tree = compile(python.code, "sample", "exec")

    assert not body or body in tree.co_consts or body.encode() in tree.co_consts


def test_curl_samples_are_what_a_shell_reads() -> None:
    curl = details_of(api_of(SHOP), "create-order").samples[0].code.replace("curl", sys.executable + " -c 'import sys; print(len(sys.argv))'", 1)  # fmt: skip
    done = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, check=True)  # fmt: skip

    assert done.stdout.strip() == "10"


def test_the_raw_document_can_be_downloaded_as_it_was_written() -> None:
    found = find_page(site_of({"specs/a/s.yaml": SHOP}), "/_specs/a/s.yaml", ANONYMOUS)

    assert isinstance(found, Raw)
    assert (found.body.decode(), found.filename) == (SHOP, "s.yaml")


def test_the_catalogue_filters_by_tag_and_by_words() -> None:
    files = {
        f"specs/s{n}.yaml": f"openapi: 3.0.0\ninfo: {{title: {title}, version: '{n}', description: {said}}}\ntags: [{{name: {tag}}}]\npaths: {{}}\n"
        for n, (title, said, tag) in enumerate([("Alpha", "first", "red"), ("Beta", "second", "blue"), ("Gamma", "third", "red"), ("Delta", "fourth", "a b")])
    }  # fmt: skip
    site = site_of({**files, "content/documentation.md": "---\nlayout: catalog.html\n---\n"})  # fmt: skip
    by_tag = show(site, "/documentation", query={"tag": "red"})
    by_word = show(site, "/documentation", query={"q": "SECON"})
    nothing = show(site, "/documentation", query={"q": "zzz"})

    assert ("Alpha" in by_tag, "Beta" in by_tag, "Gamma" in by_tag) == (True, False, True)  # fmt: skip
    assert ("Alpha" in by_word, "Beta" in by_word) == (False, True)
    assert "No API fits" in nothing
    assert "?tag=a%20b" in by_tag


def show_descriptions(said: list[str]) -> str:
    """The page of an operation whose body has fields with these descriptions."""
    fields = {
        f"f{n}": {"type": "string", "description": text} for n, text in enumerate(said)
    }
    document = {
        "openapi": "3.0.0",
        "paths": {"/x": {"post": {"operationId": "x", "requestBody": {"content": {"application/json": {"schema": {"properties": fields}}}}}}},
    }  # fmt: skip
    return show(site_of({"specs/s.json": json.dumps(document)}), "/documentation/s/x")


def test_descriptions_without_end_are_shown_plainly() -> None:
    html = show_descriptions(["[" * 9000] * 60)

    assert html.count("[[[") > 50
    # Each of them takes half a second: as many as fit a page are there, and none is parsed.
    assert html.count('class="as-written"') == 16


def test_descriptions_that_are_slow_together_are_shown_plainly_from_some_on() -> None:
    html = show_descriptions(["[" * 2000] * 60)

    assert html.count('class="as-written"') == 60 - 4


def test_descriptions_that_cost_little_stay_markdown_on_any_page() -> None:
    html = show_descriptions(["Some *words* about [a field](guides)."] * 300)

    assert html.count("<em>words</em>") == 300
    assert 'class="as-written"' not in html
