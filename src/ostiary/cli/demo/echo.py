"""
The demo's upstream: it answers every request with what arrived, but for those to its bookshop.

People get a page, programs get JSON. Tokens are decoded but never repeated: whoever sees the
reply cannot use it to sign in. The signature is not checked here; the gateway has done that.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from ostiary.cli.demo.bookshop import bookshop_app
from ostiary.http.cookies import parse_cookies
from ostiary.http.negotiate import decide_kind
from ostiary.pages import render
from ostiary.web.replies import json_reply, page

BODY_LIMIT: Final = 64 * 1024
_TOKEN: Final = re.compile(
    r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]*\.[\w-]*(?:\.[\w-]*\.[\w-]*)?"
)
_TIMES: Final = frozenset({"exp", "iat", "nbf", "auth_time"})
_KINDS: Final = {"access": "An access token", "id": "An ID token"}
_SESSION_COOKIE: Final = re.compile(
    r"(?:__Host-|__Secure-)?(?:session|authorization)(?:[-_].*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """A token's header and claims, decoded without any check."""

    header: Mapping[str, object]
    claims: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request as it reached the upstream, with its secrets taken out."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: str
    body_bytes: int
    authorization: str | None
    bearer: Bearer | None
    cookies: tuple[str, ...]

    @property
    def gateway_cookies(self) -> tuple[str, ...]:
        """Names of cookies that look like the gateway's own and should have stayed there."""
        return tuple(c for c in self.cookies if _SESSION_COOKIE.fullmatch(c))


def _decode_part(part: str) -> Mapping[str, object] | None:
    try:
        text = base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True)
        value: Any = json.loads(text)  # Any: foreign JSON, checked on the next line
    except (binascii.Error, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def decode_bearer(value: str) -> Bearer | None:
    """The header and claims of an Authorization value, or None when it holds no JWT."""
    scheme, _, token = value.partition(" ")
    parts = token.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) != 3:
        return None
    header, claims = _decode_part(parts[0]), _decode_part(parts[1])
    if header is None or claims is None:
        return None
    return Bearer(header=header, claims=claims)


def mask_authorization(value: str) -> str:
    """The scheme and the length of an Authorization value."""
    scheme, space, secret = value.partition(" ")
    if not space:
        return f"<masked, {len(value)} characters>"
    return f"{scheme} <masked, {len(secret.strip())} characters>"


def mask_tokens(text: str) -> str:
    """The text, with everything that looks like a JWT replaced by its length."""
    return _TOKEN.sub(lambda found: f"<token, {len(found[0])} characters>", text)


def _mask_field(name: str, value: str) -> str:
    if name in {"authorization", "proxy-authorization"}:
        return mask_authorization(value)
    if name == "cookie":
        names = (n for n, _ in parse_cookies([value.encode("latin-1")]))
        return "; ".join(f"{n}=<masked>" for n in names)
    return mask_tokens(value)


async def _read_some(request: Request) -> tuple[bytes, int]:
    kept, size = b"", 0
    try:
        async for part in request.stream():
            size += len(part)
            kept += part[: BODY_LIMIT - len(kept)]
    except ClientDisconnect:
        pass
    return kept, size


async def read_arrival(request: Request) -> Arrival:
    """Read a request to its end."""
    kept, size = await _read_some(request)
    raw = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in request.headers.raw]
    authorization = next((v for n, v in raw if n == "authorization"), None)
    cookies = parse_cookies(v for n, v in request.headers.raw if n == b"cookie")
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return Arrival(
        method=request.method,
        path=path.decode("latin-1"),
        query=mask_tokens(request.scope["query_string"].decode("latin-1")),
        headers=tuple((n, _mask_field(n, v)) for n, v in raw),
        body=mask_tokens(kept.decode("utf-8", "replace")),
        body_bytes=size,
        authorization=mask_authorization(authorization) if authorization else None,
        bearer=decode_bearer(authorization) if authorization else None,
        cookies=tuple(name for name, _ in cookies),
    )


def _show(name: str, value: object) -> str:
    if name in _TIMES and isinstance(value, int | float):
        try:
            moment = datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            return str(value)
        return f"{value} ({moment:%d %B %Y, %H:%M:%S} UTC)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def build_json(arrival: Arrival) -> dict[str, object]:
    """The reply for programs."""
    bearer = arrival.bearer
    return {
        "method": arrival.method,
        "path": arrival.path,
        "query": arrival.query,
        "headers": [list(pair) for pair in arrival.headers],
        "body": arrival.body,
        "body_bytes": arrival.body_bytes,
        "authorization": arrival.authorization,
        "bearer": {"header": dict(bearer.header), "claims": dict(bearer.claims)}
        if bearer
        else None,
        "cookies": list(arrival.cookies),
    }


def build_page(arrival: Arrival, *, landing_url: str | None) -> bytes:
    """The reply for people."""
    bearer = arrival.bearer
    claims = bearer.claims if bearer else {}
    # Cognito's access tokens carry no address; the second route sends it in a field.
    sent = dict(arrival.headers).get("x-user-email", "")
    return render(
        "echo.html",
        arrival=arrival,
        claims=[(name, _show(name, value)) for name, value in claims.items()],
        algorithm=str(bearer.header.get("alg", "")) if bearer else "",
        person=str(claims.get("email") or sent),
        token_kind=_KINDS.get(str(claims.get("token_use")), "A token"),
        landing_url=landing_url,
    )


class Echo:
    """The upstream as Starlette routes it: a class, for every method, where a function gets one."""

    def __init__(self, *, landing_url: str | None) -> None:
        self._landing_url = landing_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        arrival = await read_arrival(request)
        accept = request.headers.get("accept")
        if decide_kind(accept.encode("latin-1") if accept else None) == "html":
            response = page(build_page(arrival, landing_url=self._landing_url))
        else:
            response = json_reply(build_json(arrival))
        await response(scope, receive, send)


def echo_app(*, landing_url: str | None = None) -> Starlette:
    """The upstream; its page links back to the demo's page when told where that is."""
    echo = Route("/{path:path}", Echo(landing_url=landing_url))
    return Starlette(routes=[Mount("/bookshop", bookshop_app()), echo])
