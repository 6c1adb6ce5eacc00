"""
What somebody fills in to try an operation: read from its specification. Pure.

Spec: OpenAPI 3.1 §4.8.12 (parameters), §4.8.27 (security schemes); Swagger 2.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ostiary.portal.content.openapi.details import (
    Details,
    example_of,
    list_parameters,
    list_servers,
    read_details,
    schema_of,
)
from ostiary.portal.content.openapi.document import Api, Operation, Scheme
from ostiary.portal.content.openapi.lengths import MAX_LABEL_CHARS
from ostiary.portal.content.openapi.refs import Json, Refs, items, text
from ostiary.portal.content.openapi.schemas import describe_type
from ostiary.portal.tryit.fields import BadField, check_name

MAX_INPUTS: Final = 60
_MAX_CHOICES: Final = 100
MAX_SERVERS: Final = 20
_IN_BRACES: Final = re.compile(r"\{([^{}]{1,200})\}")
_NAMED: Final = frozenset({"accept", "authorization", "content-type"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """
    A parameter to fill in.

    `repeats`: several values, divided by commas, are sent as several arguments. `choices` are all
    the values that there are, if they are listed.
    """

    name: str
    place: str
    type: str
    is_required: bool
    description: str = ""
    example: str = ""
    choices: tuple[str, ...] = ()
    repeats: bool = False

    @property
    def key(self) -> str:
        """Its name in the form."""
        return f"{self.place}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A secret to fill in; it is sent and then forgotten."""

    scheme: Scheme

    @property
    def key(self) -> str:
        """The secret's name in the form."""
        return f"auth:{self.scheme.name}"

    @property
    def user_key(self) -> str:
        """The name of the field beside it, of those that have a user's name."""
        return f"user:{self.scheme.name}"

    @property
    def is_basic(self) -> bool:
        """Whether it is a name and a password."""
        return (self.scheme.kind, self.scheme.scheme) == ("http", "basic")

    @property
    def label(self) -> str:
        """What people call it."""
        match self.scheme.kind, self.scheme.scheme:
            case "apiKey", _:
                return self.scheme.title
            case "http", "basic":
                return "Password"
        return f"Access token ({self.scheme.title})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """
    Everything that is asked for. `left_out` says what the operation has and cannot be sent.

    `examples` are bodies by media type.
    """

    operation: Operation
    servers: tuple[str, ...]
    inputs: tuple[Input, ...]
    credentials: tuple[Credential, ...]
    examples: Mapping[str, str] = field(repr=False)
    needs_body: bool
    accept: str
    left_out: tuple[str, ...]
    details: Details = field(repr=False)

    @property
    def media_types(self) -> tuple[str, ...]:
        """What a body can be."""
        return tuple(self.examples)


def read_form(api: Api, operation: Operation) -> Form:
    """The form of an operation."""
    details = read_details(api, operation)
    parameters = [*list_parameters(api.refs, operation)]
    inputs = [*_read_inputs(api, operation, parameters)]
    schemes = {s.name: s for need in details.needs for s, _ in need.schemes}
    credentials = [Credential(scheme=s) for s in schemes.values() if _can_send(s)]
    contents = () if details.body is None else details.body.contents
    bodies = {
        c.media_type: "" if c.is_cut else c.example
        for c in contents
        if _can_write(c.media_type)
    }
    return Form(
        operation=operation,
        servers=list_servers(api, operation)[:MAX_SERVERS] or ("/",),
        inputs=tuple(inputs[:MAX_INPUTS]),
        credentials=tuple(credentials[:MAX_INPUTS // 3]),
        examples=bodies,
        needs_body=details.body is not None and details.body.is_required,
        accept=_read_accept(details),
        left_out=tuple(
            _list_left_out(parameters, details, schemes, has_more=len(inputs) > MAX_INPUTS)
        ),
        details=details,
    )  # fmt: skip


def _read_inputs(
    api: Api, operation: Operation, parameters: list[Json]
) -> Iterator[Input]:
    in_path = dict.fromkeys(_IN_BRACES.findall(operation.path))
    for place in ("path", "query", "header"):
        for parameter in parameters:
            name = text(parameter.get("name"))
            if parameter.get("in") != place or not _is_sent(name, place):
                continue
            if place == "path" and name not in in_path:
                continue
            if place == "path":
                del in_path[name]
            yield _read_input(
                api.refs, parameter, name, place, is_swagger=api.is_swagger
            )
        if place == "path":
            # In braces, and described nowhere.
            for name in in_path:
                yield Input(name=name, place="path", type="string", is_required=True)


def _is_sent(name: str, place: str) -> bool:
    if not name or len(name) > MAX_LABEL_CHARS:
        return False
    if place != "header":
        return True
    # OpenAPI §4.8.12.1: parameters of these names are ignored.
    if name.lower() in _NAMED:
        return False
    try:
        check_name(name)
    except BadField:
        return False
    return True


def _read_input(
    refs: Refs, parameter: Json, name: str, place: str, *, is_swagger: bool
) -> Input:
    schema, _ = refs.follow(schema_of(parameter))
    example = example_of(refs, parameter)
    if example is None:
        example = schema.get("example", schema.get("default"))
    is_list = schema.get("type") == "array"
    return Input(
        name=name,
        place=place,
        type=describe_type({k: v for k, v in schema.items() if k != "required"}, refs),
        is_required=parameter.get("required") is True or place == "path",
        description=text(parameter.get("description"))[:500],
        example=_write(example)[:MAX_LABEL_CHARS],
        choices=_read_choices(schema),
        repeats=is_list and place == "query" and _repeats(parameter, is_swagger=is_swagger),
    )  # fmt: skip


def _repeats(parameter: Json, *, is_swagger: bool) -> bool:
    if is_swagger:
        return parameter.get("collectionFormat") == "multi"
    style = parameter.get("style", "form")
    return style == "form" and parameter.get("explode") is not False


def _read_choices(schema: Json) -> tuple[str, ...]:
    if schema.get("type") == "boolean":
        return ("true", "false")
    values = items(schema.get("enum"))
    shown = tuple(dict.fromkeys(_write(v) for v in values if v not in (None, "")))
    fits = len(shown) <= _MAX_CHOICES and all(len(v) <= MAX_LABEL_CHARS for v in shown)
    return shown if fits else ()


def _write(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(_write(v) for v in value[:20])
    return text(value)


def _can_send(scheme: Scheme) -> bool:
    match scheme.kind:
        case "apiKey" if scheme.where == "header":
            name = scheme.field_name
            return name.lower() == "authorization" or _is_sent(name, "header")
        case "apiKey":
            return scheme.where == "query" and bool(scheme.field_name)
        case "http":
            return scheme.scheme in {"basic", "bearer"}
    return scheme.kind in {"oauth2", "openIdConnect"}


def _can_write(media_type: str) -> bool:
    """Whether a body of this type can be written into a form as text."""
    kind = media_type.partition(";")[0].strip().lower()
    return (
        kind.startswith("text/")
        or kind in {"application/x-www-form-urlencoded", "*/*"}
        or kind.endswith(("json", "xml", "yaml", "graphql", "javascript"))
    )


def _read_accept(details: Details) -> str:
    """What the answers of an operation are, so that no page is sent in their place."""
    kinds = dict.fromkeys(
        content.media_type
        for answer in details.answers
        for content in answer.contents
        if re.fullmatch(r"[\w.+-]+/[\w.+*-]+", content.media_type, re.ASCII)
    )
    return ", ".join([*kinds][:5]) or "application/json"


def _list_left_out(
    parameters: list[Json],
    details: Details,
    schemes: Mapping[str, Scheme],
    *,
    has_more: bool,
) -> Iterator[str]:
    places = {p.get("in") for p in parameters}
    if "cookie" in places or any(s.where == "cookie" for s in schemes.values()):
        yield "cookies, which are never sent from here"
    if "querystring" in places:
        yield "a query string as a whole"
    if any(
        p.get("in") == "header" and not _is_sent(text(p.get("name")), "header")
        for p in parameters
    ):
        yield "header fields that the portal sets itself or never sends"
    if any(s.kind == "mutualTLS" for s in schemes.values()):
        yield "client certificates"
    if details.body is not None:
        kinds = [c.media_type for c in details.body.contents]
        if left := [kind for kind in kinds if not _can_write(kind)]:
            yield f"bodies of {', '.join(left[:5])}"
    if has_more:
        yield f"parameters after the first {MAX_INPUTS}"
