"""
A configuration compiled into a relying party: names, bindings, headers, all worked out once.

Spec: decisions D1, D8, D13; oidc-plugin §10.2 (cookie attributes), §8 (headers).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, cast, get_args

from ostiary.http.cookies import CookieAttributes, SameSite
from ostiary.jose.keys import PrivateKey
from ostiary.oidc.rp.metadata import build_discovery_url, normalise_issuer
from ostiary.ports.session_store import StorePlace
from ostiary.sessions.cookie import chunk_names
from ostiary.sessions.keys import KeyRing, RingKey
from ostiary.sessions.session import Timeouts
from ostiary.signin.schema import BUILT_METHODS, OpenidConnectConfig

HeaderSource = Literal[
    "access_token",
    "access_token_jwk",
    "id_token",
    "id_token_jwk",
    "refresh_token",
    "user_info",
    "user_info_jwt",
    "introspection",
    "introspection_jwt",
    "session_id",
]
TOKEN_ARGUMENT = "access_token"  # noqa: S105 - the name of an argument
TOKEN_METHODS = frozenset({"bearer", "introspection", "userinfo"})
_SOURCES: tuple[HeaderSource, ...] = get_args(HeaderSource)
MANAGED = (b"x-consumer-id", b"x-consumer-custom-id", b"x-consumer-username", b"x-consumer-groups",
           b"x-credential-identifier", b"x-anonymous-consumer", b"x-authenticated-groups")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One registered client; index i of every parallel array."""

    client_id: str
    client_secret: str | None = field(repr=False)
    auth_method: str | None
    alg: str | None
    is_callers: bool = False
    key: PrivateKey | None = field(repr=False)
    redirect_uri: str | None
    login_redirect_uri: str | None
    logout_redirect_uri: str | None
    unauthorized_redirect_uri: str | None
    forbidden_redirect_uri: str | None
    unexpected_redirect_uri: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieNames:
    """The names for one scheme, and how they are set."""

    session: str
    session_chunks: tuple[str, ...]
    session_attributes: CookieAttributes
    remember: str
    remember_attributes: CookieAttributes
    flow: str
    flow_attributes: CookieAttributes


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHeader:
    """A header that carries a token or an id; `bearer` writes `Bearer ` before it."""

    name: bytes
    source: HeaderSource
    bearer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """
    A relying party, ready to decide. Build one with `compile_party`.

    `plugin` is the row it was made of, `instance` what is made of that where others read it.
    `provider_key` names what is fetched of its provider: parties with the same one share it.
    `secret_query` and `secret_body` are the arguments in which a credential may be.
    """

    config: OpenidConnectConfig = field(repr=False)
    plugin: str
    instance: str
    issuer: str
    discovery_url: str
    provider_key: str
    clients: tuple[Client, ...]
    methods: frozenset[str]
    timeouts: Timeouts
    remember_timeouts: Timeouts | None
    secure: CookieNames
    plain: CookieNames
    own_ring: KeyRing | None = field(repr=False)
    upstream_tokens: tuple[TokenHeader, ...]
    downstream_tokens: tuple[TokenHeader, ...]
    upstream_claims: tuple[tuple[bytes, tuple[str, ...]], ...]
    downstream_claims: tuple[tuple[bytes, tuple[str, ...]], ...]
    managed_headers: frozenset[bytes]
    secret_query: frozenset[str]
    secret_body: frozenset[str]
    hears_logout: bool
    is_bound: bool
    asks_user_info: bool
    remembers_tokens: bool
    vary: bytes
    store: StorePlace | None
    user_info_paths: tuple[tuple[str, ...], ...]
    shows_user_info: bool
    shows_keys: bool
    fingerprint: bytes

    def names(self, scheme: str) -> CookieNames:
        """The cookie names for a scheme."""
        return self.secure if scheme == "https" else self.plain

    def remember_chunks(self, names: CookieNames) -> tuple[str, ...]:
        """The cookies of a persistent session; none where there are no such sessions."""
        return () if self.remember_timeouts is None else chunk_names(names.remember)

    def binding(self, cookie_name: str) -> bytes:
        """What a session is bound to, besides the key."""
        client = self.clients[0].client_id if self.clients else ""
        shared = self.own_ring is not None
        parts = [
            "shared" if shared else self.instance,
            client,
            self.issuer,
            cookie_name,
        ]
        return b"\x00".join(part.encode() for part in parts)

    def client(self, index: int) -> Client | None:
        """The client of an index, else the first, else None."""
        if not self.clients:
            return None
        return (
            self.clients[index] if 0 <= index < len(self.clients) else self.clients[0]
        )


