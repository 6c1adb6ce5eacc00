"""
Requests and replies as they may be shown: what is secret becomes a placeholder such as `$CODE`.

Twice over: by the name of an argument, and by its value wherever that stands. A shell can fill the
placeholders in again.

Spec: RFC 6750 §5.3, RFC 9700 §4.2 (codes and tokens leak).
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit, urlunsplit

from ostiary.debugger.values import Flow, Got, Held, Run, Sent
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.http.forms import build_form

MAX_BODY: Final = 6000
PLACEHOLDERS: Final = {
    "code": "$CODE",
    "code_verifier": "$CODE_VERIFIER",
    "client_secret": "$CLIENT_SECRET",
    "client_assertion": "$CLIENT_ASSERTION",
    "refresh_token": "$REFRESH_TOKEN",
    "access_token": "$ACCESS_TOKEN",
    "id_token": "$ID_TOKEN",
    "id_token_hint": "$ID_TOKEN",
    "token": "$TOKEN",
    "password": "$PASSWORD",
    "state": "$STATE",
    "nonce": "$NONCE",
    "session_state": "$SESSION_STATE",
}
_SHORTEST: Final = 6  # shorter values occur in texts by chance
# It begins at one place of a word only: a long word of many `eyJ` would take minutes. Its end may
# have been cut off.
_JWT: Final = re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]+(?:\.[\w-]*){0,3}")
# Cookies are left out: they are somebody's session.
_SHOWN: Final = (
    "content-type", "date", "location", "www-authenticate", "cache-control", "retry-after",
    "access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers",
)  # fmt: skip
_TEXT: Final = re.compile(
    r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)


def clean(text: str) -> str:
    """A text of a stranger without what no text holds."""
    return _TEXT.sub("�", text.replace("\r\n", "\n"))


@dataclass(frozen=True, slots=True)
class Redactor:
    """Knows secrets by their value, and makes placeholders of them."""

    _known: Mapping[str, str] = field(repr=False)

    def text(self, text: str) -> str:
        """A text without any secret that is known, and without what looks like a token."""
        for value, placeholder in self._known.items():
            text = text.replace(value, placeholder)
        return _JWT.sub("$TOKEN", text)

    def pair(self, name: str, value: str) -> tuple[str, str]:
        """An argument: known by its value first, which says more than its name."""
        by_name = PLACEHOLDERS.get(name.lower()) if value else None
        shown = self._known.get(value) or by_name
        return self.text(clean(name)), shown or self.text(clean(value))

    def pairs(self, text: str) -> tuple[tuple[str, str], ...]:
        """The arguments of a query or a form."""
        found = parse_qsl(text, keep_blank_values=True)
        return tuple(self.pair(name, value) for name, value in found)

    def sent(self, request: OutgoingRequest) -> Sent:
        """A request of ours."""
        parts = urlsplit(request.url)
        form = request.body.decode()
        if form and parts.query:
            # A form is the argument; the query stays where it is.
            shown = urlunsplit(
                parts._replace(query=build_form(self.pairs(parts.query)))
            )
        else:
            shown = urlunsplit(parts._replace(query=""))
        return Sent(
            method=request.method,
            url=self.text(shown),
            fields=tuple((n, self._field(n, v)) for n, v in request.fields),
            pairs=self.pairs(form or parts.query),
        )

    def _field(self, name: str, value: str) -> str:
        if name.lower() != "authorization":
            return self.text(value)
        scheme = value.partition(" ")[0]
        return "Basic $CLIENT_BASIC" if scheme == "Basic" else f"{scheme} $ACCESS_TOKEN"

    def got(self, reply: IncomingReply, took_ms: float | None = None) -> Got:
        """A reply to us."""
        fields = tuple(
            (name, self._location(reply.fields[name]) if name == "location" else
             self.text(clean(reply.fields[name])))
            for name in _SHOWN
            if name in reply.fields
        )  # fmt: skip
        return Got(status=reply.status, fields=fields, body=self._body(reply.body), took_ms=took_ms)  # fmt: skip

    def _location(self, url: str) -> str:
        try:
            parts = urlsplit(clean(url))
        except ValueError:  # brackets that hold no address
            return self.text(clean(url).partition("?")[0])
        query = "&".join(f"{n}={v}" for n, v in self.pairs(parts.query))
        fragment = "&".join(f"{n}={v}" for n, v in self.pairs(parts.fragment))
        return self.text(urlunsplit(parts._replace(query=query, fragment=fragment)))

    def _body(self, body: bytes) -> str:
        text = body.decode("utf-8", "replace")
        try:
            value = json.loads(text)
            if isinstance(value, dict | list):
                text = json.dumps(self._inner(value), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):  # no JSON, or nested without end
            pass
        return self._cut(self.text(clean(text)))

    def _inner(self, value: Any) -> Any:  # Any: JSON
        match value:
            case dict():
                return {self.text(k): self._member(k, v) for k, v in value.items()}
            case list():
                return [self._inner(v) for v in value]
            case str():
                return self.text(value)
            case _:
                return value

    def _member(self, name: str, value: Any) -> Any:  # Any: JSON
        placeholder = PLACEHOLDERS.get(name.lower())
        is_secret = placeholder and value and not isinstance(value, bool | dict)
        return placeholder if is_secret else self._inner(value)

    @staticmethod
    def _cut(text: str) -> str:
        return text if len(text) <= MAX_BODY else f"{text[:MAX_BODY]}\n… (cut)"


def _spellings(value: str) -> set[str]:
    """A secret as pages, URLs and JSON may spell it."""
    quoted = {quote(value, safe=""), quote_plus(value), quote(value)}
    lower = {re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), text) for text in quoted}
    written = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    page = html.escape(value)
    pages = {page, page.replace("&#x27;", "&#39;"), html.escape(value, quote=False)}
    return {value} | pages | quoted | lower | written


def _basic(name: str, secret: str) -> str:
    """What HTTP Basic makes of a client's secret."""
    pair = f"{quote_plus(name)}:{quote_plus(secret)}"
    return base64.b64encode(pair.encode()).decode() if secret else ""


def build_redactor(
    run: Run, *, flow: Flow | None = None, code: str = "", used: str = ""
) -> Redactor:
    """
    What knows the secrets of a run, and those of a sign-in.

    Args:
        used: A refresh token that the run holds no more.
    """
    held: Held = run.held
    flow = flow or run.flow
    pairs = [
        (run.setup.client_secret, "$CLIENT_SECRET"),
        (_basic(run.setup.client_id, run.setup.client_secret), "$CLIENT_BASIC"),
        (held.access_token, "$ACCESS_TOKEN"),
        (held.id_token, "$ID_TOKEN"),
        (held.refresh_token, "$REFRESH_TOKEN"),
        (used, "$REFRESH_TOKEN"),
        (held.nonce, "$NONCE"),
        (code, "$CODE"),
    ]
    if flow is not None:
        pairs += [
            (flow.state, "$STATE"),
            (flow.nonce, "$NONCE"),
            (flow.verifier, "$CODE_VERIFIER"),
        ]
    known = [(text, name) for v, name in pairs if len(v) >= _SHORTEST for text in _spellings(v)]  # fmt: skip
    # The longest first: one may stand within another.
    known.sort(key=lambda pair: -len(pair[0]))
    return Redactor(dict(known))
