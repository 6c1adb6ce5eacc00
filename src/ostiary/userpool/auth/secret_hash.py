"""
The proof that a caller knows the client's secret.

Spec: cognito §3.6.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable

from ostiary.model.pool import PoolClient
from ostiary.userpool import messages
from ostiary.userpool.refusal import AccountError


def build_secret_hash(secret: str, *, username: str, client_id: str) -> str:
    """The hash that a caller sends."""
    made = hmac.new(secret.encode(), (username + client_id).encode(), hashlib.sha256)
    return base64.b64encode(made.digest()).decode("ascii")


def is_live_secret(secrets: Iterable[str], given: str | None) -> bool:
    """Tell whether a secret is one of a client's."""
    sent = (given or "").encode()
    hits = [hmac.compare_digest(sent, kept.encode()) for kept in secrets]
    return any(hits)


def check_secret_hash(
    client: PoolClient,
    secrets: Iterable[str],
    given: str | None,
    usernames: Iterable[str],
) -> None:
    """
    Refuse a caller of a confidential client that does not prove it.

    Args:
        secrets: The client's live secrets; a public client has none.
        usernames: What the hash may be over: the name that was sent, or the one it stands for.

    Raises:
        AccountError: NotAuthorizedException.
    """
    kept = tuple(secrets)
    if not kept:
        return
    if given is None:
        text = messages.SECRET_HASH_MISSING.format(client.id)
        raise AccountError("NotAuthorizedException", text)
    expected = [
        build_secret_hash(secret, username=name, client_id=client.id)
        for secret in kept
        for name in usernames
    ]
    # All are compared, whichever fits.
    hits = [hmac.compare_digest(given.encode(), e.encode()) for e in expected]
    if not any(hits):
        text = messages.SECRET_HASH_WRONG.format(client.id)
        raise AccountError("NotAuthorizedException", text)
