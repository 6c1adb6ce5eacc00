"""
Who asks, by a signed token: a claim names the credential, whose key and algorithm decide.

The token's own word about its algorithm may only agree with the credential's.

Spec: gateway §4.5 (jwt); RFC 7519, RFC 8725 §3.1.
"""

from __future__ import annotations

import base64
import binascii
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from ostiary.http.cookies import parse_cookies
from ostiary.http.head import find_all
from ostiary.http.memo import Memo
from ostiary.jose.configured import Verifier, read_verifier
from ostiary.jose.encoding import decode_base64url, parse_json_object
from ostiary.jose.errors import (
    BadSignature,
    JoseError,
    MalformedKey,
    UnsupportedAlgorithm,
)
from ostiary.jose.jwt import read_unverified_claims
from ostiary.kit import (
    Admitted,
    Authenticator,
    Credential,
    Exchange,
    Fields,
    Reply,
    Services,
    can_be_told,
    exit_reply,
    fold_names,
)
from ostiary.kit.bodies import Form
from ostiary.plugins.jwt.schema import JwtConfig

_BEARER: Final = re.compile(r"\s*[Bb]earer\s+(.+)")
MAX_MEMO_BYTES: Final = 4 << 20
# What a verifier holds besides texts: of a public key the library's numbers, whatever its size.
_SECRET_BYTES: Final = 512
_PUBLIC_BYTES: Final = 4096
# Algorithm, secret, public key: what a verifier is made of, and nothing else.
Material = tuple[str, str | None, str | None]


class Unauthorized(Exception):
    """A token that is not believed. `said` is the answer's body, `had_token` whether one came."""

    def __init__(self, said: Mapping[str, str], *, had_token: bool = True) -> None:
        super().__init__()
        self.said = said
        self.had_token = had_token


def _refused(message: str) -> Unauthorized:
    return Unauthorized({"message": message})


def decode_secret(text: str) -> bytes:
    """
    A secret in base64, of either alphabet, padded or not.

    Raises:
        MalformedKey: It is not.
    """
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedKey("the secret is not base64") from error


def check_times(
    claims: Mapping[str, object],
    wanted: tuple[str, ...],
    *,
    maximum_s: float,
    now: float,
) -> None:
    """
    Look at the times of a token.

    Raises:
        Unauthorized: One is missing, no number, or says no.
    """
    wrong: dict[str, str] = {}
    for name in wanted:
        value = claims.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            wrong[name] = "must be a number"
        elif name == "exp" and value <= now:
            wrong[name] = "token expired"
        elif name == "nbf" and value > now:
            wrong[name] = "token not valid yet"
    if not wrong and maximum_s > 0:
        ends = claims.get("exp")
        if not isinstance(ends, int | float) or ends - now > maximum_s:
            wrong["exp"] = "exceeds maximum allowed expiration"
    if wrong:
        raise Unauthorized(wrong)


def read_material(values: Mapping[str, object]) -> Material:
    """What a credential's tokens are verified with; of a secret and a public key the one that is."""
    algorithm = str(values.get("algorithm") or "HS256")
    is_shared = algorithm.startswith("HS")
    kept = values.get("secret" if is_shared else "rsa_public_key")
    text = kept if isinstance(kept, str) else None
    return (algorithm, text, None) if is_shared else (algorithm, None, text)


def weigh_material(material: Material) -> int:
    """About how many bytes a verifier takes that is remembered by what it is made of."""
    _, secret, pem = material
    if secret is not None:
        # The text that it is found by, and its bytes in the verifier.
        return _SECRET_BYTES + 2 * sys.getsizeof(secret)
    return _PUBLIC_BYTES + sys.getsizeof(pem)


