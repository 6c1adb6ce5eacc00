"""
Replies that the gateway and its plugins make themselves, in the form the client asked for.

Spec: Kong's error formats (gateway §3.6): JSON with message and request_id, or a page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape

from ostiary import pages
from ostiary.http.head import Fields, Reply
from ostiary.http.negotiate import Kind
from ostiary.kit.exchange import Exchange

_TYPES: dict[Kind, bytes] = {
    "json": b"application/json; charset=utf-8",
    "html": b"text/html; charset=utf-8",
    "plain": b"text/plain; charset=utf-8",
    "xml": b"application/xml; charset=utf-8",
}
# An answer of ours is about one request at one moment: nobody may keep it (T-X7).
_NO_STORE: Fields = ((b"Cache-Control", b"no-store"),)
_TITLES = {
    400: "This request cannot be answered",
    401: "Please sign in",
    403: "You may not open this page",
    404: "There is nothing here",
    426: "Please use HTTPS",
    502: "The service behind this gateway gave no proper answer",
    503: "The service is not available right now",
    504: "The service behind this gateway did not answer in time",
}
_EXPLANATIONS = {
    400: "The gateway could not read this request. Check the address and try again.",
    404: "No page of this gateway has this address. Check it for a slip, or go back.",
    413: "What you sent is larger than this service takes.",
    426: "This page is served over HTTPS only. Open it with https:// in front.",
    502: "The gateway is up, but the service behind it broke off. Please try again in a moment.",
    503: "The gateway is up, but the service behind it is not. Please try again in a moment.",
    504: "The gateway is up, but the service behind it took too long. Please try again in a moment.",
}


def error_reply(
    status: int,
    message: str,
    *,
    kind: Kind,
    request_id: str,
    fields: Fields = (),
    title: str | None = None,
    text: str | None = None,
    action_url: str | None = None,
    action_label: str | None = None,
    extra: dict[str, str] | None = None,
) -> Reply:
    """
    An error as JSON, page, text or XML.

    Args:
        title: The page's heading; a usual one for the status when None.
        text: The page's explanation for people; a usual one for the status when None.
        extra: More members of the JSON form.
    """
    given = {name.lower() for name, _ in fields}
    more: Fields = () if b"cache-control" in given else _NO_STORE
    if kind == "html":
        body = pages.render_error(
            status=status,
            title=title or _TITLES.get(status, "Something went wrong"),
            message=text or _EXPLANATIONS.get(status, message),
            action_url=action_url,
            action_label=action_label,
            request_id=request_id,
        )
        page = tuple((n.encode(), v.encode()) for n, v in pages.security_headers())
        taken = given | {name.lower() for name, _ in more}
        more += tuple((n, v) for n, v in page if n.lower() not in taken)
    elif kind == "json":
        document = {"message": message, **(extra or {}), "request_id": request_id}
        body = json.dumps(document, indent=2).encode()
    elif kind == "xml":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<error>\n'
            f"  <message>{escape(message)}</message>\n"
            f"  <requestid>{request_id}</requestid>\n</error>"
        ).encode()
    else:
        body = f"{message}\nrequest_id: {request_id}\n".encode()
    return Reply(
        status=status,
        fields=((b"Content-Type", _TYPES[kind]), *more, *fields),
        body=body,
    )


def refuse(exchange: Exchange, status: int, message: str, fields: Fields = ()) -> Reply:
    """An error in the form that the client of this exchange asked for."""
    return error_reply(
        status,
        message,
        kind=exchange.error_kind,
        request_id=exchange.request_id,
        fields=fields,
    )


def exit_reply(
    status: int, document: Mapping[str, object] | None, fields: Fields = ()
) -> Reply:
    """A compact JSON answer, as Kong's plugins give it with `exit`; None has no body."""
    if document is None:
        return Reply(status=status, fields=(*_NO_STORE, *fields))
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    kind = (b"Content-Type", _TYPES["json"])
    return Reply(status=status, fields=(kind, *_NO_STORE, *fields), body=body)


def redirect_reply(status: int, location: str, fields: Fields = ()) -> Reply:
    """A redirect without a body worth reading. The location must be ASCII without blanks."""
    return Reply(
        status=status, fields=((b"Location", location.encode("ascii")), *fields)
    )
