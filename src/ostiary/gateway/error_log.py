"""
Error log lines: Kong's format, or one JSON object each. Secrets in targets are starred out.

A line about a request carries it as `extra={"about": About(…)}`; others have just the head.
Lines that sign-in and plugins write are about the request in `CURRENT`.

Spec: Kong's error log (gateway §3.12).
"""

from __future__ import annotations

import json
import logging
import time
from contextvars import ContextVar
from typing import Protocol

from ostiary.gateway.access_log import Format, mask_query
from ostiary.gateway.decision import Peer
from ostiary.http.head import RequestHead, find
from ostiary.http.value import frozen

_LEVELS = ((50, "crit"), (40, "error"), (30, "warn"), (25, "notice"), (20, "info"))


@frozen
class About:
    """The request that a line is about."""

    request_id: str
    head: RequestHead
    peer: Peer


class Subject(Protocol):
    """Something that knows its request."""

    @property
    def about(self) -> About: ...


CURRENT: ContextVar[Subject | None] = ContextVar("request", default=None)


def name_level(number: int) -> str:
    """Kong's word for a level."""
    return next((word for least, word in _LEVELS if number >= least), "debug")


def _plain(text: str) -> str:
    """One line without control characters: nobody may write lines of his own into a log."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _describe(about: About) -> dict[str, str | None]:
    head = about.head
    host = find(head.fields, b"host")
    target = mask_query(head.target.decode("latin-1"))
    return {
        "client": about.peer.ip,
        "request": f"{head.method.decode('latin-1')} {target} HTTP/1.{head.minor}",
        "host": None if host is None else host.decode("latin-1"),
        "request_id": about.request_id,
    }


def _find_about(record: logging.LogRecord) -> About | None:
    about = getattr(record, "about", None)
    return about if isinstance(about, About) else None


class KongFormatter(logging.Formatter):
    """
    Lines as Kong writes them. `number` stands for nginx's thread: the worker's, else 0.

    Like nginx we number connections (`*conn`) only where a line is about a request.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(record.created))
        head = f"{when} [{name_level(record.levelno)}] {record.process}#{self._number}:"
        message = _plain(record.getMessage())
        about = _find_about(record)
        if about is not None:
            parts = _describe(about)
            quoted = ", ".join(
                f'{name}: "{value.replace(chr(34), "%22")}"'
                for name, value in parts.items()
                if name != "client" and value is not None
            )
            message = _plain(
                f"*{about.peer.connection} {message}, client: {parts['client']}, "
                f"server: kong, {quoted}"
            )
        line = f"{head} {message}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, object] = {
            "time": round(record.created, 3),
            "level": name_level(record.levelno),
            "pid": record.process,
            "worker": self._number,
            "logger": record.name,
            "message": record.getMessage(),
        }
        about = _find_about(record)
        if about is not None:
            document |= {"connection": about.peer.connection, **_describe(about)}
        if record.exc_info:
            document["trace"] = self.formatException(record.exc_info)
        return json.dumps(document, separators=(",", ":"))


def build_formatter(form: Format, number: int) -> logging.Formatter:
    """The formatter of an error log."""
    return JsonFormatter(number) if form == "json" else KongFormatter(number)
