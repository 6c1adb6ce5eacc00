"""
How the text of each kind of setting is read. Pure.

Spec: gateway §5.1 (types), §5.3 (headers, port maps).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from ostiary.http.url import is_http_url
from ostiary.settings.listen import ListenAddress, parse_listen


def _read_bool(value: object) -> object:
    words = {"on": True, "true": True, "off": False, "false": False}
    if isinstance(value, str):
        if value.lower() not in words:
            raise ValueError("must be on or off")
        return words[value.lower()]
    return value


def _read_listen(value: object) -> object:
    return parse_listen(value) if isinstance(value, str) else value


def _read_networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    found: list[str] = []
    for item in (part.strip() for part in value.split(",") if part.strip()):
        try:
            found.append(str(ipaddress.ip_network(item, strict=False)))
        except ValueError as error:
            raise ValueError(f"invalid ip or cidr range: '{item}'") from error
    return tuple(found)


def _read_port_maps(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = []
    for item in (part.strip() for part in value.split(",") if part.strip()):
        match = re.fullmatch(r"(\d{1,5}):(\d{1,5})", item)
        if match is None or max(int(match[1]), int(match[2])) > 65535:
            raise ValueError("must be of form: published:listener, for example 80:8000")
        found.append((int(match[1]), int(match[2])))
    return tuple(found)


def _read_workers(value: object) -> object:
    return 0 if value == "auto" else value


TOKENS = {
    "server_tokens": ("server", "via"),
    "server": ("server",),
    "via": ("via",),
    "latency_tokens": (
        "x-kong-proxy-latency",
        "x-kong-response-latency",
        "x-kong-upstream-latency",
    ),
    "x-kong-proxy-latency": ("x-kong-proxy-latency",),
    "x-kong-response-latency": ("x-kong-response-latency",),
    "x-kong-upstream-latency": ("x-kong-upstream-latency",),
    "x-kong-upstream-status": ("x-kong-upstream-status",),
    "x-kong-request-id": ("x-kong-request-id",),
    "x-kong-admin-latency": (),
    "off": (),
}


def _read_tokens(value: object) -> object:
    if not isinstance(value, str):
        return value
    found: list[str] = []
    for item in (part.strip().lower() for part in value.split(",") if part.strip()):
        if item not in TOKENS:
            raise ValueError(
                f"unknown header '{item}': must be one of {', '.join(TOKENS)}"
            )
        found += TOKENS[item]
    return tuple(dict.fromkeys(found))


def _read_names(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = [part.strip() for part in value.split(",") if part.strip()]
    if names == ["off"]:
        return ()
    wrong = [n for n in names if not re.fullmatch(r"[a-z][a-z0-9_-]*", n)]
    if wrong or not names or "off" in names:
        raise ValueError("must be bundled, names of plugins, or off alone")
    return tuple(dict.fromkeys(names))


_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}


def _read_seconds(value: object) -> object:
    """Seconds of nginx's `90`, `90s`, `500ms`, `2m`."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|)", value.strip())
    if match is None:
        raise ValueError("must be a time, for example 60s or 500ms")
    return float(match[1]) * _UNITS[match[2]]


