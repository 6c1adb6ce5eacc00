"""
A shared cache that does what RFC 9111 allows it to do, and no less: the one in front of us.

It stores what may be stored (heuristically too) and reuses what `Vary` lets it reuse.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.security.gateways import Gateway
from tests.security.wire import Reply

# RFC 9110 §15.1: cacheable although nothing says so.
_HEURISTIC = {200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501}


def directives(reply: Reply) -> dict[str, str]:
    """The directives of Cache-Control, in lower case."""
    found = {}
    for part in reply.get("Cache-Control").lower().split(","):
        name, _, value = part.strip().partition("=")
        if name:
            found[name] = value.strip('"')
    return found


def may_store(reply: Reply, *, authorized: bool = False) -> bool:
    """Tell whether a shared cache may keep this reply to a GET (RFC 9111 §3)."""
    said = directives(reply)
    if "no-store" in said or "private" in said:
        return False
    shared = bool({"public", "s-maxage", "must-revalidate"} & said.keys())
    if authorized and not shared:
        return False
    explicit = bool({"max-age", "s-maxage", "public"} & said.keys()) or bool(
        reply.get("Expires")
    )
    return explicit or reply.status in _HEURISTIC


def is_fresh(reply: Reply) -> bool:
    """Tell whether it may be reused without asking (RFC 9111 §4.2); heuristics count."""
    said = directives(reply)
    if "no-cache" in said:
        return False
    age = said.get("s-maxage", said.get("max-age"))
    return age is None or (age.isdigit() and int(age) > 0)


@dataclass(slots=True)
class SharedCache:
    """One cache for everybody, in front of one gateway."""

    gateway: Gateway
    _kept: dict[str, list[tuple[dict[str, str], Reply]]] = field(default_factory=dict)

    def get(
        self, target: str, fields: dict[str, str], *, token: str | None = None
    ) -> tuple[Reply, bool]:
        """The reply, and whether it came from the cache."""
        mine = {k.lower(): v for k, v in fields.items()}
        for theirs, kept in self._kept.get(target, []):
            names = [
                n.strip().lower() for n in kept.get("Vary").split(",") if n.strip()
            ]
            if "*" in names or any(mine.get(n) != theirs.get(n) for n in names):
                continue
            return kept, True
        lines = [f"{k}: {v}" for k, v in fields.items() if v]
        reply = self.gateway.ask(target, *lines, token=token).reply
        if may_store(reply, authorized="authorization" in mine) and is_fresh(reply):
            self._kept.setdefault(target, []).append((mine, reply))
        return reply, False
