"""
Received bytes to message heads, one head at a time.

llhttp judges the syntax; we look for the end of the head ourselves and give llhttp
nothing behind it. A head is accepted only where both agree that it ended. That also
makes pipelining, upgrades and replies to HEAD a matter of our own framing, which the
binding cannot express.

Spec: RFC 9112 §2-4.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Protocol

import httptools

from ostiary.http.head import Field, RequestHead, ResponseHead
from ostiary.proxy import framing
from ostiary.proxy.faults import BadMessage
from ostiary.proxy.inline import own_methods
from ostiary.proxy.limits import Limits

_END = b"\r\n\r\n"
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")
# What comes behind the target, and how much of a head a whole first line can take at most
# beside it: the longest method there is, two blanks and the version.
_VERSIONS = (b" HTTP/1.0\r\n", b" HTTP/1.1\r\n")
_BESIDE_TARGET = 64
_UNKNOWN = re.compile(rb"[A-Z][A-Z-]{0,31} [!-~]+ HTTP/1\.[01]\r\n")
# Every beginning of such a line, as long as its end has not come.
_UNKNOWN_SO_FAR = re.compile(rb"[A-Z][A-Z-]{0,31}(?: (?:[!-~]+(?: [HTP/1.0]*\r?)?)?)?")
_NO_TOKENS: frozenset[bytes] = frozenset()
_NONE: list[bytes] = []
# What llhttp says of methods it knows from other protocols.
_FOREIGN_METHOD = "Invalid method for HTTP/x.x request"
# Fields we look at and still hand on.
_KEPT = frozenset((b"host", b"authorization"))
_REFUSED = frozenset((b"TRACE", b"CONNECT"))


class _Parser(Protocol):
    def feed_data(self, data: bytes) -> None: ...

    def get_http_version(self) -> str: ...


class _HeadReader(ABC):
    """Feeds one head to llhttp and says which bytes follow it."""

    __slots__ = (
        "_complete",
        "_count",
        "_first",
        "_has_more",
        "_limits",
        "_line",
        "_parser",
        "_size",
        "_special",
        "_tail",
        "_unknown",
        "fields",
    )

    _names: framing.FieldNames
    _fault_status = 400
    _long_line = (414, "URI too long")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.reset()

    def reset(self) -> None:
        """Get ready for the next head, with a parser that remembers nothing."""
        self._parser: _Parser | None = None
        self._line = b""
        self._unknown = self._has_more = False
        self._size = 0
        self._first = b""
        self._tail = b""
        self._complete = False
        self.fields: list[Field] = []
        self._special: dict[bytes, list[bytes]] = {}
        self._count = 0

    def feed(self, data: bytes) -> bytes | None:
        """
        The bytes after the head, or None while it is not complete.

        Raises:
            BadMessage: The head is malformed, ambiguous or too large.
        """
        if self._size:
            end = (self._tail + data).find(_END)
            end = end + 4 - len(self._tail) if end >= 0 else -1
            if self._waits_for_line(data):
                return None
        else:
            if self._tail or data[:1] == b"\r":
                data = self._skip_empty_lines(data)
                if not data:
                    return None
            end = data.find(_END)
            end = end + 4 if end >= 0 else -1
            self._first = data
        if end < 0:
            piece, rest = data, None
            self._tail = (self._tail + data)[-3:]
        elif end == len(data):
            piece, rest = data, b""
        else:
            piece, rest = data[:end], data[end:]
        self._size += len(piece)
        parser = self._parser
        if parser is None:  # not before it is needed: idle connections have none
            parser = self._parser = self._new_parser()
        try:
            parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            pass  # our own framing decides about upgrades
        except httptools.HttpParserError as error:
            fault = self._syntax_fault(error)
            if fault is None:
                return None
            raise fault from error
        if self._complete is (rest is None):
            raise BadMessage(self._fault_status, "Bad request: invalid message head")
        self._check_size()
        if rest is None:
            self._check_partial()
            return None
        self._accept()
        return rest

    def _skip_empty_lines(self, data: bytes) -> bytes:
        """Drop empty lines before a message (RFC 9112 §2.2); half of one is kept for later."""
        data = self._tail + data
        self._tail = b""
        empty = _EMPTY_LINES.match(data)
        if empty is not None:
            data = data[empty.end() :]
        if data == b"\r":
            self._tail = data
            return b""
        return data

    def _waits_for_line(self, data: bytes) -> bool:
        """Remember the first line while it comes in pieces; True where only it matters still."""
        missing = self._limits.max_target_bytes + _BESIDE_TARGET - len(self._first)
        if missing > 0:
            self._first += data[:missing]
        return False

    def on_header(self, name: bytes, value: bytes) -> None:
        special = self._names[name]
        value = value.strip(b" \t")
        self._count += 1
        if special:
            self._special.setdefault(special, []).append(value)
            if special not in _KEPT:
                self._has_more = True
                return
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self._complete = True

    @abstractmethod
    def _new_parser(self) -> _Parser: ...

    @abstractmethod
    def _accept(self) -> None: ...

    def _check_partial(self) -> None:  # noqa: B027 - most readers have nothing to refuse early
        """Refuse early what no further byte can mend."""

    def _syntax_fault(self, _error: Exception) -> BadMessage | None:
        return BadMessage(self._fault_status, "Bad request: invalid message head")

    def _check_size(self) -> None:
        limits = self._limits
        if len(self._line) > limits.max_target_bytes:
            raise BadMessage(*self._long_line)
        if self._size > limits.max_head_bytes or self._count > limits.max_fields:
            raise BadMessage(431, "Request header or cookie too large")

    def _pick(self, name: bytes) -> list[bytes]:
        return self._special.get(name, _NONE)

    def _minor(self) -> int:
        assert self._parser is not None
        version = self._parser.get_http_version()
        if version == "1.1":
            return 1
        if version == "1.0":
            return 0
        if version[0] == "0":
            raise BadMessage(400, "Bad request: HTTP/0.9")
        raise BadMessage(505, "HTTP version not supported")


@own_methods
class RequestReader(_HeadReader):
    """A client's requests. After `feed` returned bytes the attributes describe the request."""

    __slots__ = (
        "_llhttp",
        "expects",
        "head",
        "keep_alive",
        "length",
        "websocket",
    )

    _names = framing.REQUEST_NAMES

    head: RequestHead
    length: int | None
    keep_alive: bool
    websocket: bool
    expects: bool

    def on_url(self, url: bytes) -> None:
        self._line += url

    def _new_parser(self) -> _Parser:
        self._llhttp = httptools.HttpRequestParser(self)
        return self._llhttp

    def _waits_for_line(self, data: bytes) -> bool:
        super()._waits_for_line(data)
        if self._unknown:
            fault = self._judge_unknown_method()
            if fault is not None:
                raise fault
        return self._unknown

    def _syntax_fault(self, error: Exception) -> BadMessage | None:
        """None where it depends on the rest of the first line what is wrong with it."""
        if (
            isinstance(error, httptools.HttpParserInvalidMethodError)
            or str(error) == _FOREIGN_METHOD
        ):
            self._unknown = True
            return self._judge_unknown_method()
        return BadMessage(400, "Bad request")

    def _judge_unknown_method(self) -> BadMessage | None:
        """A well-formed line with a method nobody knows is no garbage (RFC 9110 §9.1)."""
        most = self._limits.max_target_bytes + _BESIDE_TARGET
        line = self._first[:most]
        if _UNKNOWN.match(line) is not None:
            return BadMessage(501, "Not implemented")
        if len(line) == most or _UNKNOWN_SO_FAR.fullmatch(line) is None:
            return BadMessage(400, "Bad request: unknown method")
        return None

    def _check_partial(self) -> None:
        # A first line that ended without a version is HTTP/0.9.
        if b"\n" not in self._first:
            return
        if self._line and self._llhttp.get_http_version()[0] == "0":
            raise BadMessage(400, "Bad request: HTTP/0.9")

    def _accept(self) -> None:
        method = self._llhttp.get_method()
        line = method + b" " + self._line
        minor = 1
        if not self._first.startswith(line + b" HTTP/1.1\r\n"):
            minor = self._minor()
            # llhttp takes more blanks than one, which others read as a part of the target.
            if not self._first.startswith(line + _VERSIONS[minor]):
                raise BadMessage(400, "Bad request: invalid request line")
        if method in _REFUSED:
            raise BadMessage(405, "Method not allowed")
        special = self._special
        host = framing.check_host(minor, special.get(b"host", _NONE))
        target = framing.check_target(method, self._line, host)
        fields = self.fields
        self.websocket = self.expects = False
        if len(special.get(b"authorization", _NONE)) > 1:
            raise BadMessage(400, "Bad request: more than one Authorization")
        if self._has_more:
            fields = self._accept_special(method, minor)
        else:
            self.length = None
            self.keep_alive = minor == 1
        self.head = RequestHead(
            method=method,
            target=target,
            fields=tuple(fields),
            minor=minor,
            websocket=self.websocket,
        )

    def _accept_special(self, method: bytes, minor: int) -> list[Field]:
        self.length = framing.decide_request_framing(
            minor, self._pick(b"content-length"), self._pick(b"transfer-encoding")
        )
        connection = self._pick(b"connection")
        tokens = framing.TOKENS[b",".join(connection)] if connection else _NO_TOKENS
        self.keep_alive = framing.is_kept_alive(minor, tokens)
        fields = framing.drop_named(self.fields, tokens)
        for expectation in self._pick(b"expect"):
            if expectation.lower() != b"100-continue":
                raise BadMessage(417, "Expectation failed")
            self.expects = minor == 1 and bool(self.length)
        if any(b"trailers" in framing.parse_tokens(te) for te in self._pick(b"te")):
            fields.append((b"TE", b"trailers"))
        upgrade = self._pick(b"upgrade")
        self.websocket = (
            len(upgrade) == 1
            and upgrade[0].lower() == b"websocket"
            and b"upgrade" in tokens
            and method == b"GET"
            and minor == 1
            and not self.length
        )
        if self.websocket:
            fields.append((b"Upgrade", b"websocket"))
        return fields


