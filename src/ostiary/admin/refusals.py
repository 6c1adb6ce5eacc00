"""
What the Admin API says when it refuses: Kong's codes, names, messages and fields.

Spec: gateway §1.11.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ostiary.model.words import Problem, nest_problems
from ostiary.ports.config_store import (
    ForeignKeyMissing,
    PrimaryKeyViolation,
    StillReferenced,
    UniqueViolation,
)

Json = dict[str, Any]  # Any: JSON


class Refused(Exception):
    """A request that is answered with an error; `body` is JSON, None for none."""

    code = "refused"

    def __init__(
        self, status: int, body: Json | None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__("the request was refused")
        self.status = status
        self.body = body
        self.headers = headers


def say(status: int, message: str) -> Refused:
    """An error that is a message and nothing else."""
    return Refused(status, {"message": message})


def not_found() -> Refused:
    """Nothing is there."""
    return say(404, "Not found")


def list_verbs(methods: Iterable[str]) -> str:
    """The verbs of a path as `Allow` says them: HEAD goes with GET, OPTIONS with everything."""
    known = {*methods, "OPTIONS"}
    return ", ".join(sorted(known | ({"HEAD"} if "GET" in known else set())))


def not_allowed(methods: Iterable[str]) -> Refused:
    """Another verb than those of a path."""
    body = {"message": "Method not allowed"}
    return Refused(405, body, {"Allow": list_verbs(methods)})


def _coded(status: int, code: int, name: str, message: str, **more: object) -> Refused:
    body = {"code": code, "name": name, "message": message, **more}
    return Refused(status, body)


def show_key(fields: Mapping[str, object]) -> str:
    """Fields as Kong writes them in messages: `{name="x",route=null}`, sorted by name."""
    return "{" + ",".join(f"{n}={_show(fields[n])}" for n in sorted(fields)) + "}"


def _show(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return show_key(value)
    return f'"{value}"' if isinstance(value, str) else str(value)


def schema_violation(problems: Sequence[Problem]) -> Refused:
    """What is wrong with an entity, all of it."""
    texts = [text for _, _, text in sorted(map(_tell, problems))]
    count = len(texts)
    head = "schema violation" if count == 1 else f"{count} schema violations"
    message = f"{head} ({'; '.join(texts)})"
    fields = nest_problems(problems)
    return _coded(400, 2, "schema violation", message, fields=fields)


def _tell(problem: Problem) -> tuple[int, str, str]:
    """Where a problem stands among others (what is about the whole first), and its text."""
    path, text = problem
    # Kong counts from one.
    steps = [str(s + 1) if isinstance(s, int) else s for s in path if s != "@entity"]
    place = ".".join(steps)
    return (1, place, f"{place}: {text}") if place else (0, "", text)


def unique_violation(error: UniqueViolation) -> Refused:
    """Another has what this one wants."""
    fields = {
        name: value
        for name, value in error.fields.items()
        # Kong's own words know no consumer groups where none is meant.
        if not (name == "consumer_group" and value is None)
    }
    message = f"UNIQUE violation detected on '{show_key(fields)}'"
    return _coded(409, 5, "unique constraint violation", message, fields=fields)


def primary_key_violation(error: PrimaryKeyViolation) -> Refused:
    """The id is taken."""
    fields = {"id": error.identity}
    message = f"primary key violation on key '{show_key(fields)}'"
    return _coded(400, 3, "primary key violation", message, fields=fields)


def foreign_key_missing(error: ForeignKeyMissing) -> Refused:
    """A reference leads nowhere."""
    key = {"id": error.identity}
    message = (
        f"the foreign key '{show_key(key)}' does not reference an existing "
        f"'{error.kind}' entity."
    )
    return _coded(400, 4, "foreign key violation", message, fields={error.field: key})


def still_referenced(error: StillReferenced) -> Refused:
    """Others need the row."""
    if error.kind == "ca_certificates":
        message = "ca certificate is still referenced by a service"
        return _coded(
            400,
            19,
            "referenced by others",
            message,
            fields={"@referenced_by": error.by},
        )
    message = f"an existing '{error.by}' entity references this '{error.kind}' entity"
    return _coded(
        400, 4, "foreign key violation", message, fields={"@referenced_by": error.by}
    )


def row_not_found(key: Mapping[str, object]) -> Refused:
    """Nothing to change."""
    by = "primary key " if "id" in key else ""
    message = f"could not find the entity with {by}'{show_key(key)}'"
    return _coded(404, 6, "not found", message, fields=dict(key))


def unresolved(field: str, kind: str, key: Mapping[str, object]) -> Refused:
    """A reference by name to nothing."""
    name = next(iter(key))
    text = (
        f"the foreign key cannot be resolved with '{show_key(key)}' "
        f"for an existing '{kind}' entity"
    )
    return _coded(
        400, 13, "foreign keys unresolved",
        f"foreign key unresolved ({field}.{name}: {text})",
        fields={field: {name: text}},
    )  # fmt: skip


def unsupported(operation: str, kind: str, *, by: str | None = None) -> Refused:
    """Nothing is written one by one on a node without a database."""
    place = "" if by is None else f" by '{by}'"
    message = f"cannot {operation} '{kind}' entities{place} when not using a database"
    refused = _coded(405, 12, "operation unsupported", message)
    return Refused(refused.status, refused.body, {"Allow": list_verbs(["GET"])})


def invalid_offset(text: str, why: str) -> Refused:
    """An offset that no page gave."""
    message = f"'{text}' is not a valid offset: {why}"
    return _coded(400, 7, "invalid offset", message)


def invalid_size(message: str) -> Refused:
    """A size that no page has."""
    return _coded(400, 9, "invalid size", message)


def invalid_option(name: str, text: str) -> Refused:
    """A filter that cannot be."""
    message = f"invalid option ({name}: {text})"
    return _coded(400, 11, "invalid options", message, options={name: text})
