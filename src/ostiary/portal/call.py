"""
One request to a portal's API: who asks, what the body says, and answers that are errors.

Spec: portal §1.6.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from ostiary.http.forms import MalformedForm, parse_form
from ostiary.portal.accounts import Registered
from ostiary.portal.config import Portal
from ostiary.portal.library import Library
from ostiary.portal.people import Visitor
from ostiary.portal.site import Site
from ostiary.web.body import FORM_TYPE, BodyTooLarge, read_body

_BODY_LIMIT: Final = 64 * 1024
UNAUTHORIZED: Final = "Invalid authentication credentials"
# Fields of a registration that are no meta fields.
_OWN_FIELDS: Final = frozenset({"email", "custom_id", "password", "key"})


class Refused(Exception):
    """An answer that is an error: status and JSON body."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__("refused")
        self.status = status
        self.body = body


def say(status: int, message: str) -> Refused:
    """An error with a message alone."""
    return Refused(status, {"message": message})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to a portal."""

    site: Site
    library: Library
    portal: Portal
    request: Request

    async def meet(self) -> Visitor:
        """Who asks, whoever it is."""
        return await self.site.meet(self.request, self.portal)

    async def developer(self) -> Visitor:
        """
        Whoever asks, a developer in good standing.

        Raises:
            Refused: Nobody is signed in, or they are not approved.
        """
        visitor = await self.meet()
        if visitor.signed_in is None:
            raise say(401, UNAUTHORIZED)
        if not visitor.is_approved:
            body = {"message": "Forbidden", "standing": visitor.standing}
            raise Refused(403, body)
        return visitor

    async def read(self) -> dict[str, Any]:
        """
        The body, JSON or a form.

        Raises:
            Refused: It is neither.
        """
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip()
        try:
            body = await read_body(self.request, _BODY_LIMIT)
            if kind == FORM_TYPE:
                return dict(parse_form(body))
            found = json.loads(body) if body else {}
        except BodyTooLarge as error:
            raise say(413, "the body is too large") from error
        except (ValueError, RecursionError, MalformedForm) as error:
            raise say(400, "the body is neither JSON nor a form") from error
        if kind not in {"application/json", ""} or not isinstance(found, dict):
            raise say(415, "send a JSON object or a form")
        return found


Handler = Callable[[Call], Awaitable[Response]]


def read_meta(said: object) -> dict[str, Any]:
    """
    What somebody says of themselves, a record or one as a text.

    Raises:
        Refused: It is neither.
    """
    try:
        found = json.loads(said) if isinstance(said, str) else said
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        text = "must be a JSON object, as a text"
        raise Refused(400, {"code": 2, "fields": {"meta": text}})
    return found


def refuse_wrong(done: Registered) -> None:
    """
    Let go on where nothing is wrong.

    Raises:
        Refused: What is wrong, at its fields.
    """
    if done.problem is not None:
        raise say(400, done.problem)
    if done.errors:
        own = {k: v for k, v in done.errors.items() if k in _OWN_FIELDS}
        inner = {k: v for k, v in done.errors.items() if k not in own}
        fields = {**own, **({"meta": inner} if inner else {})}
        raise Refused(400, {"code": 2, "fields": fields})
