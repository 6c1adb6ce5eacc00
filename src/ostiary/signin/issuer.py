"""
Providers as we know them now: metadata and keys, fetched once per node, refreshed with care.

One worker fetches, the others wait for what it found; what fails is not asked again for five
seconds; what is old is used while the provider is away.

Spec: OpenID Connect Discovery 1.0 §4; oidc-plugin §12.4; decision D19.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from ostiary.http.exchange import IncomingReply
from ostiary.jose.encoding import decode_base64url, encode_base64url
from ostiary.jose.errors import BadSignature, JoseError, KeyNotFound
from ostiary.jose.keys import KeySet
from ostiary.oidc.errors import MetadataRefused
from ostiary.oidc.rp.metadata import (
    ProviderMetadata,
    discovery_request,
    jwks_request,
    read_jwks,
    read_metadata,
)
from ostiary.ports.fetch import FetchFailed, FetchLimits
from ostiary.signin.once import POLL_S, WAIT_S, Once, StillWaiting
from ostiary.signin.party import Party
from ostiary.signin.values import Toolbox

T = TypeVar("T")
FAILED_WINDOW_S = 5
FORGOTTEN_CHANNEL = "issuer-forgotten"


class ProviderUnavailable(Exception):
    """Nothing usable is known of the provider; `detail` says why, for the log and the doctor."""

    code = "provider_unreachable"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What one fetch found."""

    metadata: ProviderMetadata
    keys: KeySet = field(repr=False)
    fetched_at: float


def fetch_limits(party: Party, *, configured: str | None = None) -> FetchLimits:
    """How this party talks to its provider; `configured` is a URL the operator wrote himself."""
    return FetchLimits(
        timeout_s=party.config.timeout / 1000,
        verify_tls=party.config.ssl_verify,
        beside=None if configured else urlsplit(party.issuer).hostname,
    )


def _dump(
    discovery: IncomingReply | None, sets: Sequence[IncomingReply], at: float
) -> bytes:
    document = None if discovery is None else encode_base64url(discovery.body)
    return json.dumps([at, document, [encode_base64url(s.body) for s in sets]]).encode()


def _load(data: bytes, party: Party) -> Provider:
    at, discovery, sets = json.loads(data)
    document = None if discovery is None else _as_reply(discovery)
    return Provider(
        metadata=_read_metadata(document, party),
        keys=_join([read_jwks(_as_reply(text)) for text in sets]),
        fetched_at=at,
    )


def _as_reply(text: str) -> IncomingReply:
    return IncomingReply(status=200, fields={}, body=decode_base64url(text))


def _read_metadata(document: IncomingReply | None, party: Party) -> ProviderMetadata:
    """What the document says; without one (a pseudo issuer) only what is configured counts."""
    if document is not None:
        return read_metadata(document, party.config.issuer)
    return ProviderMetadata(
        issuer=party.config.issuer,
        jwks_uri=None,
        authorization_endpoint=None,
        token_endpoint=None,
    )


def _join(sets: Sequence[KeySet]) -> KeySet:
    return KeySet(keys=tuple(key for found in sets for key in found.keys))