def _client_key(config: OpenidConnectConfig, index: int) -> PrivateKey | None:
    keys = config.client_jwk or ()
    if not keys:
        return None
    place = index if index < len(keys) else 0
    algorithms = config.client_alg or ()
    alg = algorithms[place] if place < len(algorithms) else None
    return PrivateKey.from_configured(keys[place], alg)


def _clients(config: OpenidConnectConfig) -> tuple[Client, ...]:
    def pick(values: tuple[str, ...] | None, index: int) -> str | None:
        if not values:
            return None
        return values[index] if index < len(values) else values[0]

    return tuple(
        Client(
            client_id=client_id,
            client_secret=(config.client_secret or ())[index]
            if index < len(config.client_secret or ())
            else None,
            auth_method=pick(config.client_auth, index),
            alg=pick(config.client_alg, index),
            key=_client_key(config, index),
            redirect_uri=pick(config.redirect_uri, index),
            login_redirect_uri=pick(config.login_redirect_uri, index),
            logout_redirect_uri=pick(config.logout_redirect_uri, index),
            unauthorized_redirect_uri=pick(config.unauthorized_redirect_uri, index),
            forbidden_redirect_uri=pick(config.forbidden_redirect_uri, index),
            unexpected_redirect_uri=pick(config.unexpected_redirect_uri, index),
        )
        for index, client_id in enumerate(config.client_id or ())
    )


# Of the name of an instance in those of cookies; what is bound to it is bound to all of it.
SHOWN_CHARS: Final = 8


def _names(
    config: OpenidConnectConfig, instance: str, scheme: str, prefix: str
) -> CookieNames:
    is_secure = scheme == "https"

    def name(kind: str) -> str:
        given = str(getattr(config, f"{kind}_cookie_name"))
        if f"{kind}_cookie_name" in config.model_fields_set:
            return given
        # Whoever names a secret shares sessions with all that name it, as in Kong (T-K4).
        whose = "" if config.session_secret is not None else f"-{instance}"
        hosted = (
            is_secure
            and getattr(config, f"{kind}_cookie_path") == "/"
            and not getattr(config, f"{kind}_cookie_domain")
            and getattr(config, f"{kind}_cookie_secure") is not False
        )
        return f"{'__Host-' if hosted else ''}{prefix}{given}{whose}"

    def attributes(kind: str, max_age_s: int | None) -> CookieAttributes:
        secure = getattr(config, f"{kind}_cookie_secure")
        same_site = getattr(config, f"{kind}_cookie_same_site")
        if (
            kind == "authorization"
            and config.response_mode == "form_post"
            and is_secure
        ):
            # The provider posts from its own site: only such a cookie comes along (§9.7).
            same_site = "None" if same_site == "Default" else same_site
        return CookieAttributes(
            path=getattr(config, f"{kind}_cookie_path"),
            domain=getattr(config, f"{kind}_cookie_domain"),
            same_site=cast("SameSite", same_site),
            secure=is_secure if secure is None else secure,
            http_only=getattr(config, f"{kind}_cookie_http_only"),
            max_age_s=max_age_s,
        )

    session = name("session")
    given = config.session_remember_cookie_name
    remember = session.replace(config.session_cookie_name, given, 1)
    if "session_remember_cookie_name" in config.model_fields_set:
        remember = given
    return CookieNames(
        remember=remember,
        remember_attributes=attributes(
            "session", round(config.session_remember_rolling_timeout) or None
        ),
        session=session,
        session_chunks=chunk_names(session),
        session_attributes=attributes("session", None),
        flow=name("authorization"),
        flow_attributes=attributes(
            "authorization", round(config.authorization_rolling_timeout) or None
        ),
    )


