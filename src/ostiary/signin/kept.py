"""
Results that were dear to get, kept for all workers of the node: sealed, and only while true.

Spec: oidc-plugin §13 (caches); security test T-J10.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from ostiary.jose.errors import BrokenSeal
from ostiary.ports.shared import SharedUnavailable
from ostiary.sessions.keys import Sealer
from ostiary.signin.issuer import ProviderUnavailable
from ostiary.signin.once import Once, StillWaiting, patience_s
from ostiary.signin.party import Party
from ostiary.signin.values import Toolbox

PURPOSE = b"ostiary kept"


def clamp_ttl(party: Party, ends: float | None, now: float) -> float:
    """
    For how many seconds a result may be kept: never beyond its own end.

    Spec: oidc-plugin §13: the end that it tells itself, else `cache_ttl`, within its bounds.
    """
    config = party.config
    ttl = config.cache_ttl if ends is None else ends - now
    if config.cache_ttl_min is not None:
        ttl = max(ttl, config.cache_ttl_min)
    if config.cache_ttl_max is not None:
        ttl = min(ttl, config.cache_ttl_max)
    return ttl if ends is None else min(ttl, ends - now)


class Kept:
    """The kept results of one node."""

    def __init__(
        self,
        tools: Toolbox,
        once: Once,
        sealer: Callable[[Party, bytes], Sealer],
    ) -> None:
        self._tools = tools
        self._once = once
        self._sealer = sealer

    @staticmethod
    def key(base: bytes, kind: str, parts: Iterable[str]) -> str:
        """The name of a result: nobody learns from it what was asked."""
        digest = hashlib.blake2b(base, digest_size=20, key=b"ostiary kept")
        for part in (kind, *parts):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(4, "big") + data)
        return f"kept:{digest.hexdigest()}"

    async def get_or_make(
        self,
        party: Party,
        key: str,
        make: Callable[[], Awaitable[tuple[Mapping[str, Any], float]]],
    ) -> Mapping[str, Any]:
        """
        A kept result, or one made now and kept for as long as `make` says (seconds).

        Only one worker makes it: a refresh token works once. Whoever asks meanwhile waits for it, and
        in the same worker fails with it: a provider in trouble is not asked by everybody in turn.

        Raises:
            ProviderUnavailable: Another worker has been asking for too long.
            SharedUnavailable: The node's shared state is away.
        """
        found = await self.get(party, key)
        if found is not None:
            return found

        async def run() -> Mapping[str, Any]:
            value, ttl_s = await make()
            try:
                await self.put(party, key, value, ttl_s=ttl_s)
            except SharedUnavailable as error:
                # Whoever asked has it all the same: a refresh token that was sent is used up.
                self._tools.log("error", f"a result was not kept: {error}")
            return value

        try:
            return await self._once.do(
                f"making:{key}",
                look=lambda: self.get(party, key),
                make=run,
                wait_s=patience_s(party),
            )
        except StillWaiting as error:
            raise ProviderUnavailable(str(error)) from error

    async def get(self, party: Party, key: str) -> Mapping[str, Any] | None:
        """
        A result, or None.

        Raises:
            SharedUnavailable: The node's shared state is away.
        """
        found = await self._tools.shared.get(key)
        if found is None:
            return None
        try:
            text = self._sealer(party, PURPOSE).open(found, binding=key.encode())
        except BrokenSeal:
            return None
        document: Mapping[str, Any] = json.loads(text)
        return document

    async def put(
        self, party: Party, key: str, value: Mapping[str, Any], *, ttl_s: float
    ) -> None:
        """
        Keep a result.

        Raises:
            SharedUnavailable: The node's shared state is away.
        """
        if ttl_s <= 0:
            return
        sealed = self._sealer(party, PURPOSE).seal(
            json.dumps(value, separators=(",", ":")).encode(),
            binding=key.encode(),
            nonce=self._tools.entropy.bytes(12),
        )
        await self._tools.shared.set(key, sealed, ttl_s=ttl_s)
