"""
Who asks, by HTTP's Basic credentials.

Kept are Kong's hashes: a hash that is made for a wrong name costs the same as for a right one.

Spec: gateway §4.5 (basic-auth); RFC 7617.
"""

from __future__ import annotations

import hashlib
import hmac

from ostiary.http.challenge import parse_basic
from ostiary.http.head import find, fold_names
from ostiary.kit import (
    Admitted,
    Authenticator,
    Exchange,
    Reply,
    Services,
    can_be_told,
    refuse,
)
from ostiary.plugins.basic_auth.schema import BasicAuthConfig

_FIELDS = (b"proxy-authorization", b"authorization")
_HIDDEN = fold_names(_FIELDS)


def hash_password(password: str, consumer_id: str) -> str:
    """The hash that Kong keeps: of the password, followed by the consumer's id."""
    data = (password + consumer_id).encode()
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


class BasicAuth(Authenticator):
    """One configured `basic-auth` plugin."""

    def __init__(
        self,
        config: BasicAuthConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,
    ) -> None:
        super().__init__(anonymous=config.anonymous)
        self._now = services.now
        self._hides = config.hide_credentials
        challenge = f'Basic realm="{config.realm}"'.encode("latin-1", "replace")
        self._challenge = ((b"WWW-Authenticate", challenge),)

    def judge(self, exchange: Exchange) -> Admitted | Reply:
        if self._hides:
            exchange.clear(_HIDDEN)
        for name in _FIELDS:
            pair = parse_basic(find(exchange.fields, name))
            if pair is not None and (found := self._find(exchange, *pair)) is not None:
                return found
        return refuse(exchange, 401, "Unauthorized", self._challenge)

    def _find(
        self, exchange: Exchange, username: str, password: str
    ) -> Admitted | None:
        found = (
            exchange.consumers.credential("basicauth_credentials", username)
            if can_be_told(username)
            else None
        )
        consumer_id = "" if found is None else found.consumer.id
        kept = "" if found is None else str(found.values.get("password", ""))
        made = hash_password(password, consumer_id)
        is_right = hmac.compare_digest(made.encode(), kept.lower().encode())
        if found is None or not is_right:
            return None
        if found.expires_at is not None and found.expires_at <= self._now():
            return None
        return Admitted(
            consumer=found.consumer, credential=found.id, identifier=username
        )
