"""
Which route a request matches, by Kong's rules alone: every route is looked at, nothing is indexed.

Written from the rules (gateway §3.1 and §3.2), with plain dictionaries and Python's own regular
expressions; it shares no code with the gateway.
"""

from __future__ import annotations

import re
from typing import Any

ATTRIBUTES = ("methods", "hosts", "headers", "snis", "paths")


def choose(routes: list[dict[str, Any]], request: dict[str, Any]) -> str | None:
    """The id of the winning route, or None."""
    found = [
        (priority(route, path), -route["created_at"], route["id"])
        for route in routes
        for path in route.get("paths") or [None]
        if matches(route, path, request)
    ]
    return max(found)[-1] if found else None


def matches(route: dict[str, Any], path: str | None, request: dict[str, Any]) -> bool:
    """Tell whether all attributes that are set match; one value of each is enough."""
    return (
        _path_matches(path, request["path"])
        and (not route.get("methods") or request["method"] in route["methods"])
        and (
            not route.get("hosts")
            or any(_host_matches(h, request) for h in route["hosts"])
        )
        and all(
            _header_matches(name, values, request["headers"])
            for name, values in (route.get("headers") or {}).items()
        )
        and (
            not route.get("snis")
            or not request["tls"]
            or (request["sni"] or "").rstrip(".").lower()
            in {sni.rstrip(".").lower() for sni in route["snis"]}
        )
    )


def priority(route: dict[str, Any], path: str | None) -> int:
    """The 64 bits of traditional_compatible."""
    hosts = route.get("hosts") or []
    is_regex = path is not None and path.startswith("~")
    bits = sum(1 for name in ATTRIBUTES if route.get(name)) << 61
    bits |= int(bool(hosts) and not any("*" in host for host in hosts)) << 60
    bits |= min(len(route.get("headers") or {}), 255) << 52
    bits |= int(is_regex) << 51
    if is_regex:
        bits |= int(route["regex_priority"]) << 19
    elif path is not None:
        bits |= len(path)
    return bits


def _path_matches(path: str | None, asked: str) -> bool:
    if path is None:
        return True
    if path.startswith("~"):
        return re.match(path[1:], asked) is not None
    return asked.startswith(path)


def _host_matches(host: str, request: dict[str, Any]) -> bool:
    name, _, port = host.lower().partition(":")
    if port and int(port) != request["port"]:
        return False
    asked = request["host"]
    if name.startswith("*"):
        return bool(asked.endswith(name[1:]) and asked != name[1:])
    if name.endswith("*"):
        return bool(asked.startswith(name[:-1]))
    return bool(asked == name)


def _header_matches(name: str, values: list[str], sent: list[tuple[str, str]]) -> bool:
    there = [value.lower() for key, value in sent if key.lower() == name.lower()]
    if len(values) == 1 and values[0].startswith("~*"):
        return any(re.search(values[0][2:], v, re.IGNORECASE) for v in there)
    return any(value.lower() in there for value in values)
