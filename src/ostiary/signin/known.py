"""
What the node knows of the providers of its configuration: to be looked at, and to be forgotten.

Nothing is fetched here: this reads what workers have left in the node's shared state. Only what the
provider publishes is shown.

Spec: oidc-plugin §12.7.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ostiary.jose.encoding import decode_base64url, parse_json_object
from ostiary.jose.errors import JoseError
from ostiary.oidc.rp.metadata import normalise_issuer
from ostiary.ports.shared import Shared
from ostiary.signin.issuer import FORGOTTEN_CHANNEL
from ostiary.signin.party import compile_party
from ostiary.signin.schema import OpenidConnectConfig

_NAMES = uuid.UUID("6a1c1c52-3f0e-5b0e-9b5e-2f6d1a4f7c11")  # any, as long as it stays
# A provider that publishes these has lost them; we do not spread them (RFC 7518 §6).
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "r", "t"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A provider that a configuration asks for."""

    key: str
    issuer: str

    @property
    def id(self) -> str:
        """The same on every node, and after every restart."""
        return str(uuid.uuid5(_NAMES, self.key))


class KnownIssuers:
    """The providers that the configuration names and the node has fetched."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._configs: Mapping[str, OpenidConnectConfig] = {}
        self._asked: tuple[_Asked, ...] | None = None

    def show(self, configs: Mapping[str, OpenidConnectConfig]) -> None:
        """Look for the providers of these plugins, by row id, from now on."""
        self._configs, self._asked = configs, None

    def _all(self) -> tuple[_Asked, ...]:
        if self._asked is None:  # worked out when somebody asks, which is seldom
            found = {}
            for row, config in self._configs.items():
                party = compile_party(config, row)
                found[party.provider_key] = _Asked(
                    key=party.provider_key, issuer=party.issuer
                )
            self._asked = tuple(found.values())
        return self._asked

    async def rows(self, key: str | None = None) -> list[dict[str, Any]]:
        """
        The providers, or those with this id or issuer.

        Args:
            key: An id, or an issuer in any form that a configuration takes.

        Raises:
            SharedUnavailable: The node's shared state is away.
        """
        found = []
        for asked in _matching(self._all(), key):
            data = await self._shared.get(f"issuer:{asked.key}")
            if data is not None:
                found.append(_show(asked, data))
        return found

    async def forget(self, key: str | None = None) -> bool:
        """
        Make every worker fetch these providers again; tell whether there was one.

        Raises:
            SharedUnavailable: The node's shared state is away.
        """
        there = False
        for asked in _matching(self._all(), key):
            name = f"issuer:{asked.key}"
            there = there or await self._shared.get(name) is not None
            await self._shared.delete(name)
            await self._shared.publish(FORGOTTEN_CHANNEL, asked.key.encode())
        return there


def _matching(asked: Iterable[_Asked], key: str | None) -> list[_Asked]:
    if key is None:
        return list(asked)
    issuer = normalise_issuer(key)
    return [one for one in asked if key == one.id or issuer == one.issuer]


def _show(asked: _Asked, data: bytes) -> dict[str, Any]:
    fetched_at, document, sets = json.loads(data)  # as signin.issuer has written it
    return {
        "id": asked.id,
        "issuer": asked.issuer,
        "created_at": int(fetched_at),
        "configuration": {} if document is None else _object(document),
        "keys": [key for text in sets for key in _public_keys(_object(text))],
    }


def _object(text: str) -> dict[str, Any]:
    try:
        return parse_json_object(decode_base64url(text))
    except JoseError:
        return {}


def _public_keys(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = document.get("keys")
    return [
        {name: value for name, value in key.items() if name not in _PRIVATE}
        for key in (keys if isinstance(keys, list) else [])
        if isinstance(key, dict) and key.get("kty") != "oct"
    ]
