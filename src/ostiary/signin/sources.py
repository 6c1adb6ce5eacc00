"""
What the provider tells about a token when it is asked: introspection and user info, kept.

Spec: RFC 7662, OpenID Connect Core 1.0 §5.3; oidc-plugin §4.5, §4.6, §13; security test T-J10.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostiary.oidc.errors import MetadataRefused, TokenRefused
from ostiary.oidc.rp.claims_sources import (
    ToldClaims,
    introspection_request,
    read_introspection,
    read_userinfo,
    userinfo_request,
)
from ostiary.signin.endpoints import (
    Asked,
    Endpoints,
    from_client,
    headers_from_client,
    pair_up,
)
from ostiary.signin.issuer import Issuers, Provider, fetch_limits
from ostiary.signin.kept import Kept, clamp_ttl
from ostiary.signin.party import Client, Party
from ostiary.signin.tokens import build_rules
from ostiary.signin.values import Toolbox

_LASTING = frozenset({"token_inactive", "invalid_sub"})


def _load(kept: Mapping[str, Any]) -> ToldClaims:
    """
    What was told.

    Raises:
        TokenRefused: It was that the token is not good.
    """
    if "refused" in kept:
        raise TokenRefused(*kept["refused"])
    return ToldClaims(
        claims=kept["claims"],
        expires_at=kept["ends"],
        jwt=kept["jwt"],
        kept_until=kept["until"],
    )


def _refusal(
    party: Party, error: TokenRefused, *, enabled: bool
) -> tuple[dict[str, Any], float]:
    """
    That a token is not good, kept for `cache_ttl_neg` where it will not become good by itself.

    A clock that is ahead, a key or a setting that is being changed: those pass.
    """
    ttl = party.config.cache_ttl_neg or 0.0
    lasts = enabled and error.code in _LASTING
    return {"refused": [error.code, error.detail]}, ttl if lasts else 0.0


class Sources:
    """Asks the provider about tokens, once per token and node."""

    def __init__(
        self, tools: Toolbox, issuers: Issuers, endpoints: Endpoints, kept: Kept
    ) -> None:
        self._tools = tools
        self._issuers = issuers
        self._endpoints = endpoints
        self._kept = kept

    async def introspect(
        self, party: Party, provider: Provider, client: Client, token: str, asked: Asked
    ) -> ToldClaims:
        """
        What the provider says of a token that may be used now.

        Raises:
            OidcError, JoseError: It may not, or the reply cannot be believed.
            FetchFailed: There was no reply.
            ProviderUnavailable: Another worker has been asking for too long.
            SharedUnavailable: The node's shared state is away.
        """
        config = party.config
        extra, fields = self._endpoints.additions(party, "introspection", asked)
        parts = (client.client_id, token, repr(extra), repr(fields))
        key = self._kept.key(party.fingerprint, "introspection", parts)

        async def ask() -> tuple[Mapping[str, Any], float]:
            pairs = introspection_request(
                token=token,
                hint=config.introspection_hint,
                name=config.introspection_token_param_name,
            )
            reply = await self._endpoints.post(
                party,
                provider,
                client,
                "introspection",
                pairs,
                asked=asked,
                accept=config.introspection_accept,
            )
            try:
                told = await self._issuers.judge(
                    party,
                    provider,
                    lambda keys: read_introspection(
                        reply,
                        keys,
                        build_rules(party, provider),
                        now=self._tools.clock.now(),
                        check_active=config.introspection_check_active,
                    ),
                )
            except TokenRefused as error:
                return _refusal(party, error, enabled=config.cache_introspection)
            return self._to_keep(
                party, told, told.expires_at, enabled=config.cache_introspection
            )

        told = _load(await self._kept.get_or_make(party, key, ask))
        self._check_end(party, told)
        return told

    async def user_info(
        self,
        party: Party,
        provider: Provider,
        access_token: str,
        *,
        subject: str | None,
        ends: float | None,
        asked: Asked,
    ) -> ToldClaims:
        """
        What the user-info endpoint says of the person of an access token.

        Args:
            subject: The `sub` it must be about; None when nobody told one.
            ends: When the access token ends, if that is known.

        Raises:
            OidcError, JoseError: The token is refused, or the reply cannot be believed.
            FetchFailed: There was no reply.
            ProviderUnavailable: Another worker has been asking for too long.
            SharedUnavailable: The node's shared state is away.
        """
        config = party.config
        url = config.userinfo_endpoint or provider.metadata.userinfo_endpoint
        if url is None:
            raise MetadataRefused("the provider's metadata has no userinfo_endpoint")
        extra = (
            *pair_up(
                config.userinfo_query_args_names, config.userinfo_query_args_values
            ),
            *from_client(asked, config.userinfo_query_args_client),
        )
        fields = (
            *headers_from_client(asked, config.userinfo_headers_client),
            *pair_up(config.userinfo_headers_names, config.userinfo_headers_values),
        )
        parts = (access_token, subject or "", repr(extra), repr(fields))
        key = self._kept.key(party.fingerprint, "userinfo", parts)

        async def ask() -> tuple[Mapping[str, Any], float]:
            request = userinfo_request(
                url,
                access_token=access_token,
                accept=config.userinfo_accept,
                extra=extra,
                fields=fields,
            )
            limits = fetch_limits(party, configured=config.userinfo_endpoint)
            reply = await self._tools.fetch.send(request, limits)
            rules = build_rules(party, provider)
            try:
                told = await self._issuers.judge(
                    party,
                    provider,
                    lambda keys: read_userinfo(
                        reply,
                        keys,
                        rules,
                        subject=subject,
                        now=self._tools.clock.now(),
                    ),
                )
            except TokenRefused as error:
                return _refusal(party, error, enabled=config.cache_user_info)
            known = [end for end in (ends, told.expires_at) if end is not None]
            return self._to_keep(
                party, told, min(known, default=None), enabled=config.cache_user_info
            )

        return _load(await self._kept.get_or_make(party, key, ask))

    def _to_keep(
        self, party: Party, told: ToldClaims, ends: float | None, *, enabled: bool
    ) -> tuple[dict[str, Any], float]:
        now = self._tools.clock.now()
        ttl = clamp_ttl(party, ends, now) if enabled else 0.0
        kept = {
            "claims": dict(told.claims),
            "ends": told.expires_at,
            "jwt": told.jwt,
            "until": now + ttl,
        }
        return kept, ttl

    def _check_end(self, party: Party, told: ToldClaims) -> None:
        ends = told.expires_at
        if ends is not None and self._tools.clock.now() >= ends + party.config.leeway:
            raise TokenRefused(
                "invalid_exp",
                "invalid exp claim was specified for introspection result",
            )
