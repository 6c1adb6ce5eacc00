"""
Access log lines of the Admin API and the status listener: nginx's `combined`, or JSON.

Queries stay out of them: an Admin API's may hold what an operator would not write down.

Spec: Kong's admin access log (gateway §3.12).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

Form = Literal["kong", "json"]
Write = Callable[[str], None]


def _quoted(text: str | None) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in text or "")
    return shown.replace('"', "%22") or "-"


def build_line(request: Request, response: Response, *, form: Form, now: float) -> str:
    """One line about one request; `now` in Unix seconds."""
    peer = request.client.host if request.client else "-"
    size = response.headers.get("content-length", "0")
    agent = request.headers.get("user-agent")
    protocol = f"HTTP/{request.scope.get('http_version', '1.1')}"
    if form == "json":
        document = {
            "time": round(now, 3),
            "client_ip": peer,
            "method": request.method,
            "path": request.url.path,
            "protocol": protocol,
            "status": response.status_code,
            "body_bytes": int(size),
            "user_agent": agent,
        }
        return json.dumps(document, separators=(",", ":"))
    when = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now))
    referer = (request.headers.get("referer") or "").partition("?")[0]
    return (
        f'{peer} - - [{when}] "{_quoted(request.method)} {_quoted(request.url.path)} {protocol}" '
        f'{response.status_code} {size} "{_quoted(referer)}" "{_quoted(agent)}"'
    )
