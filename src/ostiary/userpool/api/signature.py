"""
AWS Signature Version 4, verified: only where the operator has named credentials.

Spec: AWS Signature Version 4 (canonical request, string to sign, signing key); RFC 3986 §2.3.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote_plus

from ostiary.userpool import messages
from ostiary.userpool.api.errors import ApiError

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SKEW_S: Final = 300
_HEADER: Final = re.compile(
    rf"{_ALGORITHM} +Credential=([^/,\s]+)/(\d{{8}})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request, *"
    r"SignedHeaders=([a-z0-9;-]+), *Signature=([0-9a-f]{64})"
)
_SERVICE: Final = "cognito-idp"
# What decides who asks for what: read here and elsewhere, so there must be one reading.
_ONCE: Final = frozenset({"host", "x-amz-target", "x-amz-date", "authorization"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A request as it came, with each header as often as it came. Their names are lower case."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """A header that is there at most once; empty where there is none."""
        return next((value for found, value in self.headers if found == name), "")


def _refuse(code: str, text: str) -> ApiError:
    return ApiError(code, text, status=403)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _canonical_query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    encoded = sorted(
        (quote(unquote_plus(n), safe="-_.~"), quote(unquote_plus(v), safe="-_.~"))
        for n, _, v in pairs
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


def build_canonical(request: SignedRequest, signed: tuple[str, ...]) -> str:
    """The text that a caller has hashed and signed."""
    headers = "".join(
        f"{name}:{' '.join(request.header(name).split())}\n" for name in signed
    )
    return "\n".join(
        (
            request.method,
            quote(request.path, safe="/-_.~%"),
            _canonical_query(request.query),
            headers,
            ";".join(signed),
            _hash(request.body),
        )
    )


def derive_key(secret: str, *, date: str, region: str, service: str) -> bytes:
    """The key of one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _read_time(text: str) -> float:
    try:
        at = dt.datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    except ValueError as error:
        raise _refuse(
            "IncompleteSignatureException", messages.SIGNATURE_DATE
        ) from error
    return at.timestamp()


def _check_headers(request: SignedRequest, signed: tuple[str, ...]) -> None:
    """
    Refuse what was added to a signed request: a second header of a name, or an unsigned order.

    Raises:
        ApiError: InvalidSignatureException.
    """
    sent = [name for name, _ in request.headers]
    twice = any(sent.count(name) > 1 for name in _ONCE.union(signed))
    if twice or any(n.startswith("x-amz-") and n not in signed for n in sent):
        raise _refuse("InvalidSignatureException", messages.SIGNATURE_WRONG)


def check_signature(
    request: SignedRequest, credentials: Mapping[str, str], *, now: float
) -> None:
    """
    Refuse a request that none of the credentials has signed just now.

    Args:
        credentials: Secret access keys by access key id.

    Raises:
        ApiError: IncompleteSignatureException, UnrecognizedClientException,
            InvalidSignatureException.
    """
    found = _HEADER.fullmatch(request.header("authorization").strip())
    if found is None:
        raise _refuse("IncompleteSignatureException", messages.SIGNATURE_FORM)
    key_id, date, region, service, names, signature = found.groups()
    signed = tuple(names.split(";"))
    _check_headers(request, signed)
    stamp = request.header("x-amz-date")
    if service != _SERVICE or "host" not in signed or not stamp.startswith(date):
        raise _refuse("InvalidSignatureException", messages.SIGNATURE_SCOPE)
    if abs(now - _read_time(stamp)) > _SKEW_S or "x-amz-date" not in signed:
        raise _refuse("InvalidSignatureException", messages.SIGNATURE_OLD)
    secret = credentials.get(key_id)
    canonical = build_canonical(request, signed)
    scope = f"{date}/{region}/{service}/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, scope, _hash(canonical.encode())))
    # As long for a key id that nobody has.
    key = derive_key(secret or "nobody's", date=date, region=region, service=service)
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    right = hmac.compare_digest(expected, signature)
    if secret is None:
        raise _refuse("UnrecognizedClientException", messages.SIGNATURE_UNKNOWN)
    if not right:
        raise _refuse("InvalidSignatureException", messages.SIGNATURE_WRONG)
