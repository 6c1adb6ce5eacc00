"""
From who somebody is to what they may do: user info, required claims, consumer, header fields.

Runs for every method and for every request of a session.

Spec: oidc-plugin §3.1 (steps 12-21), §7 (authorization and mapping), §8 (headers).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from ostiary.http.head import Field, Fields
from ostiary.jose.errors import JoseError
from ostiary.oidc.claims import read_text
from ostiary.oidc.errors import OidcError
from ostiary.ports.consumers import Consumer, Consumers
from ostiary.ports.fetch import FetchFailed
from ostiary.signin.arguments import Arguments, read_query
from ostiary.signin.claims import (
    Forbidden,
    Identity,
    build_fields,
    check_required,
    encode_header,
    read_words,
)
from ostiary.signin.endpoints import Asked
from ostiary.signin.issuer import Issuers, ProviderUnavailable
from ostiary.signin.party import Party
from ostiary.signin.sources import Sources
from ostiary.signin.values import Allowed, SigninRequest, Toolbox

_PLAIN_GROUP = re.compile(r"[\x20-\x24\x26-\x2b\x2d-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """What a consumer or a virtual credential adds."""

    consumer: Consumer | None = None
    credential: str | None = None
    groups: tuple[str, ...] | None = None
    fields: Fields = field(default=(), repr=False)


class Admission:
    """Decides about identities, for every party of a worker."""

    def __init__(self, tools: Toolbox, issuers: Issuers, sources: Sources) -> None:
        self._tools = tools
        self._issuers = issuers
        self._sources = sources

    async def admit(
        self,
        request: SigninRequest,
        party: Party,
        identity: Identity,
        *,
        method: str,
        ends: float | None,
        is_ambient: bool,
        vary: bytes,
    ) -> Allowed:
        """
        Let an identity in, with everything the upstream and the client learn of it.

        Args:
            ends: When the access token ends, if that is known.
            is_ambient: Whether a browser sends the credential by itself.
            vary: The request's fields that the answer depends on (T-X7).

        Raises:
            Forbidden: A requirement is not met, or no consumer fits.
            SharedUnavailable: The node's shared state is away.
        """
        identity = await self._complete(request, party, identity, ends)
        check_required(party, identity)
        mapped = map_identity(party, identity, request.consumers)
        provider = self._issuers.peek(party)
        keys = provider.keys if provider is not None and party.shows_keys else None
        upstream = build_fields(
            party.upstream_tokens, party.upstream_claims, identity, keys
        )
        downstream = build_fields(
            party.downstream_tokens, party.downstream_claims, identity, keys
        )
        return Allowed(
            method=method,
            subject=identity.subject,
            session=None,
            is_ambient=is_ambient,
            consumer=mapped.consumer,
            credential=mapped.credential,
            groups=mapped.groups,
            upstream_fields=(*upstream, *mapped.fields),
            downstream_fields=(*downstream, (b"Vary", vary)),
        )

    def _without_user_info(
        self, party: Party, identity: Identity, why: str
    ) -> Identity:
        """
        Go on with what the tokens say.

        Raises:
            Forbidden: A claim is forbidden, and whether it is there cannot be known.
        """
        self._tools.log("error", f"no user info: {why}")
        if _forbids_by_user_info(party):
            raise Forbidden("forbidden claims cannot be looked for: no user info")
        return identity

    async def _complete(
        self,
        request: SigninRequest,
        party: Party,
        identity: Identity,
        ends: float | None,
    ) -> Identity:
        """Ask for user info where a header shows it or a claim is in no token."""
        wanted = party.shows_user_info or any(
            identity.find(path) is None for path in party.user_info_paths
        )
        token = identity.access_token
        if not wanted or identity.user_info is not None or token is None:
            return identity
        try:
            provider = await self._issuers.load(party)
            told = await self._sources.user_info(
                party,
                provider,
                token,
                # Core §5.3.2 asks for the ID token's; some providers give the access token another.
                subject=read_text(identity.id_claims, "sub")
                or identity.subject
                or None,
                ends=ends,
                asked=Asked(
                    request=request, arguments=Arguments(query=read_query(request))
                ),
            )
        except (OidcError, JoseError, ProviderUnavailable) as error:
            return self._without_user_info(party, identity, error.detail)
        except FetchFailed as error:
            return self._without_user_info(party, identity, error.reason)
        return replace(identity, user_info=told)


def _forbids_by_user_info(party: Party) -> bool:
    return bool(party.config.claims_forbidden) and party.config.search_user_info


def map_identity(party: Party, identity: Identity, consumers: Consumers) -> Mapped:
    """
    The consumer of an identity, or the virtual credential in its place.

    Spec: oidc-plugin §7.3, §7.5, §7.6, §8.4.

    Raises:
        Forbidden: A consumer is asked for and none fits.
    """
    config = party.config
    consumer = None
    if config.consumer_claims:
        consumer = _find_consumer(party, identity, consumers)
    groups = None
    if config.authenticated_groups_claim:
        groups = read_words(identity.find(config.authenticated_groups_claim))
    fields = list(consumer_fields(consumer)) if consumer is not None else []
    credential = None if consumer is None else consumer.id
    if consumer is None and config.credential_claim:
        found = identity.find(config.credential_claim)
        value = encode_header(found) if isinstance(found, str | int) else None
        if value:
            credential = value.decode("ascii")
            fields.append((b"x-credential-identifier", value))
    if groups:
        listed = ", ".join(_escape(group) for group in groups)
        fields.append((b"x-authenticated-groups", listed.encode("ascii")))
    return Mapped(
        consumer=consumer, credential=credential, groups=groups, fields=tuple(fields)
    )


def _escape(group: str) -> str:
    """A group as one element of a list: what would end it, or is not ASCII, is %-escaped (T-H6)."""
    return group if _PLAIN_GROUP.fullmatch(group) else quote(group, safe=" ")


def consumer_fields(consumer: Consumer) -> tuple[Field, ...]:
    """The fields that tell the upstream about a consumer."""
    named = (
        (b"x-consumer-id", consumer.id),
        (b"x-consumer-username", consumer.username),
        (b"x-consumer-custom-id", consumer.custom_id),
    )
    encoded = ((name, encode_header(value)) for name, value in named)
    return tuple((name, value) for name, value in encoded if value is not None)


def _find_consumer(
    party: Party, identity: Identity, consumers: Consumers
) -> Consumer | None:
    config = party.config
    paths = config.consumer_claims or ()
    values = ((path, identity.find_for_consumer(path)) for path in paths)
    path, value = next(((p, v) for p, v in values if v is not None), (paths[0], None))
    found = None
    if isinstance(value, str | int) and not isinstance(value, bool):
        found = consumers.find(
            str(value),
            by=config.consumer_by or (),
            ignore_case=config.by_username_ignore_case,
        )
    if found is None and not config.consumer_optional:
        what = "was not found for consumer mapping" if value is None else "fits none"
        raise Forbidden(f"consumer was not found (claim ({'.'.join(path)}) {what})")
    return found
