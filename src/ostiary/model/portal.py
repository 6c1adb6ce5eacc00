"""
The Developer Portal's rows: developers and what they may do.

Spec: portal §§1.2, 1.5, 1.9.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
)

from ostiary.model.entity import Entity
from ostiary.model.fields import SET, NonEmpty, Uuid
from ostiary.model.row import Row
from ostiary.model.safe_yaml import BadText, parse_json
from ostiary.model.words import Problem, read_problems

APPROVED: Final = 0
PENDING: Final = 1
REJECTED: Final = 2
REVOKED: Final = 3
UNVERIFIED: Final = 5
STATUS_NAMES: Final[Mapping[int, str]] = {
    APPROVED: "APPROVED",
    PENDING: "PENDING",
    REJECTED: "REJECTED",
    REVOKED: "REVOKED",
    UNVERIFIED: "UNVERIFIED",
}
# What an admin may make of a developer; anybody may be deleted.
TRANSITIONS: Final[Mapping[int, frozenset[int]]] = {
    UNVERIFIED: frozenset({PENDING, APPROVED, REJECTED}),
    PENDING: frozenset({APPROVED, REJECTED}),
    REJECTED: frozenset({APPROVED}),
    APPROVED: frozenset({REVOKED}),
    REVOKED: frozenset({APPROVED}),
}
MAX_META_CHARS: Final = 16 * 1024
# A dot-atom of RFC 5321 without what mail headers read as an encoded word (RFC 2047), and a host
# name. Letters beyond ASCII look or fold like others: an address of theirs could be taken for
# somebody else's.
_EMAIL: Final = re.compile(
    r"(?=.{1,64}@)(?!.*=\?)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?=.{1,190}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_TITLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def may_become(before: int, after: int) -> bool:
    """Whether an admin may change a developer's status so."""
    return before == after or after in TRANSITIONS.get(before, frozenset())


def read_email(value: str) -> str | None:
    """An address as developers are known by it, in small letters; None where it is none."""
    return value.lower() if _EMAIL.fullmatch(value) else None


def _check_email(value: str) -> str:
    found = read_email(value)
    if found is None:
        raise ValueError("must be an e-mail address, in ASCII")
    return found


def _check_status(value: int) -> int:
    if value not in STATUS_NAMES:
        listed = ", ".join(f"{k} ({v.lower()})" for k, v in STATUS_NAMES.items())
        raise ValueError(f"must be one of {listed}")
    return value


def _dump_record(value: object) -> object:
    """On the wire `meta` is a text; a record is taken as well."""
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def _check_meta(value: str) -> str:
    try:
        found = parse_json(value)
    except BadText:
        found = None
    if not isinstance(found, dict):
        raise ValueError("must be a JSON object, as a text")
    return value


Email = Annotated[str, AfterValidator(_check_email)]
Meta = Annotated[
    str,
    BeforeValidator(_dump_record),
    Field(max_length=MAX_META_CHARS),
    AfterValidator(_check_meta),
]


class Developer(Row):
    """
    Somebody who registered at a workspace's portal.

    `meta` is what they said of themselves, a JSON object as a text; `roles` are names.
    `was_approved` is whether they have been told of an approval already. `epoch` counts what ended
    their sessions: those of another epoch are none.
    """

    email: Email
    status: Annotated[int, AfterValidator(_check_status)] = PENDING
    meta: Meta = "{}"
    custom_id: NonEmpty | None = None
    roles: Annotated[tuple[NonEmpty, ...], SET] = ()
    was_approved: bool = False
    epoch: int = 0

    def read_meta(self) -> dict[str, Any]:
        """What they said of themselves."""
        found: dict[str, Any] = json.loads(self.meta)
        return found

    @property
    def name(self) -> str:
        """How mails address them."""
        said = self.read_meta().get("full_name")
        return said if isinstance(said, str) and said.strip() else self.email


class DeveloperSecret(Row):
    """
    What a developer signs in with, where no provider does that: apart from what is shown of them.

    `password` is a slow hash. `key` is the SHA-256 of a long key: it must be found without a name.
    """

    developer: Uuid
    password: NonEmpty | None = Field(None, repr=False)
    key: NonEmpty | None = Field(None, repr=False)


def _check_role(value: str) -> str:
    if not value.isprintable() or set(value) & set(",*/"):
        raise ValueError("must have no commas, slashes, stars or control characters")
    return value


class DeveloperRole(Row):
    """What several developers may read, by name."""

    name: Annotated[NonEmpty, Field(max_length=100), AfterValidator(_check_role)]
    comment: NonEmpty | None = None


def _check_title(value: str) -> str:
    if not _TITLE.fullmatch(value):
        raise ValueError(
            "must begin with a letter and have letters, digits, _ and - only"
        )
    return value


class MetaValidator(Entity):
    """What a value must be."""

    required: bool = False
    type: Literal["string", "number"] = "string"


class MetaField(Entity):
    """One thing that developers tell of themselves: `title` names it, `label` is shown."""

    label: NonEmpty
    title: Annotated[NonEmpty, AfterValidator(_check_title)]
    is_email: bool | None = None
    validator: MetaValidator = MetaValidator()


_FIELDS: Final = TypeAdapter(list[MetaField])


def read_meta_fields(text: str) -> tuple[MetaField, ...]:
    """
    The fields of a JSON text.

    Raises:
        ValueError: It is none, or a field is wrong; the text says which.
    """
    try:
        found = tuple(_FIELDS.validate_json(text))
    except ValidationError as error:
        raise ValueError(_tell(read_problems(error))) from error
    titles = [field.title for field in found]
    if len({*titles}) < len(titles) or "email" in titles:
        raise ValueError("titles must differ, and none be email")
    return found


def _tell(problems: Iterable[Problem]) -> str:
    return "; ".join(
        f"{'.'.join(map(str, path)) or 'it'}: {text}" for path, text in problems
    )


def judge_meta(fields: Iterable[MetaField], meta: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with what a developer said of themselves, by field."""
    problems: list[Problem] = []
    known = {field.title: field for field in fields}
    for title, field in known.items():
        value = meta.get(title)
        if value is None or (isinstance(value, str) and not value.strip()):
            if field.validator.required:
                problems.append((("meta", title), "required field missing"))
            continue
        if field.validator.type == "number" and not _is_number(value):
            problems.append((("meta", title), "expected a number"))
        if field.validator.type == "string" and not isinstance(value, str):
            problems.append((("meta", title), "expected a string"))
        if field.is_email and not (isinstance(value, str) and _EMAIL.fullmatch(value)):
            problems.append((("meta", title), "must be an e-mail address"))
    problems += [
        (("meta", title), "unknown field") for title in meta if title not in known
    ]
    return problems


def _is_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return bool(re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", value.strip()))
    return isinstance(value, int | float)
