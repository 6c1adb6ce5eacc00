"""
Tokens in mailed links: whoever holds one reads the mail of an address.

They are signed with keys derived from the node's, one for each use, so that none stands in for
another. A token is of one developer at one workspace, of their address and their epoch: it is good
once, for what it is good for changes one of these.

Spec: portal §1.6 (JWT HS256 with `id` and `exp`); RFC 7519; decision 0046.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ostiary.jose.configured import SecretVerifier
from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import SharedSecret
from ostiary.jose.seal import derive_key
from ostiary.model.portal import Developer
from ostiary.sessions.keys import KeyRing

Use = Literal["verify", "reset", "address"]
_MAX_CHARS: Final = 2048
# How long a link to verify an address is good: over a weekend.
VERIFY_FOR_S: Final = 3 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailed:
    """What a token says that was made here and has not ended; `email` is where it was mailed to."""

    developer: str
    email: str
    epoch: int

    def is_of(self, developer: Developer) -> bool:
        """Whether nothing has changed that ends it."""
        return developer.id == self.developer and developer.epoch == self.epoch


class MailedTokens:
    """Issues and reads tokens."""

    def __init__(self, ring: KeyRing, now: Callable[[], float]) -> None:
        self._ring = ring
        self._now = now

    def issue(
        self, use: Use, workspace: str, developer: Developer, email: str, *, for_s: int
    ) -> str:
        """A token for a link to an address; `workspace` is an id."""
        claims = {
            "id": developer.id,
            "ws": workspace,
            "email": email,
            "epoch": developer.epoch,
            "exp": int(self._now()) + for_s,
        }
        return sign_jwt(claims, SharedSecret(self._secrets(use)[0], "HS256"))

    def read(self, use: Use, workspace: str, token: str) -> Mailed | None:
        """What a token says; None for one that is not ours, for something else, or has ended."""
        if len(token) > _MAX_CHARS:
            return None
        for secret in self._secrets(use):
            verifier = SecretVerifier(algorithm="HS256", secret=secret.encode())
            try:
                claims = verifier.verify(token)
            except (JoseError, ValueError):
                continue
            return _read_claims(claims, workspace, self._now())
        return None

    def _secrets(self, use: Use) -> tuple[str, ...]:
        """One for each key of the ring, the current first."""
        purpose = f"portal mail {use}".encode()
        return tuple(derive_key(k.secret, purpose).hex() for k in self._ring.keys)


def _read_claims(
    claims: Mapping[str, object], workspace: str, now: float
) -> Mailed | None:
    developer, email = claims.get("id"), claims.get("email")
    epoch, ends_at = claims.get("epoch"), claims.get("exp")
    if claims.get("ws") != workspace or not isinstance(ends_at, int) or ends_at <= now:
        return None
    if not isinstance(developer, str) or not isinstance(email, str):
        return None
    if not isinstance(epoch, int):
        return None
    return Mailed(developer=developer, email=email, epoch=epoch)
