"""
Talking to the token endpoint for a party: the code exchange, the refresh, the revocation.

Spec: RFC 6749 §4.1.3 and §6, OpenID Connect Core 1.0 §3.1.3 and §12, RFC 7009.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ostiary.http.forms import Pairs
from ostiary.jose.errors import JoseError, KeyNotFound
from ostiary.jose.jwt import is_compact_jws, read_unverified_claims
from ostiary.oidc.claims import Claims, read_time
from ostiary.oidc.errors import MetadataRefused, TokenRefused
from ostiary.oidc.rp.tokens import (
    ClientCredentials,
    TokenSet,
    choose_auth_method,
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
from ostiary.signin.flow import Flow, FlowSecrets
from ostiary.signin.issuer import Issuers, Provider, fetch_limits
from ostiary.signin.party import Client, Party
from ostiary.signin.values import Toolbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """Tokens that were asked for and passed their checks."""

    tokens: TokenSet = field(repr=False)
    id_claims: Claims = field(repr=False)


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


def _credentials(client: Client, provider: Provider) -> ClientCredentials:
    return ClientCredentials(
        client_id=client.client_id,
        client_secret=client.client_secret,
        method=choose_auth_method(
            client.client_secret,
            client.auth_method,
            provider.metadata.token_endpoint_auth_methods,
        ),
    )


def _extra(party: Party) -> Pairs:
    names = party.config.token_post_args_names or ()
    values = party.config.token_post_args_values or ()
    return tuple(zip(names, values, strict=False))


def _endpoint(configured: str | None, discovered: str | None, name: str) -> str:
    if found := configured or discovered:
        return found
    raise MetadataRefused(f"the provider's metadata has no {name}")


class TokenClient:
    """The token endpoint's user, for every party of a worker."""

    def __init__(self, tools: Toolbox, issuers: Issuers) -> None:
        self._tools = tools
        self._issuers = issuers

    async def exchange(
        self,
        party: Party,
        provider: Provider,
        flow: Flow,
        *,
        code: str,
        secrets: FlowSecrets,
    ) -> Granted:
        """
        Tokens for a code, the ID token verified against this flow.

        Raises:
            ProviderError, MalformedReply, TokenRefused, JoseError, FetchFailed, MetadataRefused.
        """
        client = party.client(flow.client)
        assert client is not None
        request = code_request(
            _endpoint(
                party.config.token_endpoint,
                provider.metadata.token_endpoint,
                "token_endpoint",
            ),
            _credentials(client, provider),
            code=code,
            redirect_uri=flow.redirect_uri,
            verifier=secrets.verifier
            if party.config.require_proof_key_for_code_exchange is not False
            else None,
            extra=_extra(party),
        )
        reply = await self._tools.fetch.send(
            request, fetch_limits(party, configured=party.config.token_endpoint)
        )
        tokens = read_token_response(reply, self._tools.clock.now())
        if tokens.id_token is None:
            if "openid" in (party.config.scopes or ()):
                raise TokenRefused(
                    "missing_id_token", "the token reply has no id_token"
                )
            return Granted(tokens=tokens, id_claims={})
        nonce = secrets.nonce if party.config.verify_nonce else None
        verified = await self._verify_id(
            party, provider, client, tokens, nonce=nonce, first=True
        )
        return Granted(
            tokens=self._with_expiry(tokens, verified), id_claims=verified.claims
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
        request = refresh_request(
            _endpoint(
                party.config.token_endpoint,
                provider.metadata.token_endpoint,
                "token_endpoint",
            ),
            _credentials(client, provider),
            refresh_token=old.refresh_token,
            extra=_extra(party),
        )
        reply = await self._tools.fetch.send(
            request, fetch_limits(party, configured=party.config.token_endpoint)
        )
        fresh = read_token_response(reply, self._tools.clock.now())
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
            for name in ("iss", "sub", "aud"):
                if old.id_token is not None and verified.claims.get(name) != claims.get(
                    name
                ):
                    raise TokenRefused(
                        f"invalid_{name}",
                        f"the refreshed id token has another {name} claim",
                    )
            return Granted(
                tokens=self._with_expiry(merged, verified), id_claims=verified.claims
            )
        return Granted(tokens=self._with_expiry(merged, None), id_claims=claims)

    async def revoke(
        self, party: Party, provider: Provider, client: Client, *, token: str, hint: str
    ) -> None:
        """Revoke one token; failures are logged, logging out goes on."""
        endpoint = (
            party.config.revocation_endpoint or provider.metadata.revocation_endpoint
        )
        if endpoint is None:
            self._tools.log("warn", "the provider has no revocation_endpoint")
            return
        request = revocation_request(
            endpoint,
            _credentials(client, provider),
            token=token,
            hint=hint,
            name=party.config.revocation_token_param_name,
        )
        try:
            reply = await self._tools.fetch.send(
                request,
                fetch_limits(party, configured=party.config.revocation_endpoint),
            )
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
        now = self._tools.clock.now()
        try:
            return verify_access_token(token, provider.keys, rules, now=now)
        except KeyNotFound:
            fresh = await self._issuers.reload(party)
            return verify_access_token(
                token, fresh.keys, rules, now=self._tools.clock.now()
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
        keys = provider.keys
        try:
            return verify_id_token(
                tokens.id_token, keys, rules, client_id=client.client_id, nonce=nonce,
                access_token=tokens.access_token, now=self._tools.clock.now(),
            )  # fmt: skip
        except KeyNotFound:
            keys = (await self._issuers.reload(party)).keys
        return verify_id_token(
            tokens.id_token, keys, rules, client_id=client.client_id, nonce=nonce,
            access_token=tokens.access_token, now=self._tools.clock.now(),
        )  # fmt: skip

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
