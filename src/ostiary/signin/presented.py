"""
Credentials that a request presents itself: tokens, and what can be changed into tokens.

The order is fixed and the first credential found decides (oidc-plugin §4.1): a token first, then
a refresh token, a user's password, a client's own secret. Nothing else is tried after a refusal.

Spec: oidc-plugin §4.3-4.9, §13; RFC 6749 §4.3, §4.4, §6; RFC 6750 §2; RFC 7662.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import MAX_TOKEN_LENGTH, is_compact_jws
from ostiary.oidc.claims import Claims
from ostiary.oidc.errors import MalformedReply, OidcError, ProviderError
from ostiary.oidc.rp.claims_sources import ToldClaims
from ostiary.oidc.rp.tokens import (
    TokenSet,
    client_credentials_request,
    password_request,
    refresh_request,
)
from ostiary.oidc.rp.verify import VerifiedToken
from ostiary.ports.fetch import FetchFailed
from ostiary.signin.arguments import Arguments
from ostiary.signin.claims import Identity
from ostiary.signin.credentials import (
    Found,
    Hidden,
    Pair,
    choose_client,
    find_id_token,
    find_machine,
    find_refresh_token,
    find_token,
    find_user,
)
from ostiary.signin.endpoints import Asked, Endpoints
from ostiary.signin.issuer import Issuers, Provider, ProviderUnavailable
from ostiary.signin.kept import Kept, clamp_ttl
from ostiary.signin.party import Client, Party
from ostiary.signin.sources import Sources
from ostiary.signin.tokens import Granted, TokenClient, read_claims
from ostiary.signin.values import SigninRequest, Toolbox

TOKEN_TTL_S = 300


class Unauthorized(Exception):
    """A credential was presented and is not good; `detail` is for logs, `error` for the client."""

    def __init__(self, detail: str, error: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """
    A good credential, and who it stands for.

    `tokens` can start a session; `text` is the token itself where the answer may be remembered,
    until `fresh_until` and while `key_thumbprint` is a key of the provider.
    """

    method: str
    identity: Identity
    hidden: Hidden
    client: int = 0
    ends: float | None = None
    tokens: TokenSet | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    fresh_until: float = 0.0
    key_thumbprint: str | None = None
    fields: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)


class Presentation:
    """Judges presented credentials, for every party of a worker."""

    def __init__(
        self,
        tools: Toolbox,
        issuers: Issuers,
        endpoints: Endpoints,
        tokens: TokenClient,
        sources: Sources,
        kept: Kept,
    ) -> None:
        self._tools = tools
        self._issuers = issuers
        self._endpoints = endpoints
        self._tokens = tokens
        self._sources = sources
        self._kept = kept

    async def judge(
        self, request: SigninRequest, party: Party, arguments: Arguments
    ) -> Presented | None:
        """
        The good credential of a request, or None when it presents none.

        Raises:
            Unauthorized: There is one and it is refused.
            ProviderUnavailable: Nobody can tell now.
            SharedUnavailable: The node's shared state is away.
        """
        found = find_token(request, party, arguments)
        if found is not None:
            presented = await self._judge_token(request, party, arguments, found)
            if presented is not None:
                return presented
        refresh = find_refresh_token(request, party, arguments)
        if refresh is not None:
            pairs = refresh_request(refresh_token=refresh.value)
            return await self._grant_ours(
                request, party, arguments, "refresh_token", pairs, refresh.hidden
            )
        user = find_user(request, party, arguments)
        machine = find_machine(request, party, arguments)
        if user is not None and party.clients:
            pairs = password_request(
                username=user.name, password=user.secret, scope=_scope(party)
            )
            try:
                return await self._grant_ours(
                    request, party, arguments, "password", pairs, user.hidden
                )
            except Unauthorized:
                if machine is None:
                    raise
        if machine is not None:
            return await self._grant_machine(request, party, arguments, machine)
        return None

    # Tokens

    async def _judge_token(
        self, request: SigninRequest, party: Party, arguments: Arguments, found: Found
    ) -> Presented | None:
        """None where no enabled method takes this kind of token."""
        is_jws = is_compact_jws(found.value)
        if is_jws and "bearer" in party.methods:
            return await self._bearer(request, party, arguments, found)
        if len(found.value) > MAX_TOKEN_LENGTH:
            raise Unauthorized("the token is over 16384 characters", "invalid_token")
        if not {"introspection", "userinfo"} & party.methods:
            return None
        provider = await self._issuers.load(party)
        asked = Asked(request=request, arguments=arguments)
        url = self._endpoints.url(party, provider, "introspection")
        index = choose_client(request, party, arguments)
        client = party.client(index)
        if "introspection" in party.methods and url is not None and client is not None:
            told = await self._introspect(party, provider, client, found.value, asked)
            return self._presented(
                party, found, "introspection", client=index, introspection=told
            )
        info = party.config.userinfo_endpoint or provider.metadata.userinfo_endpoint
        if "userinfo" in party.methods and info is not None:
            try:
                told = await self._sources.user_info(
                    party,
                    provider,
                    found.value,
                    subject=None,
                    ends=None,
                    asked=asked,
                )
            except (OidcError, JoseError) as error:
                raise Unauthorized(error.detail, "invalid_token") from error
            except FetchFailed as error:
                raise ProviderUnavailable(error.reason) from error
            return self._presented(
                party, found, "userinfo", client=index, user_info=told
            )
        raise Unauthorized(
            "the provider has neither introspection_endpoint nor userinfo_endpoint "
            "to ask about the token",
            "invalid_token",
        )

    async def _bearer(
        self, request: SigninRequest, party: Party, arguments: Arguments, found: Found
    ) -> Presented:
        provider = await self._issuers.load(party)
        try:
            verified = await self._tokens.verify_bearer(party, provider, found.value)
        except (OidcError, JoseError) as error:
            detail = f"unable to verify bearer token ({error.detail})"
            raise Unauthorized(detail, "invalid_token") from error
        told = None
        client = party.client(choose_client(request, party, arguments))
        config = party.config
        if config.introspect_jwt_tokens and "introspection" in party.methods:
            if client is None:
                raise Unauthorized("no client to introspect the token with")
            asked = Asked(request=request, arguments=arguments)
            told = await self._introspect(party, provider, client, found.value, asked)
        extra = find_id_token(request, party, arguments)
        id_claims: Claims = {}
        if extra is not None:
            if client is None:
                raise Unauthorized("no client to verify the id token for")
            try:
                id_verified = await self._tokens.verify_id(
                    party, provider, client, extra.value, access_token=found.value
                )
            except (OidcError, JoseError) as error:
                detail = f"unable to verify id token ({error.detail})"
                raise Unauthorized(detail, "invalid_token") from error
            id_claims = _claims_beside(verified.claims, id_verified.claims)
            found = replace(found, hidden=found.hidden | extra.hidden)
        return self._presented(
            party,
            found,
            "bearer",
            verified=verified,
            introspection=told,
            id_token=None if extra is None else extra.value,
            id_claims=id_claims,
        )

    async def _introspect(
        self, party: Party, provider: Provider, client: Client, token: str, asked: Asked
    ) -> ToldClaims:
        try:
            return await self._sources.introspect(party, provider, client, token, asked)
        except (OidcError, JoseError) as error:
            level = "error" if isinstance(error, MalformedReply) else "info"
            self._tools.log(level, f"invalid introspection results: {error.detail}")
            raise Unauthorized(error.detail, "invalid_token") from error
        except FetchFailed as error:
            self._tools.log("error", f"the introspection failed: {error.reason}")
            raise Unauthorized(error.reason, "invalid_token") from error

    def _presented(
        self,
        party: Party,
        found: Found,
        method: str,
        *,
        client: int = 0,
        verified: VerifiedToken | None = None,
        introspection: ToldClaims | None = None,
        user_info: ToldClaims | None = None,
        id_token: str | None = None,
        id_claims: Mapping[str, object] | None = None,
    ) -> Presented:
        now = self._tools.clock.now()
        told = introspection or user_info
        ends = verified.expires_at if verified is not None else None
        if told is not None and told.expires_at is not None:
            ends = told.expires_at if ends is None else min(ends, told.expires_at)
        config = party.config
        kept = (introspection is None or config.cache_introspection) and (
            user_info is None or config.cache_user_info
        )
        # What a token says itself counts only where its signature was verified.
        claims = {} if verified is None else verified.claims
        fresh_s: float = TOKEN_TTL_S
        if told is not None:
            fresh_s = max(0.0, min(fresh_s, told.kept_until - now))
        return Presented(
            method=method,
            identity=Identity(
                access_token=found.value,
                access_claims=claims,
                id_token=id_token,
                id_claims=id_claims or {},
                introspection=introspection,
                user_info=user_info,
            ),
            hidden=found.hidden,
            client=client,
            ends=ends,
            text=found.value if kept and id_token is None else None,
            fresh_until=now + fresh_s,
            key_thumbprint=None if verified is None else verified.key_thumbprint,
        )

    # Grants

    async def _grant_ours(
        self,
        request: SigninRequest,
        party: Party,
        arguments: Arguments,
        method: str,
        pairs: list[tuple[str, str]],
        hidden: Hidden,
    ) -> Presented:
        """Tokens for what a request presents, asked for by the configured client."""
        index = choose_client(request, party, arguments)
        client = party.client(index)
        if client is None:
            raise Unauthorized(f"no client_id is configured for method {method}")
        asked = Asked(request=request, arguments=arguments)
        granted = await self._grant(party, client, method, pairs, asked)
        return _granted(method, granted, hidden, index)

    async def _grant_machine(
        self, request: SigninRequest, party: Party, arguments: Arguments, machine: Pair
    ) -> Presented:
        """Tokens for the caller's own client."""
        first = party.client(0)
        client = Client(
            client_id=machine.name,
            client_secret=machine.secret,
            auth_method=None if first is None else first.auth_method,
            is_callers=True,
            alg=None if first is None else first.alg,
            key=None,
            redirect_uri=None,
            login_redirect_uri=None,
            logout_redirect_uri=None,
            unauthorized_redirect_uri=None,
            forbidden_redirect_uri=None,
            unexpected_redirect_uri=None,
        )
        pairs = client_credentials_request(scope=_scope(party))
        asked = Asked(request=request, arguments=arguments)
        granted = await self._grant(party, client, "client_credentials", pairs, asked)
        return _granted("client_credentials", granted, machine.hidden, 0)

    async def _grant(
        self,
        party: Party,
        client: Client,
        method: str,
        pairs: list[tuple[str, str]],
        asked: Asked,
    ) -> Granted:
        config = party.config
        audience = " ".join(config.audience or ())
        fixed = config.token_post_args_names or ()
        if audience and method != "refresh_token" and "audience" not in fixed:
            pairs.append(("audience", audience))
        provider = await self._issuers.load(party)
        if not config.cache_tokens:
            return await self._ask(party, provider, client, pairs, asked)
        key = self._key(party, client, pairs, asked)

        async def ask() -> tuple[Mapping[str, Any], float]:
            granted = await self._ask(party, provider, client, pairs, asked)
            tokens, now = granted.tokens, self._tools.clock.now()
            return _dump(granted), clamp_ttl(party, tokens.expires_at, now)

        return _load(await self._kept.get_or_make(party, key, ask))

    def _key(
        self,
        party: Party,
        client: Client,
        pairs: Sequence[tuple[str, str]],
        asked: Asked,
    ) -> str:
        """What tokens are kept under: everything that could change them."""
        config = party.config
        salt = config.cache_tokens_salt
        base = party.fingerprint if salt is None else f"{party.issuer}\0{salt}".encode()
        extra, fields = self._endpoints.additions(party, "token", asked)
        parts = [
            party.provider_key,
            repr((config.token_endpoint, config.token_endpoint_auth_method)),
            repr((config.client_id, config.issuers_allowed)),
            repr((config.token_headers_replay, config.token_headers_prefix)),
            repr(config.token_headers_grants),
            config.session_secret or "",  # it seals them: nobody else could open them
            client.client_id,
            client.client_secret or "",
            repr(pairs),
        ]
        return self._kept.key(base, "tokens", [*parts, repr(extra), repr(fields)])

    async def _ask(
        self,
        party: Party,
        provider: Provider,
        client: Client,
        pairs: list[tuple[str, str]],
        asked: Asked,
    ) -> Granted:
        try:
            return await self._tokens.grant(party, provider, client, [*pairs], asked)
        except MalformedReply as error:
            raise ProviderUnavailable(error.detail) from error
        except ProviderError as error:
            raise Unauthorized(error.detail) from error
        except (OidcError, JoseError) as error:
            raise Unauthorized(error.detail, "invalid_token") from error
        except FetchFailed as error:
            raise ProviderUnavailable(error.reason) from error


