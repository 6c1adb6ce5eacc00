"""
Who asks, by a key in a field, the query or the body.

Keys are found by their name in a table, so a guess costs the same whether it is near or far.

Spec: gateway §4.5 (key-auth).
"""

from __future__ import annotations

from ostiary.http.head import find, find_all
from ostiary.kit import (
    NEEDS_IO,
    Admitted,
    Authenticator,
    BodyTooLarge,
    Exchange,
    Reply,
    Services,
    Verdict,
    fold_names,
    refuse,
)
from ostiary.kit.bodies import Form, Named, parse_named
from ostiary.plugins.key_auth.schema import KeyAuthConfig

MAX_BODY_BYTES = 64 * 1024
_NOTHING = Form("")


class KeyAuth(Authenticator):
    """One configured `key-auth` plugin."""

    def __init__(
        self,
        config: KeyAuthConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,
    ) -> None:
        super().__init__(
            anonymous=config.anonymous, run_on_preflight=config.run_on_preflight
        )
        self._now = services.now
        self._log = services.log_as("key-auth")
        self._names = config.key_names
        self._folded = fold_names(name.encode("ascii") for name in config.key_names)
        self._arguments = frozenset(config.key_names)
        self._in_header = config.key_in_header
        self._in_query = config.key_in_query
        self._in_body = config.key_in_body
        self._hides = config.hide_credentials
        challenge = "Key" if config.realm is None else f'Key realm="{config.realm}"'
        self._challenge = (
            (b"WWW-Authenticate", challenge.encode("latin-1", "replace")),
        )

    def judge(self, exchange: Exchange) -> Verdict:
        exchange.secret_fields |= self._folded
        exchange.secret_arguments |= self._arguments
        return NEEDS_IO if self._in_body else self._judge(exchange, _NOTHING)

    async def judge_io(self, exchange: Exchange) -> Admitted | Reply:
        return self._judge(exchange, await self._read_body(exchange))

    async def _read_body(self, exchange: Exchange) -> Named:
        kind = find(exchange.fields, b"content-type")
        try:
            found = parse_named(kind, await exchange.body.read(MAX_BODY_BYTES))
        except BodyTooLarge:
            self._log("info", "the body is too large to look for a key in it")
            return _NOTHING
        return _NOTHING if found is None else found

    def _judge(self, exchange: Exchange, body: Named) -> Admitted | Reply:
        query = Form(exchange.target.query or "")
        for name in self._names:
            found = self._find(name, exchange, query, body)
            if len(found) > 1:
                return self._refuse(exchange, "Duplicate API key found")
            if found and found[0]:
                if self._hides:
                    self._hide(name, exchange, body)
                return self._admit(exchange, found[0])
        return self._refuse(exchange, "No API key found in request")

    def _find(
        self, name: str, exchange: Exchange, query: Form, body: Named
    ) -> list[str]:
        if self._in_header:
            fields = find_all(exchange.fields, name.lower().encode("ascii"))
            if fields:
                return [value.decode("latin-1") for value in fields]
        if self._in_query and (values := query.find(name)):
            return [*values]
        return [value for value in body.find(name) if isinstance(value, str)]

    def _hide(self, name: str, exchange: Exchange, body: Named) -> None:
        exchange.drop(fold_names((name.encode("ascii"),)))
        exchange.stripped_query += (name,)
        if body.find(name):
            body.remove(name)
            exchange.new_body = body.dump()

    def _admit(self, exchange: Exchange, key: str) -> Admitted | Reply:
        found = exchange.consumers.credential("keyauth_credentials", key)
        if found is None or (
            found.expires_at is not None and found.expires_at <= self._now()
        ):
            return self._refuse(exchange, "Unauthorized")
        return Admitted(
            consumer=found.consumer, credential=found.id, identifier=found.id
        )

    def _refuse(self, exchange: Exchange, message: str) -> Reply:
        return refuse(exchange, 401, message, self._challenge)
