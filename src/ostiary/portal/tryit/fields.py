"""
Which header fields somebody who tries an API may send. Pure.

What a proxy or an API may believe without asking is never taken from a form: where a request comes
from, who somebody is, where a body ends.

Spec: RFC 9110 §5.1, §5.5, §7.6.1; security T-F2, T-H3; decision 0048.
"""

from __future__ import annotations

import re
from typing import Final

MAX_OWN_FIELDS: Final = 20
MAX_VALUE_CHARS: Final = 4000
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE: Final = re.compile(r"[\x20-\x7e]*")
# Hop by hop (RFC 9110 §7.6.1), or about the message as we frame it.
_OURS: Final = frozenset(
    {
        "accept-encoding", "connection", "content-length", "expect", "host", "http2-settings",
        "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_WHENCE: Final = frozenset(
    {
        "cf-connecting-ip", "client-ip", "fastly-client-ip", "forwarded", "remote-user",
        "true-client-ip", "via", "x-client-ip", "x-cluster-client-ip", "x-http-method",
        "x-http-method-override", "x-method-override", "x-original-host", "x-original-uri",
        "x-original-url", "x-real-ip", "x-remote-user", "x-rewrite-url",
    }
)  # fmt: skip
_WHENCE_BEGINNINGS: Final = (
    "x-forwarded", "x-original-forwarded", "x-consumer-", "x-credential-", "x-authenticated-",
    "x-anonymous-", "x-userinfo", "x-application-", "x-envoy-", "x-ostiary-", "x-kong-", "x-remote-", "sec-",
    "proxy-", "x-ssl-", "ssl-", "x-client-cert", "x-amzn-oidc", "x-ms-client-principal",
)  # fmt: skip
_COOKIES: Final = frozenset({"cookie", "cookie2", "set-cookie", "set-cookie2"})


class BadField(Exception):
    """A header field that is not sent; `reason` says why, for whoever filled it in."""

    code = "bad_field"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_name(name: str) -> str:
    """
    A header field's name that may be sent.

    Raises:
        BadField: It may not, or is no name.
    """
    if not _TOKEN.fullmatch(name):
        raise BadField(f"“{name[:40]}” is not the name of a header field")
    # Many servers read `X_Forwarded_For` as `X-Forwarded-For`.
    folded = name.lower().replace("_", "-")
    if folded in _COOKIES:
        raise BadField("cookies are never sent from here")
    if folded == "authorization":
        raise BadField("Authorization is filled in under Authentication, not here")
    if folded == "content-type":
        raise BadField("Content-Type follows from the body's media type")
    if folded in _OURS:
        raise BadField(f"{name} is set by the portal itself")
    if folded in _WHENCE or folded.startswith(_WHENCE_BEGINNINGS):
        raise BadField(f"{name} is never sent from here: it says who somebody is, or where from")  # fmt: skip
    return name


def check_value(value: str) -> str:
    """
    A header field's value that may be sent.

    Raises:
        BadField: It has signs that no field may have, or too many.
    """
    if len(value) > MAX_VALUE_CHARS:
        raise BadField(f"it has more than {MAX_VALUE_CHARS} characters")
    if not _VALUE.fullmatch(value):
        raise BadField("it may have only visible ASCII characters and blanks")
    return value.strip()


def parse_fields(text: str) -> tuple[tuple[str, str], ...]:
    """
    Header fields as somebody writes them, one a line: `Accept-Language: de`.

    Raises:
        BadField: A line is none, or may not be sent; it is named.
    """
    found: list[tuple[str, str]] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon:
            raise BadField(f"line {number}: write “Name: value”")
        try:
            found.append((check_name(name.strip()), check_value(value.strip())))
        except BadField as error:
            raise BadField(f"line {number}: {error.reason}") from None
        if len(found) > MAX_OWN_FIELDS:
            raise BadField(f"at most {MAX_OWN_FIELDS} fields can be added")
    return tuple(found)
