"""
One operation in full: parameters, bodies, replies, security, examples and samples of code. Pure.

Spec: Swagger 2.0; OpenAPI 3.1 §4.8.10.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from ostiary.portal.content.openapi.document import (
    MAX_URL_CHARS,
    Api,
    Operation,
    Scheme,
    fill_url,
    read_servers,
)
from ostiary.portal.content.openapi.examples import ExampleMaker, write_example
from ostiary.portal.content.openapi.lengths import LEFT_OUT, MAX_LABEL_CHARS, Room
from ostiary.portal.content.openapi.refs import Json, Refs, items, record, text
from ostiary.portal.content.openapi.samples import Call, Sample, build_samples
from ostiary.portal.content.openapi.schemas import Node, SchemaReader, write_value

_PLACES: Final = ("path", "query", "header", "cookie", "querystring")
_TITLES: Final = {
    "path": "Path parameters",
    "query": "Query parameters",
    "querystring": "Query string",
    "header": "Header fields",
    "cookie": "Cookies",
}
_FORM: Final = "application/x-www-form-urlencoded"
_MAX_CONTENTS: Final = 10
_MAX_REPLIES: Final = 40
_MAX_HEADERS: Final = 100
_MAX_NEEDS: Final = 50
_MAX_CALLBACKS: Final = 50
_ANY_VALUE: Final = "VALUE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A body of one media type; `is_cut` says that its example was left out."""

    media_type: str
    schema: Node | None
    example: str = ""
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request carries."""

    description: str
    is_required: bool
    contents: tuple[Content, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One reply."""

    status: str
    phrase: str
    description: str
    headers: tuple[Node, ...]
    contents: tuple[Content, ...]

    @property
    def mood(self) -> str:
        """How it is coloured."""
        return {"2": "good", "4": "bad", "5": "bad"}.get(self.status[:1], "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The parameters of one place."""

    title: str
    place: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One way to be let in: every scheme of it, with the scopes it must have."""

    schemes: tuple[tuple[Scheme, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """An operation as its page shows it."""

    operation: Operation
    parameters: tuple[Parameters, ...]
    body: Body | None
    answers: tuple[Answer, ...]
    needs: tuple[Need, ...]
    is_open: bool
    server_url: str
    samples: tuple[Sample, ...]
    callbacks: tuple[str, ...] = ()


def list_parameters(refs: Refs, operation: Operation) -> Iterator[Json]:
    """The parameters of an operation, and those of its path that it does not say otherwise."""
    found: dict[tuple[str, str], Json] = {}
    for holder in (operation.shared, operation.raw):
        for value in items(holder.get("parameters")):
            said, _ = refs.follow(value)
            found[text(said.get("in")), text(said.get("name"))] = said
    yield from found.values()


def list_servers(api: Api, operation: Operation) -> tuple[str, ...]:
    """Where an operation is served: as itself says, its path, or the whole document."""
    own = next(
        (h for h in (operation.raw, operation.shared) if items(h.get("servers"))), None
    )
    servers = api.servers if own is None else tuple(read_servers(own))
    return tuple(dict.fromkeys(s.url[:MAX_URL_CHARS] for s in servers if s.url))


def schema_of(parameter: Json) -> object:
    """What values of a parameter are like."""
    if parameter.get("schema") is not None:
        return parameter["schema"]
    for content in record(parameter.get("content")).values():
        return record(content).get("schema")
    return parameter  # Swagger 2.0 has the type beside the name


def example_of(refs: Refs, holder: Json) -> Any:  # Any: JSON
    """The example that a parameter or a body gives itself."""
    if holder.get("example") is not None:
        return holder["example"]
    for value in record(holder.get("examples")).values():
        said, _ = refs.follow(value)
        return said.get("value", said.get("dataValue"))
    return None


def read_details(api: Api, operation: Operation) -> Details:
    """Everything about an operation."""
    return _Reading(api, operation).read()


class _Reading:
    """Reads one operation; what is shown of schemas is limited for all of it together."""

    def __init__(self, api: Api, operation: Operation) -> None:
        self._api = api
        self._operation = operation
        self._refs: Refs = api.refs
        self._schemas = SchemaReader(api.refs)
        self._examples = ExampleMaker(api.refs)
        self._room = Room()

    def read(self) -> Details:
        raw = self._operation.raw
        parameters = [*list_parameters(self._refs, self._operation)]
        body = self._read_body(parameters)
        needs, is_open = self._read_needs()
        servers = list_servers(self._api, self._operation)
        server = servers[0].rstrip("/") if servers else ""
        answers = tuple(self._read_answers())
        return Details(
            operation=self._operation,
            parameters=tuple(self._show_parameters(parameters)),
            body=body,
            answers=answers,
            needs=needs,
            is_open=is_open,
            server_url=server,
            samples=build_samples(self._call(parameters, body, needs, server)),
            callbacks=tuple(
                str(n)[:MAX_LABEL_CHARS]
                for n in [*record(raw.get("callbacks"))][:_MAX_CALLBACKS]
            ),
        )

    def _show_parameters(self, parameters: list[Json]) -> Iterator[Parameters]:
        for place in _PLACES:
            nodes = tuple(
                self._show_parameter(p) for p in parameters if p.get("in") == place
            )
            if nodes:
                yield Parameters(title=_TITLES[place], place=place, nodes=nodes)

    def _show_parameter(self, parameter: Json) -> Node:
        schema = schema_of(parameter)
        said = text(parameter.get("description"))
        if schema is parameter:
            schema = {
                k: v for k, v in parameter.items() if k not in {"required", "name"}
            }
        node = self._schemas.read(
            schema,
            text(parameter.get("name")),
            is_required=parameter.get("required") is True or parameter.get("in") == "path",
        )  # fmt: skip
        facts = node.facts
        if (example := example_of(self._refs, parameter)) is not None:
            facts = (*facts, f"for example {write_value(example)[:120]}")
        return Node(
            name=node.name, type=node.type, is_required=node.is_required,
            is_deprecated=node.is_deprecated or parameter.get("deprecated") is True,
            description=said or node.description, facts=facts, note=node.note,
            children=node.children, choices=node.choices, choice_word=node.choice_word,
        )  # fmt: skip

    def _read_contents(self, holder: Json) -> Iterator[Content]:
        for media_type, value in [*record(holder.get("content")).items()][
            :_MAX_CONTENTS
        ]:
            said, _ = self._refs.follow(value)
            schema = said.get("schema", said.get("itemSchema"))
            name = str(media_type)[:MAX_LABEL_CHARS]
            yield self._content(name, schema, example_of(self._refs, said))

    def _content(self, media_type: str, schema: object, given: Any) -> Content:
        node = None if schema is None else self._schemas.read(schema)
        example = given
        if example is None and schema is not None and _is_shown(media_type):
            example = self._examples.make(schema)
        if example is None:
            return Content(media_type=media_type, schema=node)
        shown = self._room.fit(example, _write_form if media_type == _FORM else _write)
        return Content(
            media_type=media_type, schema=node, is_cut=shown is None,
            example=LEFT_OUT if shown is None else shown,
        )  # fmt: skip

    def _read_body(self, parameters: list[Json]) -> Body | None:
        raw = self._operation.raw
        if not self._api.is_swagger:
            if raw.get("requestBody") is None:
                return None
            said, _ = self._refs.follow(raw["requestBody"])
            return Body(
                description=text(said.get("description")),
                is_required=said.get("required") is True,
                contents=tuple(self._read_contents(said)),
            )
        types = self._media_types("consumes")
        whole = next((p for p in parameters if p.get("in") == "body"), None)
        if whole is not None:
            return Body(
                description=text(whole.get("description")),
                is_required=whole.get("required") is True,
                contents=tuple(self._content(t, whole.get("schema"), None) for t in types),
            )  # fmt: skip
        fields = [p for p in parameters if p.get("in") == "formData"]
        if not fields:
            return None
        schema = {
            "type": "object",
            "properties": {text(p.get("name")): {k: v for k, v in p.items() if k != "required"} for p in fields},
            "required": [text(p.get("name")) for p in fields if p.get("required") is True],
        }  # fmt: skip
        chosen = [t for t in types if "form" in t] or [_FORM]
        return Body(description="", is_required=bool(schema["required"]), contents=tuple(self._content(t, schema, None) for t in chosen))  # fmt: skip

    def _media_types(self, key: str) -> list[str]:
        own = items(self._operation.raw.get(key)) or items(self._refs.document.get(key))
        found = [text(t) for t in own if text(t)][:_MAX_CONTENTS]
        return found or ["application/json"]

    def _read_answers(self) -> Iterator[Answer]:
        for status, value in [*record(self._operation.raw.get("responses")).items()][
            :_MAX_REPLIES
        ]:
            said, _ = self._refs.follow(value)
            contents = tuple(self._read_contents(said))
            if self._api.is_swagger and said.get("schema") is not None:
                given = record(said.get("examples"))
                contents = tuple(
                    self._content(t, said["schema"], given.get(t))
                    for t in self._media_types("produces")
                )
            headers = tuple(
                self._show_parameter(
                    {"name": str(n)[:MAX_LABEL_CHARS], **self._refs.follow(h)[0]}
                )
                for n, h in [*record(said.get("headers")).items()][:_MAX_HEADERS]
            )
            yield Answer(
                status=str(status),
                phrase=_phrase(str(status)),
                description=text(said.get("description")) or text(said.get("summary")),
                headers=headers,
                contents=contents,
            )

    def _read_needs(self) -> tuple[tuple[Need, ...], bool]:
        raw = self._operation.raw
        said = raw.get("security", self._refs.document.get("security"))
        needs: list[Need] = []
        is_open = said is None
        for one in items(said)[:_MAX_NEEDS]:
            names = record(one)
            is_open = is_open or not names
            known = tuple(
                (
                    self._api.schemes[name],
                    tuple(
                        text(s)[:MAX_LABEL_CHARS] for s in items(scopes)[:_MAX_NEEDS]
                    ),
                )
                for name, scopes in names.items()
                if name in self._api.schemes
            )
            if known:
                needs.append(Need(schemes=known))
        return tuple(needs), is_open or not items(said)

    def _call(
        self, parameters: list[Json], body: Body | None, needs: tuple[Need, ...], server: str
    ) -> Call:  # fmt: skip
        in_path: dict[str, str] = {}
        query: list[tuple[str, str]] = []
        headers: list[tuple[str, str]] = []
        for parameter in parameters:
            name, place = text(parameter.get("name")), parameter.get("in")
            value = example_of(self._refs, parameter)
            if value is None:
                value = self._examples.make(schema_of(parameter))
            shown = self._room.fit(value, _plain, most=MAX_URL_CHARS)
            if place == "path":
                in_path[name] = "" if shown in {None, "string"} else shown or ""
            elif place == "query" and parameter.get("required") is True:
                query.append((name, _ANY_VALUE if shown is None else shown))
            elif place == "header" and parameter.get("required") is True:
                headers.append((name, _ANY_VALUE if shown is None else shown))
        content = body.contents[0] if body is not None and body.contents else None
        return Call(
            method=self._operation.method,
            url=f"{_whole(server)}/{fill_url(self._operation.path, in_path).lstrip('/')}",
            query=tuple(query),
            headers=tuple(headers),
            needs=tuple(s for s, _ in needs[0].schemes) if needs else (),
            media_type="" if content is None else content.media_type,
            body="" if content is None or content.is_cut else content.example,
        )


def _whole(server: str) -> str:
    # Nothing that a shell's command takes for an option of its own.
    good = server.startswith(("http://", "https://", "/"))
    return server.rstrip("/") if good else ""


def _write(example: object) -> str:
    return example if isinstance(example, str) else write_example(example)


def _write_form(example: object) -> str:
    if not isinstance(example, Mapping):
        return _write(example)
    return "\n".join(f"{k}={_plain(v)}" for k, v in example.items())


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ",".join(_plain(v) for v in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value) if not isinstance(value, dict) else write_example(value)  # fmt: skip


def _is_shown(media_type: str) -> bool:
    """Whether an example of values can be written in this type."""
    return "json" in media_type or media_type in {_FORM, "*/*", "multipart/form-data"}


def _phrase(status: str) -> str:
    try:
        return HTTPStatus(int(status)).phrase
    except ValueError:
        return "Any other reply" if status == "default" else ""
