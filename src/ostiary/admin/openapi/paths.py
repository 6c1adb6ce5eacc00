"""
The paths of rows as OpenAPI: every place of `admin.places` with its verbs.

Spec: gateway §§1.9, 1.10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ostiary.admin.collections import list_verbs
from ostiary.admin.openapi.replies import (
    FILTERED,
    NO_CONTENT,
    build_body,
    build_page,
    build_reply,
    errors,
    parameter,
)
from ostiary.admin.openapi.rows import (
    EXAMPLES,
    PLUGINS,
    build_input,
    build_new,
    describe,
    input_name,
)
from ostiary.admin.openapi.values import Json, build_list, build_object, ref, words_of
from ostiary.admin.places import Place, list_places, read_place
from ostiary.model.kinds import KINDS, Kind

_BODY: Final = ("400", "413", "415", "503")
_PARAMETER: Final = re.compile(r"\{([a-z_]+)\}")
_VERBS: Final = {
    "PUT": ("put", "Put {it}, made anew of what is said alone"),
    "PATCH": ("update", "Change some of {it}"),
    "DELETE": ("delete", "Let {it} go"),
}


def find_parameters(path: str) -> list[Json]:
    """The names in a path."""
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": "An id, or the name that no other has.",
            "schema": {"type": "string", "minLength": 1},
        }
        for name in _PARAMETER.findall(path)
    ]


def title(kind: Kind) -> str:
    """How a kind is called among the tags."""
    return kind.path or kind.name


def _one(kind: Kind) -> str:
    """`CaCertificate` as `ca certificate`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.model.__name__).lower()


def _many(kind: Kind) -> str:
    return title(kind).replace("_", " ").replace("-", " ")


def _shown(kind: Kind) -> Json:
    return ref(kind.model.__name__)


def _records(kind: Kind) -> tuple[str, ...]:
    """The fields of a row that are records or maps."""
    if kind.name == PLUGINS:
        found = ["config"]
    else:
        found = [
            name
            for name, schema in build_input(kind)["properties"].items()
            if "$ref" in str(schema) or "object" in schema.get("type", ())
        ]
    links = [r.field for r in kind.references if not r.is_list]
    return tuple(sorted({*found, *links}))


def _body(kind: Kind, schema: Json) -> Json:
    return build_body(schema, records=_records(kind), example=EXAMPLES.get(kind.name))


def _put_body(place: Place) -> Json:
    """A whole row; its name may be in the path."""
    kind = place.kind
    names = () if kind.endpoint_key is None else (kind.endpoint_key,)
    group = ("group",) if kind.name == "acls" else ()
    above = () if place.field is None or place.is_upward else (place.field,)
    return _body(kind, build_new(kind, known=(*names, *group, *above)))


def build_paths() -> dict[str, Json]:
    """Every path of rows."""
    found: dict[str, Json] = {}
    for path in list_places():
        place = read_place(path.removeprefix("/").split("/"))
        assert place is not None
        operations = {
            verb.lower(): _operation(path, place, verb) for verb in list_verbs(place)
        }
        found[path] = {"parameters": find_parameters(path), **operations}
        if not found[path]["parameters"]:
            del found[path]["parameters"]
    return found


def _operation(path: str, place: Place, verb: str) -> Json:
    kind, parent = place.kind, place.parent
    of = "" if parent is None else f" of a {_one(parent)}"
    below = "" if parent is None else f"Of{parent.model.__name__}"
    model = words_of(place.field or "") if place.is_upward else kind.model.__name__
    tag = {"tags": [title(kind)]}
    if place.key is None and not place.is_upward:
        if verb == "GET":
            made = _list(kind, place)
            name = f"list{words_of(title(kind))}{below}"
            return {
                "operationId": name,
                "summary": f"List the {_many(kind)}{of}",
                **tag,
                **made,
            }
        made = _create(path, place)
        name = f"create{model}{below}"
        return {
            "operationId": name,
            "summary": f"Make a {_one(kind)}{of}",
            **tag,
            **made,
        }
    said = (
        f"the {(place.field or '').replace('_', ' ')}"
        if place.is_upward
        else f"a {_one(kind)}"
    )
    said += of
    if verb == "GET":
        return {
            "operationId": f"get{model}{below}",
            "summary": f"Show {said}",
            **tag,
            **_get(kind),
        }
    word, summary = _VERBS[verb]
    return {
        "operationId": f"{word}{model}{below}",
        "summary": summary.format(it=said),
        **tag,
        **_write(place, verb),
    }  # fmt: skip


def _list(kind: Kind, place: Place) -> Json:
    found = [parameter(name) for name in FILTERED]
    if kind.name == "consumers" and place.parent is None:
        found.append(parameter("custom_id"))
    page = build_reply(f"A page of {_many(kind)}.", build_page(_shown(kind)))
    missing = ("404",) if place.parent is not None else ()
    return {
        "parameters": found,
        "responses": {"200": page, **errors("400", "503", *missing)},
    }


def _create(path: str, place: Place) -> Json:
    kind = place.kind
    known = () if place.field is None else (place.field,)
    missing = ("404",) if place.parent is not None else ()
    made = build_reply(
        f"The new {_one(kind)}.", _shown(kind), links=_links(path, place)
    )
    return {
        "requestBody": _body(kind, build_new(kind, known=known)),
        "responses": {"201": made, **errors(*_BODY, "405", "409", *missing)},
    }


def _links(path: str, place: Place) -> Json:
    """What can be done next with a new row."""
    kind, parent = place.kind, place.parent
    model = kind.model.__name__ + (
        "" if parent is None else f"Of{parent.model.__name__}"
    )
    known = {name: f"$request.path.{name}" for name in _PARAMETER.findall(path)}
    given = {**known, kind.name: "$response.body#/id"}
    return {
        f"{verb}{model}": {"operationId": f"{verb}{model}", "parameters": given}
        for verb in ("get", "put", "update", "delete")
    }


def _get(kind: Kind) -> Json:
    shown = build_reply(f"The {_one(kind)}.", _shown(kind))
    return {"responses": {"200": shown, **errors("404", "503")}}


def _write(place: Place, verb: str) -> Json:
    kind = place.kind
    if verb == "DELETE":
        refused = ("400",) if _is_needed(kind) else ()
        missing = ("404",) if place.parent is not None else ()
        found = errors("405", "503", *refused, *missing)
        return {"responses": {"204": NO_CONTENT, **found}}
    body = _put_body(place) if verb == "PUT" else _body(kind, ref(input_name(kind)))
    is_missed = verb == "PATCH" or place.parent is not None
    missing = ("404",) if is_missed else ()
    kept = build_reply(f"The {_one(kind)} as it is now.", _shown(kind))
    return {
        "requestBody": body,
        "responses": {"200": kept, **errors(*_BODY, "405", "409", *missing)},
    }


def _is_needed(kind: Kind) -> bool:
    """Whether others may keep a row from going."""
    return any(
        reference.kind == kind.name and reference.on_delete == "restrict"
        for other in KINDS.values()
        for reference in other.references
    )


def build_tags() -> Iterator[Json]:
    """The kinds as tags."""
    for kind in KINDS.values():
        if kind.path is not None or kind.name == "targets":
            yield {"name": title(kind), "description": describe(kind)}


def build_group() -> Json:
    """A consumer group as it is shown alone."""
    return build_object(
        {"consumer_group": ref("ConsumerGroup"), "plugins": build_list(ref("Plugin"))},
        consumers=build_list(ref("Consumer")),
    )