def header_of(name: str) -> bytes:
    """The header that a name in the configuration means: underscores become hyphens (Kong)."""
    return name.lower().replace("_", "-").encode("latin-1", "replace")


def _credential_headers(config: OpenidConnectConfig) -> list[bytes]:
    """The headers that carry credentials by configuration; hidden like the usual ones."""
    if not config.hide_credentials:
        return []
    named = (
        config.bearer_token_header_name,
        config.refresh_token_param_name,
        config.id_token_param_name,
    )
    found = [header_of(name) for name in named if name and ":" not in name]
    return [name for name in found if name != b"authorization"]


def _token_headers(config: OpenidConnectConfig, side: str) -> tuple[TokenHeader, ...]:
    found = []
    for source in _SOURCES:
        value = getattr(config, f"{side}_{source}_header")
        if value:
            name, _, form = value.partition(":")
            found.append(
                TokenHeader(
                    name=header_of(name),
                    source=source,
                    bearer=form.lower() == "bearer",
                )
            )
    return tuple(found)


def _claim_headers(
    config: OpenidConnectConfig, side: str
) -> tuple[tuple[bytes, tuple[str, ...]], ...]:
    mapped = getattr(config, f"{side}_headers")
    if mapped:
        return tuple((header_of(m.header), m.path) for m in mapped)
    claims = getattr(config, f"{side}_headers_claims") or ()
    names = getattr(config, f"{side}_headers_names") or ()
    return tuple(
        (header_of(name), (claim,)) for claim, name in zip(claims, names, strict=False)
    )


def _remembers_tokens(config: OpenidConnectConfig) -> bool:
    """Tell whether a token alone decides: nothing else of a request may change the answer."""
    from_client = (
        config.introspection_headers_client,
        config.introspection_post_args_client,
        config.introspection_post_args_client_headers,
        config.userinfo_headers_client,
        config.userinfo_query_args_client,
        config.id_token_param_name,
    )
    return not any(from_client) and len(config.client_id or ()) < 2


def _vary(config: OpenidConnectConfig) -> bytes:
    """The fields that answers depend on: caches in front must not mix people up (T-X7)."""
    own = config.bearer_token_header_name
    named = [header_of(own)] if own and ":" not in own else []
    usual = [b"Cookie", b"Authorization", b"Access-Token", b"X-Access-Token"]
    return b", ".join([*usual, *named])


def _store_place(config: OpenidConnectConfig) -> StorePlace | None:
    if config.session_storage != "redis":
        return None
    redis = config.redis
    return StorePlace(
        host=redis.host or "127.0.0.1",
        port=redis.port or 6379,
        socket=redis.socket,
        username=redis.username,
        password=redis.password,
        database=redis.database,
        tls=redis.ssl,
        verify_tls=redis.ssl_verify,
        server_name=redis.server_name,
        connect_timeout_s=redis.connect_timeout / 1000,
        send_timeout_s=redis.send_timeout / 1000,
        read_timeout_s=redis.read_timeout / 1000,
        pool_size=redis.keepalive_pool_size,
        prefix=redis.prefix or "sessions",
    )


