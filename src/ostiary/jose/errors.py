"""What can be wrong with a key, a token or a sealed value. Always the peer's fault."""

from __future__ import annotations


class JoseError(Exception):
    """Root of this package's errors: `code` is a stable word, `detail` is for logs only."""

    code = "jose_error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MalformedToken(JoseError):
    """Not a compact JWS of strict base64url and JSON objects without duplicate names."""

    code = "malformed_token"


class TokenTooLarge(JoseError):
    """Longer than we are ready to parse."""

    code = "token_too_large"


class UnsupportedAlgorithm(JoseError):
    """The header names an algorithm that configuration does not allow."""

    code = "unsupported_algorithm"


class CriticalHeader(JoseError):
    """The header has `crit` or `b64`: extensions we do not understand."""

    code = "critical_header"


class KeyNotFound(JoseError):
    """No key of the set has this kid and fits the algorithm."""

    code = "key_not_found"


class BadSignature(JoseError):
    """No fitting key verifies the signature."""

    code = "bad_signature"


class MalformedKey(JoseError):
    """A JWK or JWK Set that cannot be used."""

    code = "malformed_key"


class BrokenSeal(JoseError):
    """A sealed value that was changed, or sealed for another purpose or with another key."""

    code = "broken_seal"
