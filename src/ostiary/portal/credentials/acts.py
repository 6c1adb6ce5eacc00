"""
What developers do with credentials of their own, through the Admin API, where it is judged and recorded.

Spec: portal §§1.6, 1.7; decision 0049.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ostiary.portal.applications.acts import GRACE_S, Acts, Json, read_rows
from ostiary.ports.admin_client import AdminReply

_MANY: Final = {"size": "1000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialActs:
    """A developer's credentials of one plugin, which the portal gives out."""

    acts: Acts
    plugin: str

    async def call(
        self,
        method: str,
        *steps: str,
        body: Mapping[str, Any] | None = None,
        is_counted: bool = True,
    ) -> AdminReply:
        """
        Ask below them.

        Raises:
            StoreUnavailable: The Admin API cannot answer now.
            TooOften: This developer has made, changed or asked for much in little time.
        """
        query = _MANY if method == "GET" else None
        return await self.acts.reach(
            method, "credentials", self.plugin, *steps,
            query=query, body=body, is_counted=is_counted,
        )  # fmt: skip

    async def read(self) -> list[Json]:
        """All of them, without what is secret."""
        return read_rows(await self.call("GET"))

    async def get(self, key: str) -> Json | None:
        """One of them; None where there is none of this developer's."""
        return next((row for row in await self.read() if row["id"] == key), None)

    async def make(self, before: Json | None = None) -> AdminReply:
        """A new one, like another; what is secret of it is told this once."""
        algorithm = None if before is None else before.get("algorithm")
        body = {} if algorithm is None else {"algorithm": algorithm}
        return await self.call("POST", body=body)

    async def end_later(self, key: str) -> AdminReply:
        """Let one work a day longer, and not after that: another was made in its place."""
        body = {"ttl": GRACE_S}
        return await self.call("PATCH", key, body=body, is_counted=False)
