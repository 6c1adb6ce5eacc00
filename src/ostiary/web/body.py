"""Request bodies, read to a limit."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from ostiary.http.forms import MalformedForm, Pairs, parse_form

FORM_LIMIT: Final = 64 * 1024
FORM_TYPE: Final = "application/x-www-form-urlencoded"


class BodyTooLarge(Exception):
    """The body is longer than this endpoint reads."""

    code = "body_too_large"


class NotAForm(Exception):
    """The body has another content type."""

    code = "not_a_form"


async def read_body(request: Request, limit: int) -> bytes:
    """
    The whole body.

    Raises:
        BodyTooLarge: It is longer than `limit` bytes.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BodyTooLarge(f"a body over {limit} bytes")
        parts.append(part)
    return b"".join(parts)


async def read_form(request: Request) -> Pairs:
    """
    The pairs of a form body. It is read once: whoever asks again is told the same.

    Raises:
        NotAForm: Another content type.
        BodyTooLarge: Over 64 KB.
        MalformedForm: Not UTF-8, or too many fields.
    """
    if not hasattr(request.state, "form"):
        try:
            request.state.form = await _read_pairs(request)
        except (NotAForm, BodyTooLarge, MalformedForm) as error:
            request.state.form = error
    found: Pairs | Exception = request.state.form
    if isinstance(found, Exception):
        raise found
    return found


async def _read_pairs(request: Request) -> Pairs:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM_TYPE:
        raise NotAForm("the body is not a form")
    return parse_form(await read_body(request, FORM_LIMIT))
