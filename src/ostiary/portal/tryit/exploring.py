"""
A request that swagger-ui made, judged: only one of the specification's own operations is sent. Pure.

Spec: portal §§5.2, 5.3; decision 0048.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from ostiary.http.forms import MalformedForm, build_form, parse_form
from ostiary.http.path import AmbiguousTarget, parse_target
from ostiary.portal.content.openapi.details import list_servers
from ostiary.portal.content.openapi.document import Api, Operation
from ostiary.portal.tryit.building import (
    MAX_BODY_CHARS,
    MAX_TARGET_CHARS,
    BadInputs,
    Built,
    Home,
    goes_up,
    read_server,
)
from ostiary.portal.tryit.fields import BadField, check_name, check_value
from ostiary.ports.own_gateway import OwnRequest

_IN_BRACES: Final = re.compile(r"\{[^{}]{1,200}\}")
# Theirs to choose here: swagger-ui knows the security schemes and media types.
_THEIRS: Final = frozenset({"authorization", "content-type"})
_MAX_FIELDS: Final = 40


def build_explored(
    api: Api, values: Mapping[str, str], *, home: Home, client_ip: str
) -> Built:
    """
    The request of a form with `url`, `method`, `fields` and `body`.

    Raises:
        BadInputs: It is none of the specification's, or has what is never sent.
    """
    method, url = values.get("method", "").upper(), values.get("url", "")
    body = values.get("body", "")
    if len(url) > MAX_TARGET_CHARS or len(body) > MAX_BODY_CHARS:
        raise _wrong(f"at most {MAX_BODY_CHARS} characters of a body and {MAX_TARGET_CHARS} of an address are sent from here")  # fmt: skip
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _wrong("this is no address") from error
    origin = f"{parts.scheme}://{parts.netloc}"
    if not any(
        _fits(api, one, origin, parts.path, home)
        for one in api.operations
        if one.method == method and one.can_be_tried
    ):
        raise _wrong("this is no operation of the specification, or none that is sent from here")  # fmt: skip
    try:
        parse_target(parts.path.encode("ascii"))
        query = parse_form(parts.query)
        fields = tuple(_read_fields(values.get("fields", "")))
    except (AmbiguousTarget, UnicodeEncodeError, MalformedForm) as error:
        raise _wrong("the address can be read in two ways, and is not sent") from error
    except BadField as error:
        raise _wrong(error.reason) from error
    target = f"{parts.path}?{build_form(query)}" if query else parts.path
    return Built(
        request=OwnRequest(
            method=method, host=parts.netloc, target=target, fields=fields,
            body=body.encode(), client_ip=client_ip,
        ),
        curl="",
        secrets=tuple(_list_secrets(api, query, fields)),
    )  # fmt: skip


def _wrong(text: str) -> BadInputs:
    return BadInputs({"": text})


def _fits(api: Api, one: Operation, origin: str, path: str, home: Home) -> bool:
    """Whether an address is an operation's, at one of its servers."""
    for server in list_servers(api, one) or ("/",):
        try:
            place, base = read_server(server, home)
        except ValueError:
            continue
        if place != origin or not path.startswith(f"{base}/"):
            continue
        if _fits_template("/" + one.path.lstrip("/"), path.removeprefix(base)):
            return True
    return False


def _fits_template(template: str, path: str) -> bool:
    theirs, ours = path.split("/"), template.split("/")
    if len(theirs) != len(ours):
        return False
    return all(
        _fits_segment(_IN_BRACES.split(own), unquote(said)) and not goes_up(said)
        for own, said in zip(ours, theirs, strict=True)
    )


def _fits_segment(literals: list[str], said: str) -> bool:
    """Whether a segment has these texts in this order, with something between each two."""
    if len(literals) == 1:
        return said == literals[0]
    first, *middle, last = literals
    if not said.startswith(first) or not said.endswith(last):
        return False
    at, end = len(first), len(said) - len(last)
    # Not a pattern: several parameters of one segment would be tried in every way.
    for text in middle:
        found = said.find(text, at + 1, end)
        if found < 0:
            return False
        at = found + len(text)
    return at < end


def _read_fields(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    if len(lines) > _MAX_FIELDS:
        raise BadField(f"at most {_MAX_FIELDS} header fields are sent")
    for line in lines:
        name, _, value = (part.strip() for part in line.partition(":"))
        yield name if name.lower() in _THEIRS else check_name(name), check_value(value)


def _list_secrets(
    api: Api, query: tuple[tuple[str, str], ...], fields: tuple[tuple[str, str], ...]
) -> Iterator[str]:
    keys = {(s.where, s.field_name.lower()) for s in api.schemes.values()}
    for name, value in fields:
        if name.lower() == "authorization":
            yield value.partition(" ")[2] or value
        elif ("header", name.lower()) in keys:
            yield value
    yield from (value for name, value in query if ("query", name.lower()) in keys)