class Issuers:
    """The providers that one worker knows."""

    def __init__(self, tools: Toolbox, once: Once) -> None:
        self._tools = tools
        self._once = once
        self._known: dict[str, Provider] = {}
        self._failed: dict[str, tuple[float, str]] = {}
        tools.shared.subscribe(FORGOTTEN_CHANNEL, self._hear_forgotten)

    def _hear_forgotten(self, message: bytes) -> None:
        """Somebody wants a provider to be fetched again (oidc-plugin §12.7)."""
        self._known.pop(message.decode(), None)
        self._failed.pop(message.decode(), None)

    def peek(self, party: Party) -> Provider | None:
        """What is known now, without asking anybody."""
        return self._known.get(party.provider_key)

    async def load(self, party: Party) -> Provider:
        """
        The provider: known, or fetched now.

        Raises:
            ProviderUnavailable: Nothing is known and it cannot be fetched.
            SharedUnavailable: The node's shared state is away.
        """
        key = party.provider_key
        known = self._known.get(key)
        now = self._tools.clock.now()
        if known is not None and now < known.fetched_at + party.config.cache_ttl:
            return known
        ttl = party.config.cache_ttl  # what is new enough for one is not for another
        return await self._refresh(
            party, key, newer_than=now - ttl, name=f"within:{ttl}:{key}"
        )

    async def judge(
        self, party: Party, provider: Provider, read: Callable[[KeySet], T]
    ) -> T:
        """
        What `read` makes of the provider's keys, fetched again when they do not fit.

        What another worker has fetched since is tried first; it may not be new enough either.

        Raises:
            JoseError, or whatever `read` raises.
        """
        keys = provider.keys
        for _ in range(2):
            try:
                return read(keys)
            except (KeyNotFound, BadSignature) as error:
                # A rotated key may keep its name, or have none.
                fresh = (await self.reload(party, error)).keys
                if fresh is keys:
                    raise
                keys = fresh
        return read(keys)

    async def reload(self, party: Party, why: JoseError) -> Provider:
        """
        The provider after a key was not found or did not fit: fetched again.

        Unless that was done just now for the same reason.
        The limit is the node's: a flood of made-up key ids costs one fetch (decision D19), and a
        flood of bad signatures does not keep a rotation from being found.
        """
        key = party.provider_key
        known = self._known.get(key)
        since = known.fetched_at if known else 0.0
        if (newer := await self._stored(party, key, newer_than=since)) is not None:
            return newer
        # To its end, though whoever asked may go away: the window has been used up.
        found = await self._once.together(
            f"refetch:{why.code}:{key}",
            lambda: self._refetch(party, key, why, newer_than=since),
        )
        if found is not None:
            return found
        await self._once.together(
            f"wait:{key}", lambda: self._wait_for(f"issuer-lease:{key}")
        )
        newer = await self._stored(party, key, newer_than=since)
        return newer or known or await self._refresh(party, key, newer_than=since)

    async def _refetch(
        self, party: Party, key: str, why: JoseError, *, newer_than: float
    ) -> Provider | None:
        """The provider, fetched again; None where that was done just now for the same reason."""
        shared, mark = self._tools.shared, f"{why.code}:{key}"
        window = party.config.rediscovery_lifetime
        if window and not await shared.add(mark, b"1", ttl_s=window):
            return None
        found: Provider | None = None
        try:
            found = await self._refresh(
                party, key, newer_than=newer_than, name=f"newer:{newer_than}:{key}"
            )
        finally:
            # Nothing new, or broken off: soon again.
            if window and (found is None or found.fetched_at <= newer_than):
                soon = min(window, FAILED_WINDOW_S)
                await shared.set(mark, b"1", ttl_s=soon)
        return found

    async def _wait_for(self, lease: str) -> None:
        shared, clock = self._tools.shared, self._tools.clock
        deadline = clock.now() + WAIT_S
        while await shared.get(lease) and clock.now() < deadline:
            await asyncio.sleep(POLL_S)

    async def _stored(
        self, party: Party, key: str, *, newer_than: float
    ) -> Provider | None:
        """What another worker of the node has fetched since."""
        stored = await self._tools.shared.get(f"issuer:{key}")
        if stored is None or json.loads(stored)[0] <= newer_than:
            return None
        return self._remember(key, _load(stored, party))

    async def _refresh(
        self, party: Party, key: str, *, newer_than: float, name: str | None = None
    ) -> Provider:
        tools = self._tools
        failed = self._failed.get(key)
        if failed is not None and tools.clock.now() < failed[0] + FAILED_WINDOW_S:
            # Another worker may have had more luck since.
            stored = await self._stored(party, key, newer_than=newer_than)
            return stored or self._stale(key, failed[1])
        try:
            return await self._once.do(
                f"issuer-lease:{key}",
                look=lambda: self._stored(party, key, newer_than=newer_than),
                make=lambda: self._fetch_once(party, key),
                name=name,
            )
        except StillWaiting as error:
            return self._stale(key, str(error))

    async def _fetch_once(self, party: Party, key: str) -> Provider:
        tools = self._tools
        try:
            found, data = await self._fetch(party)
            await tools.shared.set(f"issuer:{key}", data, ttl_s=86400)
        except (FetchFailed, MetadataRefused) as error:
            detail = error.reason if isinstance(error, FetchFailed) else error.detail
            self._failed[key] = (tools.clock.now(), detail)
            tools.log(
                "error",
                f"loading configuration for {party.issuer} using discovery failed: {detail}"
                + (
                    " (falling back to previous configuration)"
                    if key in self._known
                    else ""
                ),
            )
            return self._stale(key, detail)
        self._failed.pop(key, None)
        return self._remember(key, found)

    async def _fetch(self, party: Party) -> tuple[Provider, bytes]:
        tools, config = self._tools, party.config
        tools.log("notice", f"loading configuration for {party.issuer} using discovery")
        extra = tuple(
            zip(
                config.discovery_headers_names or (),
                config.discovery_headers_values or (),
                strict=False,
            )
        )
        discovery = None
        if not config.using_pseudo_issuer:
            discovery = await tools.fetch.send(
                discovery_request(config.issuer, extra),
                fetch_limits(party, configured=config.issuer),
            )
        metadata = _read_metadata(discovery, party)
        sets = await self._fetch_keys(party, metadata)
        now = tools.clock.now()
        keys = _join([read_jwks(reply) for reply in sets])
        return (
            Provider(metadata=metadata, keys=keys, fetched_at=now),
            _dump(discovery, sets, now),
        )

    async def _fetch_keys(
        self, party: Party, metadata: ProviderMetadata
    ) -> list[IncomingReply]:
        """Every key set; one of several may be missing, which is said in the log."""
        config, found = party.config, []
        own = config.jwks_endpoint or metadata.jwks_uri
        if own is None and not config.extra_jwks_uris:
            raise MetadataRefused("there is no jwks_uri to fetch keys from")
        urls = [(url, url) for url in config.extra_jwks_uris or ()]
        failure: FetchFailed | MetadataRefused | None = None
        for url, configured in [(own, config.jwks_endpoint), *urls]:
            if url is None:
                continue
            limits = fetch_limits(party, configured=configured)
            try:
                reply = await self._tools.fetch.send(jwks_request(url), limits)
                read_jwks(reply)
            except (FetchFailed, MetadataRefused) as error:
                self._tools.count("jwks:failed")
                failure = error
                detail = (
                    error.reason if isinstance(error, FetchFailed) else error.detail
                )
                self._tools.log("error", f"loading keys of {party.issuer}: {detail}")
                continue
            self._tools.count("jwks:ok")
            found.append(reply)
        if not found and failure is not None:
            raise failure
        return found

    def _remember(self, key: str, provider: Provider) -> Provider:
        self._known[key] = provider
        return provider

    def _stale(self, key: str, detail: str) -> Provider:
        if (known := self._known.get(key)) is not None:
            return known
        raise ProviderUnavailable(detail)