def _claims_beside(access: Claims, beside: Claims) -> Claims:
    """
    The claims of an ID token that came along with an access token.

    Whom it was issued to says nothing of the access token, so `aud` does not count.

    Raises:
        Unauthorized: Nothing binds it to the access token: anybody's could be sent along.
    """
    # A matching at_hash binds them (providers may name one person differently in the two).
    if "at_hash" not in beside and beside.get("sub") != access.get("sub"):
        detail = "the id token is not of this access token: no at_hash, and another sub"
        raise Unauthorized(detail, "invalid_token")
    return {name: value for name, value in beside.items() if name != "aud"}


def _scope(party: Party) -> str | None:
    return " ".join(party.config.scopes or ()) or None


def _granted(method: str, granted: Granted, hidden: Hidden, client: int) -> Presented:
    tokens = granted.tokens
    return Presented(
        method=method,
        identity=Identity(
            access_token=tokens.access_token,
            access_claims=read_claims(tokens.access_token),
            id_token=tokens.id_token,
            id_claims=granted.id_claims,
            refresh_token=tokens.refresh_token,
        ),
        hidden=hidden,
        client=client,
        ends=tokens.expires_at,
        tokens=tokens,
        fields=granted.replay,
    )


def _dump(granted: Granted) -> dict[str, Any]:
    tokens = granted.tokens
    return {
        "access_token": tokens.access_token,
        "id_token": tokens.id_token,
        "refresh_token": tokens.refresh_token,
        "expires_at": tokens.expires_at,
        "id_claims": dict(granted.id_claims),
        "replay": [[n.decode("ascii"), v.decode("ascii")] for n, v in granted.replay],
    }


def _load(kept: Mapping[str, Any]) -> Granted:
    return Granted(
        tokens=TokenSet(
            access_token=kept["access_token"],
            expires_at=kept["expires_at"],
            id_token=kept["id_token"],
            refresh_token=kept["refresh_token"],
        ),
        id_claims=kept["id_claims"],
        replay=tuple((n.encode("ascii"), v.encode("ascii")) for n, v in kept["replay"]),
    )
