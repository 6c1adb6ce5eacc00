"""
The authorization cookie, the session, and caches.

Spec: Kong Gateway's published schema of `openid-connect`, version 3.15.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ostiary.model.entity import Entity
from ostiary.model.fields import LIST, SET, NonEmpty, Port, one_of
from ostiary.signin.schema.kinds import (
    SECRET,
    CookieDomain,
    CookieName,
    CookiePath,
    Method,
    RedisRecord,
    Seconds,
)


class SessionFields(Entity):
    """The authorization cookie, the session, and caches."""

    authorization_cookie_name: CookieName = Field(
        "authorization", description="Cookie name."
    )
    authorization_rolling_timeout: Seconds = Field(
        600, description="Seconds a started flow stays valid."
    )
    authorization_cookie_path: CookiePath = Field("/", description="Path.")
    authorization_cookie_domain: CookieDomain | None = Field(
        None, description="Domain."
    )
    authorization_cookie_same_site: Annotated[
        str, one_of("Strict", "Lax", "None", "Default")
    ] = Field("Default", description="SameSite; Default = leave to the browser.")
    authorization_cookie_http_only: bool = Field(True, description="HttpOnly.")
    authorization_cookie_secure: bool | None = Field(None, description="Secure.")
    disable_session: Annotated[tuple[Method, ...] | None, LIST] = Field(
        None,
        description="Do not start (for session: do not renew) a session after these methods.",
    )
    session_secret: NonEmpty | None = Field(
        None,
        description="Key material for session encryption.",
        json_schema_extra=SECRET,
    )
    session_audience: NonEmpty = Field(
        "default",
        description="Audience label inside the cookie; several audiences can share one cookie.",
    )
    session_cookie_name: CookieName = Field("session", description="Cookie name.")
    session_cookie_path: CookiePath = Field(
        "/", description="Path, same validation as above."
    )
    session_cookie_domain: CookieDomain | None = Field(
        None, description="Domain (e.g..example.com to share over subdomains)."
    )
    session_cookie_same_site: Annotated[
        str, one_of("Strict", "Lax", "None", "Default")
    ] = Field("Lax", description="SameSite.")
    session_cookie_http_only: bool = Field(True, description="HttpOnly.")
    session_cookie_secure: bool | None = Field(None, description="Secure.")
    session_idling_timeout: Seconds = Field(
        900, description="Seconds of inactivity after which the session is invalid."
    )
    session_rolling_timeout: Seconds = Field(
        3600, description="Seconds a session may be used before it must be renewed."
    )
    session_absolute_timeout: Seconds = Field(
        86400, description="Seconds until re-authentication whatever happens."
    )
    session_remember: bool = Field(
        False, description='Persistent ("remember me") sessions.'
    )
    session_remember_cookie_name: CookieName = Field(
        "remember", description="Cookie of the persistent session."
    )
    session_remember_rolling_timeout: Seconds = Field(
        604800, description="Validity of the persistent session (7 days)."
    )
    session_remember_absolute_timeout: Seconds = Field(
        2592000, description="Absolute limit of the persistent session (30 days)."
    )
    session_bind: Annotated[
        tuple[Annotated[str, one_of("ip", "scheme", "user-agent")], ...] | None, SET
    ] = Field(None, description="Bind the cookie MAC to request properties (set).")
    session_request_headers: Annotated[
        tuple[
            Annotated[
                str,
                one_of(
                    "id",
                    "audience",
                    "subject",
                    "timeout",
                    "idling-timeout",
                    "rolling-timeout",
                    "absolute-timeout",
                ),
            ],
            ...,
        ]
        | None,
        SET,
    ] = Field(
        None,
        description="Session properties sent upstream as Session- headers (set, ).",
    )
    session_response_headers: Annotated[
        tuple[
            Annotated[
                str,
                one_of(
                    "id",
                    "audience",
                    "subject",
                    "timeout",
                    "idling-timeout",
                    "rolling-timeout",
                    "absolute-timeout",
                ),
            ],
            ...,
        ]
        | None,
        SET,
    ] = Field(None, description="Same for the client response.")
    session_storage: Annotated[
        str, one_of("cookie", "memcache", "memcached", "redis")
    ] = Field("cookie", description="Where the session payload lives.")
    session_store_metadata: bool = Field(
        False,
        description="Maintain an index of the sessions of a subject per audience (server-side stores).",
    )
    session_enforce_same_subject: bool = Field(
        False, description="Drop audiences whose subject differs when saving."
    )
    session_hash_subject: bool = Field(
        False, description="Hash the subject in that index."
    )
    session_hash_storage_key: bool = Field(
        False, description="Hash the session id used as storage key."
    )
    session_memcached_prefix: NonEmpty | None = Field(None, description="Key prefix.")
    session_memcached_socket: NonEmpty | None = Field(None, description="Unix socket.")
    session_memcached_host: NonEmpty = Field("127.0.0.1", description="Host.")
    session_memcached_port: Port = Field(11211, description="Port 0–65535.")
    session_memcached_ssl: bool | None = Field(None, description="TLS to memcached.")
    session_memcached_ssl_verify: bool = Field(
        True, description="Verify its certificate."
    )
    redis: RedisRecord = Field(
        default_factory=RedisRecord,
        description="Record with the Redis settings of the session store.",
    )
    cache_ttl: Seconds = Field(
        3600,
        description="Default TTL (s) when the cached object does not tell its own expiry.",
    )
    cache_ttl_max: Seconds | None = Field(
        None, description="Upper bound enforced on every TTL."
    )
    cache_ttl_min: Seconds | None = Field(None, description="Lower bound enforced.")
    cache_ttl_neg: Seconds | None = Field(None, description="TTL of negative results.")
    cache_ttl_resurrect: Seconds | None = Field(
        None, description="How long stale values may be revived when the refresh fails."
    )
    cache_tokens: bool = Field(True, description="Cache token endpoint results.")
    cache_tokens_salt: NonEmpty | None = Field(
        None, description="Salt of the token cache key.", json_schema_extra=SECRET
    )
    cache_introspection: bool = Field(True, description="Cache introspection results.")
    cache_token_exchange: bool = Field(
        True, description="Cache results of the legacy token exchange."
    )
    cache_user_info: bool = Field(True, description="Cache user-info results.")
    cluster_cache_strategy: Annotated[str, one_of("off", "redis")] = Field(
        "off", description="redis = second-level cache shared by nodes."
    )
    cluster_cache_items: Annotated[
        tuple[Annotated[str, one_of("introspection", "tokens")], ...] | None, SET
    ] = Field(("introspection",), description="What goes to the shared cache (set).")
    cluster_cache_redis: RedisRecord = Field(
        default_factory=RedisRecord,
        description="Record with Redis settings of the cluster cache.",
    )
