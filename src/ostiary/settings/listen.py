"""
The grammar of listen settings. Pure.

Spec: gateway §5.1 (listen syntax).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

_ENTRY: Final = re.compile(
    r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):(?P<port>\d{1,5})(?P<flags>(?:\s+\S+)*)"
)
_V6_ONLY: Final = {"ipv6only=on": True, "ipv6only=off": False}
_FLAG: Final = re.compile(
    r"ssl|http2|proxy_protocol|deferred|bind|reuseport|backlog=\d+|ipv6only=(?:on|off)|"
    # Idle time, interval and count; each may be left out, but not all of them.
    r"so_keepalive=(?:on|off|(?!::$)\w*:\w*:\d*)"
)
# Accepted, because every copy of Kong's own file has them.
_WITHOUT_EFFECT: Final = re.compile(r"deferred|bind|backlog=\d+|so_keepalive=.+")
FORM: Final = (
    "must be of form: [off] | <ip>:<port> [ssl] [http2] [proxy_protocol] [deferred] "
    "[bind] [reuseport] [backlog=%d+] [ipv6only=on] [ipv6only=off] "
    "[so_keepalive=on] [so_keepalive=off] [so_keepalive=%w*:%w*:%d*], "
    "[... next entry ...]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """One address of a listen setting. `ipv6only` is None where the system decides."""

    host: str
    port: int
    tls: bool = False
    ipv6only: bool | None = None


def parse_listen(text: str) -> tuple[ListenAddress, ...]:
    """
    The addresses of a listen setting; none for `off`.

    Raises:
        ValueError: It does not have the form.
    """
    items = [item.strip() for item in text.split(",") if item.strip()]
    if not items or items[0].split()[0] == "off":
        return ()
    return tuple(_parse_entry(item) for item in items)


def _parse_entry(item: str) -> ListenAddress:
    match = _ENTRY.fullmatch(item)
    flags = match["flags"].split() if match else []
    if (
        match is None
        or not all(map(_FLAG.fullmatch, flags))
        or int(match["port"]) > 65535
    ):
        raise ValueError(FORM)
    if "proxy_protocol" in flags:
        # Ignored, every client would have the address of the balancer, and be trusted as it is.
        raise ValueError("the flag proxy_protocol is not supported yet")
    only = [f for f in flags if f in _V6_ONLY and ":" in match["host"]]
    return ListenAddress(
        host=match["host"].strip("[]"),
        port=int(match["port"]),
        tls="ssl" in flags,
        ipv6only=_V6_ONLY.get(only[-1]) if only else None,
    )


def find_flags_without_effect(text: str) -> tuple[str, ...]:
    """The flags of a listen setting that change nothing here, by name, once each."""
    found = [
        flag.partition("=")[0]
        for item in text.split(",")
        for flag in item.split()[1:]
        if _WITHOUT_EFFECT.fullmatch(flag)
    ]
    return tuple(dict.fromkeys(found))


def is_loopback(address: ListenAddress) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(address.host.strip("[]")).is_loopback
    except ValueError:
        return address.host == "localhost"
