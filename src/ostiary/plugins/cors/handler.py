"""
Preflights answered, and responses marked for browsers.

Regular expressions must fit the whole origin: Kong anchors an alternative of them at one end
only, so that `https://a.example|b` would let in `https://a.example.evil.com`.

Spec: gateway §4.5 (cors); Fetch §3.2 (CORS protocol).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from ostiary.http.head import Field, find
from ostiary.http.memo import Memo
from ostiary.http.url import DEFAULT_PORTS
from ostiary.http.value import frozen
from ostiary.kit import Exchange, Instant, Reply, Response, Services
from ostiary.kit.fields import compile_pattern
from ostiary.plugins.cors.schema import CorsConfig

_PLAIN = re.compile(r"[A-Za-z0-9.:/-]+")
_ALLOW = b"Access-Control-Allow-Origin"
MAX_MEMO_BYTES = 1 << 20


@frozen
class Origin:
    """An origin without its scheme's default port, and its host; of a text, twice the text."""

    text: str
    host: str


def parse_origin(text: str) -> Origin:
    """An origin as it is compared; what is none stands for itself."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return Origin(text=text, host=text)
    if not host:
        return Origin(text=text, host=text)
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != DEFAULT_PORTS.get(parts.scheme):
        shown += f":{port}"
    return Origin(text=f"{parts.scheme}://{shown}", host=host)


Rule = Callable[[Origin], bool]


def build_rule(entry: str) -> Rule:
    """What an entry of `origins` says of an origin; without a colon it is about the host."""
    by_host = ":" not in entry
    if _PLAIN.fullmatch(entry):
        wanted = entry.lower() if by_host else parse_origin(entry).text
        return lambda origin: (origin.host if by_host else origin.text) == wanted
    body = entry.removeprefix("^").removesuffix("$")
    pattern = compile_pattern(f"^(?:{body})$")
    return lambda origin: bool(pattern.search(origin.host if by_host else origin.text))


class Cors(Instant):
    """One configured `cors` plugin."""

    def __init__(
        self,
        config: CorsConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,  # noqa: ARG002 - same
    ) -> None:
        origins = config.origins or ()
        self._allows_all = not origins or "*" in origins
        # A lone origin is always said, whoever asks: responses are the same for everybody.
        lone = len(origins) == 1 and _PLAIN.fullmatch(origins[0]) is not None
        self._lone = origins[0].encode("ascii") if lone else None
        self._varies = not (not origins or origins == ("*",))
        self._rules = () if self._allows_all else tuple(map(build_rule, origins))
        self._known: Memo[bytes, bytes] = Memo(MAX_MEMO_BYTES)
        self._credentials = config.credentials
        self._continues = config.preflight_continue
        self._private = config.private_network
        self._absent = config.allow_origin_absent
        self._headers = ",".join(config.headers or ()).encode("latin-1", "replace")
        self._exposed = ",".join(config.exposed_headers or ()).encode(
            "latin-1", "replace"
        )
        self._methods = ",".join(config.methods).encode("ascii")
        age = config.max_age
        self._max_age = None if age is None else str(age).encode("ascii")

    def access(self, exchange: Exchange) -> Reply | None:
        origin = find(exchange.fields, b"origin")
        asks = find(exchange.fields, b"access-control-request-method")
        if exchange.method != b"OPTIONS" or origin is None or asks is None:
            return None
        exchange.keep(self, True)  # what there is to say is said here, or upstream
        return None if self._continues else self._answer(exchange, origin)

    def on_response(self, exchange: Exchange, response: Response) -> None:
        origin = find(exchange.fields, b"origin")
        if exchange.kept(self) or (origin is None and not self._absent):
            return
        response.remove(_ALLOW)
        for name, value in self._allow(origin):
            if name == b"Vary":
                response.add(name, value)
            else:
                response.set(name, value)
        if self._exposed:
            response.set(b"Access-Control-Expose-Headers", self._exposed)

    def _answer(self, exchange: Exchange, origin: bytes) -> Reply:
        fields = self._allow(origin)
        asked = find(exchange.fields, b"access-control-request-headers")
        if self._headers or asked:
            fields.append(
                (b"Access-Control-Allow-Headers", self._headers or asked or b"")
            )
        fields.append((b"Access-Control-Allow-Methods", self._methods))
        if self._max_age is not None:
            fields.append((b"Access-Control-Max-Age", self._max_age))
        network = find(exchange.fields, b"access-control-request-private-network")
        if self._private and network == b"true":
            fields.append((b"Access-Control-Allow-Private-Network", b"true"))
        return Reply(status=200, fields=tuple(fields))

    def _allow(self, origin: bytes | None) -> list[Field]:
        """What a response says of who may read it."""
        vary = [(b"Vary", b"Origin")]
        if self._allows_all:
            if self._credentials and origin is not None:
                return [*vary, (_ALLOW, origin), self._with_credentials]
            return [*(vary if self._varies else ()), (_ALLOW, b"*")]
        allowed = self._lone or (self._judge(origin) if origin else b"")
        more = (self._with_credentials,) if self._credentials else ()
        return [*vary, *(((_ALLOW, allowed),) if allowed else ()), *more]

    @property
    def _with_credentials(self) -> Field:
        return b"Access-Control-Allow-Credentials", b"true"

    def _judge(self, origin: bytes) -> bytes:
        """The origin as it is allowed, or nothing."""
        known = self._known.get(origin)
        if known is None:
            found = parse_origin(origin.decode("latin-1").lower())
            allowed = any(rule(found) for rule in self._rules)
            known = found.text.encode("latin-1") if allowed else b""
            self._known.put(origin, known, 2 * len(origin))
        return known
