"""
Who calls the API. Any signature is accepted; its scope tells the region.

Spec: AWS Signature Version 4, the Authorization header.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ostiary.userpool import messages
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.services import Services

ACCOUNT: Final = "000000000000"
_SCOPE: Final = re.compile(
    r"AWS4-[A-Z0-9-]+ .*?Credential=[^/,\s]+/\d{8}/([a-z0-9-]{1,32})/[a-z0-9-]+/aws4_request"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: the services it works with and the region it is for."""

    services: Services
    region: str


def read_region(authorization: str | None, default: str) -> str:
    """
    The region of a signed call.

    Raises:
        ApiError: There is no signature at all.
    """
    if not authorization:
        raise ApiError("MissingAuthenticationTokenException", messages.AUTH_MISSING)
    found = _SCOPE.match(authorization)
    return found.group(1) if found else default


def pool_arn(pool_id: str) -> str:
    """A pool's resource name."""
    return (
        f"arn:aws:cognito-idp:{pool_id.partition('_')[0]}:{ACCOUNT}:userpool/{pool_id}"
    )
