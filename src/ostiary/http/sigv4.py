"""
Signing requests to AWS. Pure.

Spec: AWS Signature Version 4 (canonical request, string to sign, signing key).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from ostiary.http.exchange import OutgoingRequest

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsKey:
    """Who signs, and for which service."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str
    service: str


def sign_request(request: OutgoingRequest, key: AwsKey, now: int) -> OutgoingRequest:
    """
    The request with its date and signature; its URL has a path and no query.

    Args:
        now: Unix time in seconds.
    """
    parts = urlsplit(request.url)
    at = datetime.fromtimestamp(now, UTC)
    stamp, day = f"{at:%Y%m%dT%H%M%SZ}", f"{at:%Y%m%d}"
    fields = (*request.fields, ("X-Amz-Date", stamp))
    signed = sorted((n.lower(), " ".join(v.split())) for n, v in (("Host", parts.netloc), *fields))  # fmt: skip
    names = ";".join(name for name, _ in signed)
    canonical = "\n".join(
        (
            request.method,
            parts.path or "/",
            "",
            *(f"{name}:{value}" for name, value in signed),
            "",
            names,
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    scope = f"{day}/{key.region}/{key.service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}"
    secret = f"AWS4{key.secret_key}".encode()
    for step in (day, key.region, key.service, "aws4_request"):
        secret = hmac.digest(secret, step.encode(), "sha256")
    signature = hmac.digest(secret, text.encode(), "sha256").hex()
    value = f"{_ALGORITHM} Credential={key.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return OutgoingRequest(
        method=request.method,
        url=request.url,
        fields=(*fields, ("Authorization", value)),
        body=request.body,
    )
