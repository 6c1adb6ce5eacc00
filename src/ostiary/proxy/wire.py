"""
Message heads to bytes. Pure.

Framing and Connection are written here and nowhere else: what others put into a head
about them is dropped, and a head that would read as two is refused.

Spec: RFC 9112 §2.1, §6, RFC 9110 §6.6.1.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from ostiary.http.head import Fields, Reply, RequestHead, ResponseHead, find
from ostiary.proxy import framing
from ostiary.proxy.faults import BadMessage, UnsafeHead

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CRLF = b"\r\n"
_HARMLESS = bytes(sign for sign in range(256) if sign not in b"\r\n\0")
_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))
_FIRST_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [!-~]+ HTTP/1\.1\r\n")
_STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %b" % (status.value, status.phrase.encode())
    for status in HTTPStatus
}
_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}


def _add_fields(parts: list[bytes], fields: Fields) -> bool:
    """Add a line for each field that is not ours to write; tell whether TE was among those."""
    names = framing.OWNED_NAMES
    wants_trailers = False
    try:
        for name, value in fields:
            if not (owned := names[name]):
                parts += (_CRLF, name, b": ", value)
            elif owned == b"te":
                wants_trailers = value == b"trailers"
    except BadMessage as error:
        raise UnsafeHead("invalid field name") from error
    return wants_trailers


def _seal(parts: list[bytes], own_lines: int) -> bytes:
    """
    Join the parts and prove that no value has brought its own line end.

    Behind the first `own_lines` parts, every field is four parts, one of them a line end.
    """
    lines = (len(parts) - own_lines) // 4 + 2
    parts.append(b"\r\n\r\n")
    head = b"".join(parts)
    if head.translate(None, _HARMLESS) != _CRLF * lines:
        raise UnsafeHead("a line end inside a field")
    return head


def build_request(head: RequestHead, length: int | None, *, websocket: bool) -> bytes:
    """
    The bytes of a request head for an upstream.

    Raises:
        UnsafeHead: The head would not stay one head on the wire.
    """
    parts = [head.method, b" ", head.target, b" HTTP/1.1"]
    wants_trailers = _add_fields(parts, head.fields)
    if websocket:
        parts += (_CRLF, b"Connection", b": ", b"keep-alive, Upgrade")
        parts += (_CRLF, b"Upgrade", b": ", b"websocket")
    elif wants_trailers:
        parts += (_CRLF, b"Connection", b": ", b"keep-alive, TE")
        parts += (_CRLF, b"TE", b": ", b"trailers")
    else:
        parts += (_CRLF, b"Connection", b": ", b"keep-alive")
    if length == framing.CHUNKED:
        parts += (_CRLF, b"Transfer-Encoding", b": ", b"chunked")
    elif length is not None:
        parts += (_CRLF, b"Content-Length", b": ", b"%d" % length)
    elif head.method in _WITH_BODY:
        parts += (_CRLF, b"Content-Length", b": ", b"0")
    raw = _seal(parts, 4)
    if _FIRST_LINE.match(raw) is None:
        raise UnsafeHead("invalid request line")
    return raw


def build_response(
    head: ResponseHead,
    framing_line: tuple[bytes, bytes] | None,
    connection: bytes,
    upgrade: bytes | None = None,
) -> bytes:
    """
    The bytes of a response head for a client.

    Args:
        framing_line: A field such as `Content-Length` and its value, or nothing.
        connection: The value of Connection, or nothing.
        upgrade: The value of Upgrade, or nothing.

    Raises:
        UnsafeHead: The head would not stay one head on the wire.
    """
    if head.reason and head.reason != _PHRASES.get(head.status):
        line = b"HTTP/1.1 %d %b" % (head.status, head.reason)
    else:
        line = _STATUS_LINES.get(head.status) or b"HTTP/1.1 %d " % head.status
    parts = [line]
    _add_fields(parts, head.fields)
    if framing_line is not None:
        parts += (_CRLF, framing_line[0], b": ", framing_line[1])
    if connection:
        parts += (_CRLF, b"Connection", b": ", connection)
    if upgrade is not None:
        parts += (_CRLF, b"Upgrade", b": ", upgrade)
    return _seal(parts, 1)


def build_reply(
    reply: Reply, *, date: bytes, connection: bytes, is_head: bool
) -> bytes:
    """
    The bytes of a whole reply of our own.

    Raises:
        UnsafeHead: The head would not stay one head on the wire.
    """
    fields = reply.fields
    if not any(name.lower() == b"date" for name, _ in fields):
        fields = (*fields, (b"Date", date))
    upgrade = find(fields, b"upgrade") if reply.status == 426 else None
    if upgrade is not None:  # RFC 9110 §15.5.22; everywhere else Upgrade is not theirs
        connection = connection + b", Upgrade" if connection else b"Upgrade"
    bodyless = reply.status in {204, 304} or reply.status < 200
    length = None if bodyless else (b"Content-Length", b"%d" % len(reply.body))
    head = build_response(
        ResponseHead(status=reply.status, fields=fields), length, connection, upgrade
    )
    return head if bodyless or is_head else head + reply.body