class Jwt(Authenticator):
    """One configured `jwt` plugin."""

    def __init__(
        self,
        config: JwtConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,
    ) -> None:
        super().__init__(
            anonymous=config.anonymous, run_on_preflight=config.run_on_preflight
        )
        self._now = services.now
        self._log = services.log_as("jwt")
        self._config = config
        self._headers = tuple(n.lower().encode("latin-1") for n in config.header_names)
        self._folded = fold_names(self._headers)
        self._arguments = frozenset(config.uri_param_names)
        realm = config.realm
        self._bare = "Bearer" if realm is None else f'Bearer realm="{realm}"'
        self._verifiers: Memo[Material, Verifier] = Memo(MAX_MEMO_BYTES)

    def judge(self, exchange: Exchange) -> Admitted | Reply:
        exchange.secret_fields |= self._folded
        exchange.secret_arguments |= self._arguments
        try:
            found = self._authenticate(exchange)
        except Unauthorized as refusal:
            fields = self._challenge(had_token=refusal.had_token)
            return exit_reply(401, refusal.said, fields)
        identifier = str(found.values.get("key", found.id))
        return Admitted(
            consumer=found.consumer, credential=found.id, identifier=identifier
        )

    def _challenge(self, *, had_token: bool) -> Fields:
        text = self._bare
        if had_token:
            comma = " " if self._config.realm is None else ", "
            text = f'{text}{comma}error="invalid_token"'
        return ((b"WWW-Authenticate", text.encode("latin-1", "replace")),)

    def _authenticate(self, exchange: Exchange) -> Credential:
        """
        The credential whose key signed the request's token.

        Raises:
            Unauthorized: There is none.
        """
        tokens = set(self._find_tokens(exchange))
        if not tokens:
            raise Unauthorized({"message": "Unauthorized"}, had_token=False)
        if len(tokens) > 1:
            raise _refused("Multiple tokens provided")
        token = tokens.pop()
        found = self._find_credential(exchange, token)
        claims = self._verify(found, token)
        check_times(
            claims,
            self._config.claims_to_verify or (),
            maximum_s=self._config.maximum_expiration,
            now=self._now(),
        )
        return found

    def _find_tokens(self, exchange: Exchange) -> Iterator[str]:
        if self._arguments and exchange.target.query:
            query = Form(exchange.target.query)
            for name in self._config.uri_param_names:
                yield from (value for value in query.find(name) if value)
        if self._config.cookie_names:
            cookies = parse_cookies(find_all(exchange.fields, b"cookie"))
            wanted = self._config.cookie_names
            yield from (value for name, value in cookies if name in wanted and value)
        for header in self._headers:
            for value in find_all(exchange.fields, header):
                if found := _BEARER.fullmatch(value.decode("latin-1")):
                    yield found[1].strip()

    def _find_credential(self, exchange: Exchange, token: str) -> Credential:
        name = self._config.key_claim_name
        try:
            claims = read_unverified_claims(token)
            header = parse_json_object(decode_base64url(token.partition(".")[0]))
        except JoseError as error:
            raise _refused("Bad token; invalid JSON") from error
        key = claims.get(name) or header.get(name)
        if not key:
            raise _refused(f"No mandatory '{name}' in claims")
        if not isinstance(key, str):
            raise _refused(f"Invalid '{name}' in claims")
        known = exchange.consumers
        found = known.credential("jwt_secrets", key) if can_be_told(key) else None
        if found is None or (
            found.expires_at is not None and found.expires_at <= self._now()
        ):
            raise _refused(f"No credentials found for given '{name}'")
        return found

    def _verify(self, credential: Credential, token: str) -> Mapping[str, object]:
        try:
            return self._verifier(credential).verify(token)
        except UnsupportedAlgorithm as error:
            raise _refused("Invalid algorithm") from error
        except MalformedKey as error:
            self._log("warn", f"credential {credential.id}: {error.detail}")
            raise _refused("Invalid key/secret") from error
        except BadSignature as error:
            raise _refused("Invalid signature") from error
        except JoseError as error:
            raise _refused("Bad token; invalid JSON") from error

    def _verifier(self, credential: Credential) -> Verifier:
        """
        What believes a credential's tokens, made once.

        By value: who looks up a credential may get another object with every request.

        Raises:
            MalformedKey: No verifier can be made of it.
        """
        material = read_material(credential.values)
        known = self._verifiers.get(material)
        if known is not None:
            return known
        algorithm, secret, pem = material
        raw = None
        if secret is not None:
            is_base64 = self._config.secret_is_base64
            raw = decode_secret(secret) if is_base64 else secret.encode()
        made = read_verifier(algorithm, secret=raw, public_pem=pem)
        self._verifiers.put(material, made, weigh_material(material))
        return made
