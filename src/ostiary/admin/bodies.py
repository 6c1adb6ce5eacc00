"""
Bodies of the Admin API: JSON, forms and multipart become one nested value.

In a form a text is what the schema makes of it: a number, a truth value, one member of an
array; nothing is null.

Spec: gateway §1.13.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import Message
from math import isfinite
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ostiary.admin.refusals import Refused, say
from ostiary.http.forms import MalformedForm
from ostiary.web.body import FORM_TYPE, BodyTooLarge, read_body

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_ARGUMENTS = 1000
MAX_STEPS = 64
# Up to here every whole number is a float of its own.
_MAX_WHOLE = 2**53
_MULTIPART = "multipart/form-data"
_INDEX = re.compile(r"\[[1-9][0-9]*\]")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a body says; `is_form` tells that its texts may be numbers and truth values."""

    data: dict[str, Any] = field(repr=False)
    is_form: bool = False


async def read_given(request: Request) -> Given:
    """
    The arguments of a request.

    Raises:
        Refused: No such content type (415), not JSON (400), too much (413).
    """
    types = request.headers.getlist("content-type")
    if len(types) > 1:
        raise say(400, "Only one Content-Type header is allowed")
    kind = (types[0] if types else "").partition(";")[0].strip().lower()
    if kind == _MULTIPART:
        return _read_form(await _read_parts(request))
    try:
        body = await read_body(request, MAX_BODY_BYTES)
    except BodyTooLarge as error:
        raise say(413, "request body too large") from error
    if not body:
        return Given(data={})
    if kind == "application/json":
        return Given(data=_read_json(body))
    if kind == FORM_TYPE:
        return _read_form(_read_pairs(body))
    raise Refused(415, None)


def _read_form(pairs: Iterable[tuple[str, Any]]) -> Given:
    try:
        return Given(data=nest(pairs), is_form=True)
    except MalformedForm as error:
        raise say(400, f"Cannot parse the form: {error}") from error


def _load(body: bytes) -> Any:  # Any: JSON
    """JSON that can be written again: no NaN, no half of a character."""
    found = json.loads(body, parse_constant=_refuse_constant, parse_float=_read_finite)
    if b"\\u" in body:
        json.dumps(found, ensure_ascii=False).encode()
    return found


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        found = _load(body)
    except (ValueError, RecursionError) as error:
        raise say(400, "Cannot parse JSON body") from error
    if not isinstance(found, dict):
        raise say(400, "Cannot parse JSON body")
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _read_finite(text: str) -> float | int:
    """JSON knows one kind of number: `5.0` is 5, as it is to Kong."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is too great a number")
    is_whole = number.is_integer() and abs(number) <= _MAX_WHOLE
    return int(number) if is_whole else number


def _read_pairs(body: bytes) -> list[tuple[str, Any]]:
    try:
        return [
            (name, value)
            for name, value in parse_qsl(
                body.decode("utf-8"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MAX_ARGUMENTS,
            )
        ]
    except UnicodeError as error:
        raise say(400, "Cannot parse the form: not UTF-8") from error
    except ValueError as error:
        raise say(400, "Too many arguments") from error


def _read_charset(request: Request) -> str:
    """What a content type says of its character set: any that Python knows would be tried."""
    head = Message()
    head["content-type"] = request.headers.get("content-type", "")
    return (head.get_content_charset() or "").lower()


async def _read_parts(request: Request) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    if _read_charset(request) not in {"", "utf-8", "utf8"}:
        raise say(415, "a multipart body must be UTF-8")
    try:
        async with request.form(
            max_files=MAX_ARGUMENTS,
            max_fields=MAX_ARGUMENTS,
            max_part_size=MAX_BODY_BYTES,
        ) as form:
            for name, value in form.multi_items():
                pairs.append((name, await _read_part(value)))
    except (HTTPException, UnicodeError, KeyError) as error:
        raise say(400, "Cannot parse the multipart body") from error
    return pairs


async def _read_part(value: UploadFile | str) -> Any:  # Any: JSON
    if isinstance(value, str):
        return value
    content = await value.read(MAX_BODY_BYTES + 1)
    if len(content) > MAX_BODY_BYTES:
        raise say(413, "request body too large")
    if (value.content_type or "").partition(";")[0].strip() == "application/json":
        try:
            return _load(content)
        except (ValueError, RecursionError) as error:
            raise say(400, "Cannot parse JSON body") from error
    return content.decode("utf-8")


def nest(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """
    The value that form keys spell: `a.b`, `a[]`, `a[1]`, `a[x]`; a repeated key is an array.

    Raises:
        MalformedForm: Two keys want one place for different things, or one goes too deep.
    """
    root = _Node()
    for name, value in pairs:
        here = root
        for step in _steps(name):
            here = here.child(step)
        here.values.append(None if value == "" else value)
    return root.record()


def _steps(name: str) -> list[str]:
    steps = []
    at = 0
    while at < len(name):
        match = _STEP.match(name, at)
        if match is None:
            return [name]  # not of this grammar: a plain name, that the schema refuses
        steps.append(match[1] if match[1] is not None else f"[{match[2]}]")
        if len(steps) > MAX_STEPS:
            raise MalformedForm("a name goes too deep")
        at = match.end()
    return steps or [name]


class _Node:
    """One place of a form: texts, or places below."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.below: dict[str, _Node] = {}

    def child(self, step: str) -> _Node:
        if step == "[]":
            step = f"[{len(self.below) + 1}]"
            while step in self.below:
                step = f"[{int(step[1:-1]) + 1}]"
        elif step.startswith("[") and not _INDEX.fullmatch(step):
            step = step[1:-1]
        return self.below.setdefault(step, _Node())

    def value(self) -> Any:  # Any: JSON
        if not self.below:
            return self.values[0] if len(self.values) == 1 else [*self.values]
        if all(step.startswith("[") for step in self.below):
            # By length first, as numbers are: a number may be too long to be read as one.
            ordered = sorted(self.below.items(), key=lambda p: (len(p[0]), p[0]))
            return [*self.values, *(node.value() for _, node in ordered)]
        return self.record()

    def record(self) -> dict[str, Any]:
        """What is below, by name."""
        if self.values:
            raise MalformedForm("one name is both a value and a record")
        return {step.strip("[]"): node.value() for step, node in self.below.items()}