def _provider_key(config: OpenidConnectConfig) -> str:
    parts = (
        build_discovery_url(config.issuer),
        config.jwks_endpoint,
        config.extra_jwks_uris,
        config.using_pseudo_issuer,
        config.ssl_verify,
        config.discovery_headers_names,
        config.discovery_headers_values,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _secret_arguments(
    config: OpenidConnectConfig, methods: frozenset[str], place: str
) -> frozenset[str]:
    """The arguments in which a credential may be, in the query or in the body."""
    looked_for: tuple[tuple[frozenset[str], Sequence[str | None], object], ...] = (
        (TOKEN_METHODS, (TOKEN_ARGUMENT,), config.bearer_token_param_type),
        (
            frozenset({"bearer"}),
            (config.id_token_param_name,),
            config.id_token_param_type,
        ),
        (frozenset({"password"}), ("password",), config.password_param_type),
        (
            frozenset({"client_credentials"}),
            ("client_secret",),
            config.client_credentials_param_type,
        ),
        (
            frozenset({"refresh_token"}),
            (config.refresh_token_param_name,),
            config.refresh_token_param_type,
        ),
    )
    return frozenset(
        name
        for names, arguments, places in looked_for
        if methods & names and isinstance(places, tuple) and place in places
        for name in arguments
        if name is not None
    )


def _user_info_paths(
    config: OpenidConnectConfig, headers: tuple[tuple[bytes, tuple[str, ...]], ...]
) -> tuple[tuple[str, ...], ...]:
    """The claims for which the user-info endpoint is asked when no token has them."""
    if not config.search_user_info:
        return ()
    required = (
        (config.scopes_required, config.scopes_claim),
        (config.audience_required, config.audience_claim),
        (config.groups_required, config.groups_claim),
        (config.roles_required, config.roles_claim),
    )
    return (
        *(config.consumer_claims or ()),
        *((name,) for name in config.claims_forbidden or ()),
        *(path for path in (config.authenticated_groups_claim, config.credential_claim) if path),
        *(path for wanted, path in required if wanted and path),
        *(path for _, path in headers),
    )  # fmt: skip


def compile_party(
    config: OpenidConnectConfig, instance_id: str, *, cookie_prefix: str = ""
) -> Party:
    """
    The relying party of a configuration. `instance_id` is the plugin row's id.

    `cookie_prefix` begins the names of cookies that the configuration does not name.
    """
    instance = hashlib.sha256(instance_id.encode()).hexdigest()
    upstream_tokens = _token_headers(config, "upstream")
    upstream_claims = _claim_headers(config, "upstream")
    own_ring = None
    if config.session_secret is not None:
        secret = hashlib.sha256(config.session_secret.encode()).digest()
        own_ring = KeyRing(
            (RingKey(hashlib.sha256(b"id" + secret).digest()[:4], secret),)
        )
    fingerprint = hashlib.sha256(
        f"{instance_id}\x00{config.model_dump_json()}".encode()
    )
    downstream_tokens = _token_headers(config, "downstream")
    downstream_claims = _claim_headers(config, "downstream")
    shown = {header.source for header in (*upstream_tokens, *downstream_tokens)}
    methods = frozenset(config.auth_methods or ()) & BUILT_METHODS
    return Party(
        config=config,
        plugin=instance_id,
        instance=instance,
        issuer=normalise_issuer(config.issuer),
        discovery_url=build_discovery_url(config.issuer),
        provider_key=_provider_key(config),
        clients=_clients(config),
        methods=methods,
        timeouts=Timeouts(
            idling_s=config.session_idling_timeout,
            rolling_s=config.session_rolling_timeout,
            absolute_s=config.session_absolute_timeout,
        ),
        remember_timeouts=Timeouts(
            idling_s=0,
            rolling_s=config.session_remember_rolling_timeout,
            absolute_s=config.session_remember_absolute_timeout,
        )
        if config.session_remember
        else None,
        secure=_names(config, instance[:SHOWN_CHARS], "https", cookie_prefix),
        plain=_names(config, instance[:SHOWN_CHARS], "http", cookie_prefix),
        own_ring=own_ring,
        upstream_tokens=upstream_tokens,
        downstream_tokens=downstream_tokens,
        upstream_claims=upstream_claims,
        downstream_claims=downstream_claims,
        managed_headers=frozenset(
            [h.name for h in upstream_tokens if h.name != b"authorization"]
            + [name for name, _ in upstream_claims]
            + _credential_headers(config)
            + list(MANAGED)
        ),
        secret_query=_secret_arguments(config, methods, "query"),
        secret_body=_secret_arguments(config, methods, "body"),
        is_bound=bool(config.session_bind),
        asks_user_info=not shown.isdisjoint({"user_info", "user_info_jwt"})
        or config.search_user_info,
        remembers_tokens=_remembers_tokens(config),
        vary=_vary(config),
        store=_store_place(config),
        hears_logout=bool(config.ostiary and config.ostiary.backchannel_logout),
        user_info_paths=_user_info_paths(config, upstream_claims + downstream_claims),
        shows_user_info=not shown.isdisjoint({"user_info", "user_info_jwt"}),
        shows_keys=not shown.isdisjoint({"access_token_jwk", "id_token_jwk"}),
        fingerprint=fingerprint.digest(),
    )