@own_methods
class ResponseReader(_HeadReader):
    """An upstream's responses. After `feed` returned bytes the attributes describe one."""

    __slots__ = (
        "_codings",
        "_lengths",
        "_llhttp",
        "head",
        "keep_alive",
        "websocket",
    )

    _names = framing.RESPONSE_NAMES
    _fault_status = 502
    _long_line = (502, "the upstream's status line is too long")

    head: ResponseHead
    keep_alive: bool
    websocket: bool

    def on_status(self, reason: bytes) -> None:
        self._line += reason

    def framing(self, method: bytes) -> int:
        """Where the body ends, given the method that was asked."""
        return framing.decide_response_framing(
            method=method,
            status=self.head.status,
            minor=self.head.minor,
            lengths=self._lengths,
            codings=self._codings,
        )

    def ends_after(self, length: bytes) -> bool:
        """Tell whether the response plainly says that its body has this many bytes."""
        return self._lengths == [length] and not self._codings

    def announced_length(self) -> bytes | None:
        """The Content-Length, which replies to HEAD and 304 carry without a body."""
        return self._lengths[0] if self._lengths else None

    def _new_parser(self) -> _Parser:
        self._llhttp = httptools.HttpResponseParser(self)
        return self._llhttp

    def _accept(self) -> None:
        minor = 1 if self._first.startswith(b"HTTP/1.1 ") else self._minor()
        special, fields = self._special, self.fields
        self._lengths = special.get(b"content-length", _NONE)
        self._codings = special.get(b"transfer-encoding", _NONE)
        connection = special.get(b"connection")
        if connection is None:
            self.keep_alive = minor == 1
        else:
            tokens = framing.TOKENS[b",".join(connection)]
            self.keep_alive = framing.is_kept_alive(minor, tokens)
            fields = framing.drop_named(fields, tokens)
        upgrade = special.get(b"upgrade", _NONE)
        self.websocket = len(upgrade) == 1 and upgrade[0].lower() == b"websocket"
        self.head = ResponseHead(
            status=self._llhttp.get_status_code(),
            fields=tuple(fields),
            reason=self._line,
            minor=minor,
        )
