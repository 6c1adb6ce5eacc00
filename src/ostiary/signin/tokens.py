"""
Talking to the token endpoint for a party: the code exchange, the refresh, the revocation.

Spec: RFC 6749 §4.1.3 and §6, OpenID Connect Core 1.0 §3.1.3 and §12, RFC 7009.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ostiary.http.exchange import IncomingReply
from ostiary.http.head import Fields
from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import is_compact_jws, read_unverified_claims
from ostiary.jose.keys import KeySet
from ostiary.oidc.claims import Claims, read_time
from ostiary.oidc.errors import MetadataRefused, TokenRefused
from ostiary.oidc.rp.checks import check_claims, check_key
from ostiary.oidc.rp.tokens import (
    TokenSet,
    code_request,
    read_token_response,
    refresh_request,
    revocation_request,
)
from ostiary.oidc.rp.verify import (
    Rules,
    VerifiedToken,
    verify_access_token,
    verify_id_token,
)
from ostiary.ports.fetch import FetchFailed
from ostiary.signin.endpoints import Asked, Endpoints
from ostiary.signin.flow import Flow, FlowSecrets
from ostiary.signin.issuer import Issuers, Provider
from ostiary.signin.party import Client, Party
from ostiary.signin.trace import add_checks, is_traced
from ostiary.signin.values import Toolbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """
    Tokens that were asked for and passed their checks.

    `replay` are fields of the token endpoint's reply that the client gets to see.
    """

    tokens: TokenSet = field(repr=False)
    id_claims: Claims = field(repr=False)
    replay: Fields = field(default=(), repr=False)


def build_rules(
    party: Party, provider: Provider, *, verify_max_age: bool = False
) -> Rules:
    """What this party believes about tokens of this provider."""
    config = party.config
    return Rules(
        issuers=config.issuers_allowed or (provider.metadata.issuer,),
        client_ids=tuple(c.client_id for c in party.clients),
        leeway_s=config.leeway,
        max_age_s=config.max_age if verify_max_age else None,
        audiences_required=config.audience_required or (),
        any_audience=bool(config.ostiary and config.ostiary.accept_any_audience),
    )


def read_claims(token: str | None) -> Claims:
    """The claims of a token we hold already; empty for an opaque one."""
    if token is None or not is_compact_jws(token):
        return {}
    try:
        return read_unverified_claims(token)
    except JoseError:
        return {}


def _check_same_person(fresh: Claims, old: Claims) -> None:
    """
    A refreshed ID token must be about the same sign-in as the one before (Core §12.2).

    Raises:
        TokenRefused: A claim differs that must not.
    """
    kept = ("iss", "sub", "aud", "azp")
    # What may be left out, but says the same where it is there.
    optional = tuple(name for name in ("auth_time", "nonce") if name in fresh)
    for name in (*kept, *optional):
        if fresh.get(name) != old.get(name):
            raise TokenRefused(
                f"invalid_{name}", f"the refreshed id token has another {name} claim"
            )


def _replayed(party: Party, grant: str, reply: IncomingReply) -> Fields:
    """The fields of a reply that `token_headers_replay` names, safe to be sent on."""
    config = party.config
    grants = config.token_headers_grants
    if grants is not None and grant not in grants:
        return ()
    found = []
    for name in config.token_headers_replay or ():
        value = reply.fields.get(name.lower())
        if value is not None and value.isascii() and value.isprintable():
            sent = f"{config.token_headers_prefix or ''}{name}"
            found.append((sent.encode("ascii"), value.encode("ascii")))
    return tuple(found)


class TokenClient:
    """The token endpoint's user, for every party of a worker."""

    def __init__(self, tools: Toolbox, issuers: Issuers, endpoints: Endpoints) -> None:
        self._tools = tools
        self._issuers = issuers
        self._endpoints = endpoints

    async def exchange(
        self,
        party: Party,
        provider: Provider,
        flow: Flow,
        *,
        code: str,
        secrets: FlowSecrets,
        asked: Asked | None = None,
    ) -> Granted:
        """
        Tokens for a code, the ID token verified against this flow.

        Raises:
            ProviderError, MalformedReply, TokenRefused, JoseError, FetchFailed, MetadataRefused.
        """
        client = party.client(flow.client)
        assert client is not None
        verifier: str | None = secrets.verifier
        if party.config.require_proof_key_for_code_exchange is False:
            verifier = None
        pairs = code_request(
            code=code, redirect_uri=flow.redirect_uri, verifier=verifier
        )
        tokens, replay = await self._ask(party, provider, client, pairs, asked)
        if tokens.id_token is None:
            if "openid" in (party.config.scopes or ()):
                raise TokenRefused(
                    "missing_id_token", "the token reply has no id_token"
                )
            return Granted(tokens=tokens, id_claims={}, replay=replay)
        nonce = secrets.nonce if party.config.verify_nonce else None
        verified = await self._verify_id(
            party, provider, client, tokens, nonce=nonce, first=True
        )
        return Granted(
            tokens=self._with_expiry(tokens, verified),
            id_claims=verified.claims,
            replay=replay,
        )

    async def grant(
        self,
        party: Party,
        provider: Provider,
        client: Client,
        pairs: list[tuple[str, str]],
        asked: Asked,
    ) -> Granted:
        """
        Tokens for credentials that the request brought along.

        An ID token is verified in full but for the nonce, which nobody sent.

        Raises:
            ProviderError, MalformedReply, TokenRefused, JoseError, FetchFailed, MetadataRefused.
        """
        tokens, replay = await self._ask(party, provider, client, pairs, asked)
        verified = None
        if tokens.id_token is not None:
            verified = await self._verify_id(
                party, provider, client, tokens, nonce=None, first=False
            )
        return Granted(
            tokens=self._with_expiry(tokens, verified),
            id_claims={} if verified is None else verified.claims,
            replay=replay,
        )

    async def refresh(
        self, party: Party, provider: Provider, client: Client, old: TokenSet
    ) -> Granted:
        """
        New tokens for old ones.

        What the reply leaves out stays; a new ID token is verified in full and must be about
        the same person (Core §12.2).

        Raises:
            ProviderError, MalformedReply, TokenRefused, JoseError, FetchFailed, MetadataRefused.
        """
        assert old.refresh_token is not None
        pairs = refresh_request(refresh_token=old.refresh_token)
        fresh, _ = await self._ask(party, provider, client, pairs, None)
        merged = replace(
            fresh,
            id_token=fresh.id_token or old.id_token,
            refresh_token=fresh.refresh_token or old.refresh_token,
        )
        claims = read_claims(old.id_token)
        if fresh.id_token is not None:
            verified = await self._verify_id(
                party, provider, client, fresh, nonce=None, first=False
            )
            if old.id_token is not None:
                _check_same_person(verified.claims, claims)
            return Granted(
                tokens=self._with_expiry(merged, verified), id_claims=verified.claims
            )
        return Granted(tokens=self._with_expiry(merged, None), id_claims=claims)

    async def _ask(
        self,
        party: Party,
        provider: Provider,
        client: Client,
        pairs: list[tuple[str, str]],
        asked: Asked | None,
    ) -> tuple[TokenSet, Fields]:
        reply = await self._endpoints.post(
            party, provider, client, "token", pairs, asked=asked
        )
        tokens = read_token_response(reply, self._tools.clock.now())
        return tokens, _replayed(party, dict(pairs)["grant_type"], reply)

    async def revoke(
        self, party: Party, provider: Provider, client: Client, *, token: str, hint: str
    ) -> None:
        """Revoke one token; failures are logged, logging out goes on."""
        pairs = revocation_request(
            token=token, hint=hint, name=party.config.revocation_token_param_name
        )
        try:
            reply = await self._endpoints.post(
                party, provider, client, "revocation", pairs
            )
        except MetadataRefused as error:
            self._tools.log("warn", error.detail)
            return
        except FetchFailed as error:
            self._tools.log("error", f"revoking the {hint} failed: {error.reason}")
            return
        if reply.status != 200:
            self._tools.log(
                "error", f"revoking the {hint} failed: status {reply.status}"
            )

    async def verify_bearer(
        self, party: Party, provider: Provider, token: str
    ) -> VerifiedToken:
        """
        A bearer token, with the keys fetched again once when its key is unknown.

        Raises:
            TokenRefused, JoseError.
        """
        rules = build_rules(party, provider)
        keys = provider.keys

        def read(current: KeySet) -> VerifiedToken:
            nonlocal keys
            keys = current
            return verify_access_token(
                token, current, rules, now=self._tools.clock.now()
            )

        try:
            return await self._issuers.judge(party, provider, read)
        finally:
            self._tell(token, keys, rules, audience=rules.client_ids)

    async def verify_id(
        self,
        party: Party,
        provider: Provider,
        client: Client,
        id_token: str,
        *,
        access_token: str,
    ) -> VerifiedToken:
        """
        An ID token that came along with an access token.

        Raises:
            TokenRefused, JoseError.
        """
        tokens = TokenSet(access_token=access_token, expires_at=None, id_token=id_token)
        return await self._verify_id(
            party, provider, client, tokens, nonce=None, first=False
        )

    async def _verify_id(
        self,
        party: Party,
        provider: Provider,
        client: Client,
        tokens: TokenSet,
        *,
        nonce: str | None,
        first: bool,
    ) -> VerifiedToken:
        assert tokens.id_token is not None
        rules = build_rules(party, provider, verify_max_age=first)
        id_token, keys = tokens.id_token, provider.keys

        def read(current: KeySet) -> VerifiedToken:
            nonlocal keys
            keys = current
            return verify_id_token(
                id_token, current, rules, client_id=client.client_id, nonce=nonce,
                access_token=tokens.access_token, now=self._tools.clock.now(),
            )  # fmt: skip

        try:
            return await self._issuers.judge(party, provider, read)
        finally:
            self._tell(id_token, keys, rules, audience=(client.client_id,))

    def _tell(
        self, token: str, keys: KeySet, rules: Rules, *, audience: tuple[str, ...]
    ) -> None:
        """Tell the story of the request which rules the token was held against."""
        if is_traced():
            now = self._tools.clock.now()
            add_checks(check_key(token, keys, rules))
            add_checks(
                check_claims(read_claims(token), rules, audience=audience, now=now)
            )

    @staticmethod
    def _with_expiry(tokens: TokenSet, verified: VerifiedToken | None) -> TokenSet:
        """The earliest end that anybody told: `expires_in`, the access token's own `exp`."""
        try:
            own = read_time(read_claims(tokens.access_token), "exp")
        except TokenRefused:
            own = None
        ends = [end for end in (tokens.expires_at, own) if end is not None]
        if not ends and verified is not None and verified.expires_at is not None:
            ends = [verified.expires_at]
        return replace(tokens, expires_at=min(ends, default=None))
