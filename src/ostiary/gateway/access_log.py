"""
Access log lines: Kong's format, or one JSON object each. Secrets in targets are starred out.

Spec: Kong's proxy access log (gateway §3.12).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Literal
from urllib.parse import unquote_plus

from ostiary.gateway.record import Listener, Record
from ostiary.http.head import find

Format = Literal["kong", "json"]
_ARGUMENT = re.compile(r"((?:^|[?&])([^=&?\s]*)=)([^&\s]*)")
_SECRET_ARGUMENTS = frozenset(
    {
        "code", "state", "iss", "session_state", "access_token", "id_token",
        "refresh_token", "id_token_hint", "token", "client_secret", "password",
        "client_assertion", "assertion", "code_verifier", "logout_token", "samlresponse",
        "api_key", "apikey",
    }
)  # fmt: skip


def mask_query(target: str) -> str:
    """A target for logs: the values of codes, states and tokens are starred out."""
    return _ARGUMENT.sub(
        # The name is decoded: `access%5Ftoken` is the same argument to whoever reads forms.
        lambda m: (
            m[1] + "***" if unquote_plus(m[2]).lower() in _SECRET_ARGUMENTS else m[0]
        ),
        target,
    )


def _field(record: Record, name: bytes) -> str | None:
    found = None if record.head is None else find(record.head.fields, name)
    return None if found is None else found.decode("latin-1")


def _target(record: Record) -> str:
    assert record.head is not None
    return mask_query(record.head.target.decode("latin-1"))


def _in_quotes(text: str | None) -> str:
    return "-" if not text else text.replace('"', "%22")


def format_kong(record: Record) -> str:
    """One line as Kong writes it."""
    when = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(record.finished_at))
    request = ""
    if record.head is not None:
        method = record.head.method.decode("latin-1")
        request = f"{method} {_in_quotes(_target(record))} HTTP/1.{record.head.minor}"
    referer = _in_quotes(mask_query(_field(record, b"referer") or ""))
    agent = _in_quotes(_field(record, b"user-agent"))
    line = (
        f'{record.client_ip or "-"} - - [{when}] "{request}" {record.status} '
        f'{record.body_bytes} "{referer}" "{agent}" kong_request_id: "{record.request_id}"'
    )
    return "".join(sign if sign.isprintable() else "?" for sign in line)


def format_json(record: Record) -> str:
    """One line of JSON; times in milliseconds, sizes in bytes."""
    head, route, service = record.head, record.route, record.service
    target = None if head is None else _target(record)
    document = {
        "time": round(record.finished_at, 3),
        "request_id": record.request_id,
        "client_ip": record.client_ip,
        "scheme": record.scheme,
        "method": None if head is None else head.method.decode("latin-1"),
        "host": _field(record, b"host"),
        "target": target,
        "protocol": None if head is None else f"HTTP/1.{head.minor}",
        "referer": mask_query(_field(record, b"referer") or "") or None,
        "user_agent": _field(record, b"user-agent"),
        "route": None if route is None else route.name or route.id,
        "service": None if service is None else service.name or service.id,
        "status": record.status,
        "upstream_status": record.upstream_status,
        "body_bytes": record.body_bytes,
        "sent_bytes": record.sent_bytes,
        "total_ms": round(record.total_ms, 1),
        "upstream_ms": None
        if record.upstream_ms is None
        else round(record.upstream_ms, 1),
    }
    return json.dumps(document, separators=(",", ":"))


def build_access_log(write: Callable[[str], None], form: Format) -> Listener:
    """A listener that writes one line per exchange."""
    shape = format_json if form == "json" else format_kong
    return lambda record: write(shape(record))