def _read_protocols(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = tuple(value.replace(",", " ").split())
    if not found or not set(found) <= {"TLSv1.2", "TLSv1.3"}:
        raise ValueError("must name TLSv1.2, TLSv1.3 or both")
    return found


def _read_upstream_tokens(value: object) -> object:
    if isinstance(value, str) and value.lower() not in {"x-kong-request-id", "off"}:
        raise ValueError("must be x-kong-request-id or off")
    return _read_tokens(value)


def _read_field_name(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lower() == "proxy_protocol":
        raise ValueError("proxy_protocol is not supported yet")
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", value):
        raise ValueError("must be the name of a header field")
    return value


def _read_log(value: object) -> object:
    if not isinstance(value, str):
        return value
    path, *form = value.split()[:3] or [""]
    if path.rpartition("/")[2] in {"", ".", ".."} or "\0" in path:
        raise ValueError("must be a file, /dev/stdout, /dev/stderr or off")
    if form not in ([], ["json"]):
        raise ValueError("only json may follow: Kong's format names are not supported")
    return " ".join((path, *form))


def _read_rbac_level(value: object) -> object:
    levels = {"endpoint": "on", "true": "on", "false": "off"}
    found = value.lower() if isinstance(value, str) else value
    found = levels.get(str(found), found)
    if found not in {"on", "entity", "both", "off"}:
        raise ValueError("must be on, entity, both or off")
    return found


def _read_route_validation(value: object) -> object:
    if value == "path":
        raise ValueError("path is not supported yet: must be smart or off")
    if value not in {"smart", "off"}:
        raise ValueError("must be smart or off")
    return value


def _read_database(value: object) -> object:
    scheme = r"(sqlite(\+aiosqlite)?|postgres|postgresql(\+asyncpg)?)://"
    if isinstance(value, str) and not re.match(scheme, value):
        # Without the value: it may be a password that lost its URL.
        raise ValueError("must begin with postgresql:// or sqlite:///")
    return value


def _read_credentials(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition(":") for part in value.split(",") if part.strip()]
    if not all(key_id and secret for key_id, _, secret in pairs):
        # Without the value: it holds secrets.
        raise ValueError("must be ACCESS_KEY_ID:SECRET_ACCESS_KEY, comma-separated")
    return tuple((key_id, secret) for key_id, _, secret in pairs)


def _read_triggers(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = []
    for item in filter(None, (part.strip() for part in value.split(","))):
        name, equals, target = (part.strip() for part in item.partition("="))
        is_callable = re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", target)
        if not (equals and name and (is_callable or is_http_url(target))):
            raise ValueError(f"'{item}' is not NAME=URL or NAME=module:function")
        found.append((name, target))
    return tuple(found)


_HOST_WORD = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]|\*")


def read_allowed_hosts(value: object) -> str:
    """
    Hosts that may be asked: names, `*.domains`, `public`, or `*`; `off` alone for none.

    Raises:
        ValueError: A word is none of these.
    """
    words = [word.strip().lower() for word in str(value).split(",") if word.strip()]
    for word in words:
        if _HOST_WORD.fullmatch(word) is None or (word == "off" and len(words) > 1):
            raise ValueError(
                f"{word!r} is no host: write names such as idp.example.org or *.example.org, public for all "
                "public addresses, * for every host, or off alone"
            )
    return ", ".join(words) or "off"


AllowedHosts = Annotated[str, BeforeValidator(read_allowed_hosts)]
Tokens = Annotated[tuple[str, ...], BeforeValidator(_read_tokens)]
UpstreamTokens = Annotated[tuple[str, ...], BeforeValidator(_read_upstream_tokens)]
Names = Annotated[tuple[str, ...], BeforeValidator(_read_names)]
FieldName = Annotated[str, BeforeValidator(_read_field_name)]
Log = Annotated[str, BeforeValidator(_read_log)]
DatabaseUrl = Annotated[str, BeforeValidator(_read_database)]
Seconds = Annotated[float, BeforeValidator(_read_seconds), Field(gt=0, le=86400 * 365)]
Protocols = Annotated[tuple[str, ...], BeforeValidator(_read_protocols)]
Switch = Annotated[bool, BeforeValidator(_read_bool)]
Listen = Annotated[tuple[ListenAddress, ...], BeforeValidator(_read_listen)]
Networks = Annotated[tuple[str, ...], BeforeValidator(_read_networks)]
PortMaps = Annotated[tuple[tuple[int, int], ...], BeforeValidator(_read_port_maps)]
Triggers = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_read_triggers)]
Credentials = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_read_credentials)]
RbacLevel = Annotated[str, BeforeValidator(_read_rbac_level)]
RouteValidation = Annotated[str, BeforeValidator(_read_route_validation)]
Workers = Annotated[int, BeforeValidator(_read_workers), Field(ge=0, le=256)]
