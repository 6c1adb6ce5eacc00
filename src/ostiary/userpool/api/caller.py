"""
Who calls the API. Any signature is accepted; its scope tells the region.

As a signature proves nothing here, what a web page could forge must be told apart by other
means: its `Origin`, and the `Host` of a name that was pointed at this machine (decision 0011).

Spec: AWS Signature Version 4, the Authorization header; Fetch §3.2; Fetch Metadata §2.4.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import Headers

from ostiary.http.url import MalformedUrl, origin_of, split_host
from ostiary.userpool import messages
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.config import UserPoolConfig
from ostiary.userpool.services import Services

ACCOUNT: Final = "000000000000"
_SCOPE: Final = re.compile(
    r"AWS4-[A-Z0-9-]+ .*?Credential=[^/,\s]+/\d{8}/([a-z0-9-]{1,32})/[a-z0-9-]+/aws4_request"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: the services it works with, the region it is for, the address it came from."""

    services: Services
    region: str
    address: str = ""


Shape = dict[str, Any]  # Any: JSON
# What carries an operation out. Any: its own input type, which the model has checked.
Operations = Mapping[str, Callable[[Call, Any], Awaitable[Shape]]]


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


def check_host(config: UserPoolConfig, host: str) -> None:
    """
    Refuse a call to a name that is not this site's: DNS may have been rebound to it.

    Raises:
        ApiError: The host is neither loopback, an address, nor a name of the configuration.
    """
    try:
        name, _ = split_host(host)
    except MalformedUrl as error:
        raise _denied(messages.HOST_FOREIGN) from error
    suffix = config.domain_suffix.lower()
    is_ours = name in {"localhost", suffix, _issuer_host(config)}
    is_below = name.endswith((".localhost", f".{suffix}"))
    if not (is_ours or is_below or _is_address(name)):
        raise _denied(messages.HOST_FOREIGN)


def refuse_web_pages(headers: Headers) -> None:
    """
    Refuse a signed operation that a page of any site asks for.

    Raises:
        ApiError: A browser sent it for a page.
    """
    site = headers.get("sec-fetch-site")
    if "origin" in headers or site in {"cross-site", "same-site"}:
        raise _denied(messages.BROWSER_CALL)


def _denied(message: str) -> ApiError:
    return ApiError("AccessDeniedException", message, status=403)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _issuer_host(config: UserPoolConfig) -> str | None:
    try:
        return split_host(origin_of(config.issuer_base).partition("://")[2])[0]
    except MalformedUrl:
        return None


def pool_arn(pool_id: str) -> str:
    """A pool's resource name."""
    return (
        f"arn:aws:cognito-idp:{pool_id.partition('_')[0]}:{ACCOUNT}:userpool/{pool_id}"
    )
