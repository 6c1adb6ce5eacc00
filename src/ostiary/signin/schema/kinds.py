"""
Field types and records that the sections of the `openid-connect` schema share.

Spec: Kong Gateway's published schema of `openid-connect`, version 3.15.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field
from pydantic.config import JsonDict

from ostiary.http.cookies import is_cookie_name
from ostiary.http.url import MalformedUrl, is_http_url, origin_of, split_host
from ostiary.jose.errors import MalformedKey
from ostiary.jose.keys import PrivateKey
from ostiary.model.entity import Entity
from ostiary.model.fields import LIST, HeaderName, NonEmpty, Port, between, one_of
from ostiary.model.row import NotYet
from ostiary.signin.schema.names import SetHeader

METHODS: Final = (
    "password",
    "client_credentials",
    "authorization_code",
    "bearer",
    "introspection",
    "userinfo",
    "kong_oauth2",
    "refresh_token",
    "session",
)
SECRET: Final[JsonDict] = {"secret": True}


def _check_url(value: str) -> str:
    if "://" not in value:
        raise ValueError("missing scheme in url")
    if not is_http_url(value):
        raise ValueError("missing host in url")
    return value


def _check_cookie_path(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError("should start with: /")
    if "//" in value:
        raise ValueError("must not have empty segments")
    if not value.isascii() or any(sign in value for sign in ";, \t\r\n"):
        raise ValueError(f"invalid value: {value}")
    return value


def _check_cookie_name(value: str) -> str:
    if not is_cookie_name(value):
        raise ValueError(f"invalid value: {value}")
    return value


def _check_cookie_domain(value: str) -> str:
    try:
        _, port = split_host(value.removeprefix("."))
    except MalformedUrl as error:
        raise ValueError(f"invalid value: {value}") from error
    if port is not None:
        raise ValueError("must not have a port")
    return value


def _check_not_negative(value: float) -> float:
    if value < 0:
        raise ValueError("value should be 0 or more")
    return value


def _check_positive(value: float) -> float:
    if value <= 0:
        raise ValueError("value should be more than 0")
    return value


NotNegative = AfterValidator(_check_not_negative)
Seconds = Annotated[float, NotNegative]
Milliseconds = Annotated[float, AfterValidator(_check_positive)]
RedisTime = Annotated[int, between(0, 2147483646)]
Url = Annotated[str, AfterValidator(_check_url)]
Issuer = Annotated[str, AfterValidator(_check_url)]
CookieName = Annotated[NonEmpty, AfterValidator(_check_cookie_name)]
CookieDomain = Annotated[NonEmpty, AfterValidator(_check_cookie_domain)]
CookiePath = Annotated[str, AfterValidator(_check_cookie_path)]
Method = Annotated[str, one_of(*METHODS)]


class ClaimHeader(Entity):
    """A header made of a claim: its name, and the path to the claim."""

    header: SetHeader
    path: Annotated[tuple[NonEmpty, ...], LIST, Field(min_length=1)]


def _check_jwk(value: dict[str, Any]) -> dict[str, Any]:
    try:
        PrivateKey.from_configured(value)
    except MalformedKey as error:
        raise ValueError(f"not a private key: {error.detail}") from error
    return value


ClientJwk = Annotated[dict[str, Any], AfterValidator(_check_jwk)]


class RedisRecord(Entity):
    """Where a Redis is. Sentinels and clusters are refused where the record is used."""

    host: str | None = "127.0.0.1"
    port: Port | None = 6379
    connect_timeout: RedisTime = 2000
    send_timeout: RedisTime = 2000
    read_timeout: RedisTime = 2000
    username: str | None = None
    password: str | None = Field(None, json_schema_extra=SECRET, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = Field(None, json_schema_extra=SECRET, repr=False)
    sentinel_master: str | None = None
    sentinel_role: str | None = None
    sentinel_nodes: Annotated[tuple[dict[str, Any], ...] | None, LIST] = None
    cluster_nodes: Annotated[tuple[dict[str, Any], ...] | None, LIST] = None
    cluster_max_redirections: int = 5
    database: Annotated[int, NotNegative] = 0
    keepalive_pool_size: Annotated[int, between(1, 2147483646)] = 256
    keepalive_backlog: RedisTime | None = None
    ssl: bool = False
    ssl_verify: bool = True
    server_name: str | None = None
    connection_is_proxied: bool = False
    cloud_authentication: NotYet = None
    prefix: str | None = None
    socket: str | None = None


def _check_origin(text: str) -> str:
    try:
        own = origin_of(text)
    except MalformedUrl:
        own = ""
    if own != text:
        raise ValueError("must be an origin, such as https://app.example")
    return text


def _check_own_header(name: str) -> str:
    lower = name.lower()
    if lower in _NOT_OURS or lower.startswith(("x-forwarded-", "content-", "proxy-")):
        raise ValueError("this header already means something else to the upstream")
    return name


_NOT_OURS = frozenset(
    {
        "host", "via", "cookie", "authorization", "connection", "transfer-encoding", "te",
        "trailer", "upgrade", "keep-alive", "expect", "x-real-ip", "forwarded", "x-kong-request-id",
    }
)  # fmt: skip
Origin = Annotated[str, AfterValidator(_check_origin)]
OwnHeader = Annotated[HeaderName, AfterValidator(_check_own_header)]


class OstiaryRecord(Entity):
    """Our own options, all in one place so that everything else still loads in Kong (D12)."""

    redirect_uri_from: Annotated[str, one_of("route", "request")] = Field(
        "route",
        description="Where a redirect_uri that is not configured comes from: the matched route's prefix, or the request's path as Kong does.",
    )
    accept_any_audience: bool = Field(
        default=False,
        description="Accept bearer tokens made for anybody. Dangerous: any client of the provider can then call this API.",
    )
    sign_in_before_anonymous: bool = Field(
        default=False,
        description="With anonymous and authorization_code: send people without credentials to the provider instead of letting them in as the anonymous consumer.",
    )
    backchannel_logout: bool = Field(
        default=False,
        description="Hear of logouts from the provider: it posts a logout token to the redirect URI, which is the back-channel logout URI to register.",
    )
    websocket_origins: Annotated[tuple[Origin, ...] | None, LIST] = Field(
        None,
        description="Origins, such as https://app.example, whose pages may open WebSockets with a session; the gateway's own always may.",
    )
    upstream_assertion_header: OwnHeader | None = Field(
        None,
        description="Header with a JWT signed by this node that says to the upstream who the user is; its keys are at the Admin API's /openid-connect/jwks.",
    )
