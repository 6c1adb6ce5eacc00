"""
How operators sign in to the Manager: settings, and what must hold among them. Pure.

Spec: portal §2.7; gateway §5.6.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ostiary.settings.table import Settings

OPENID_CONNECT: Final = "openid-connect"
IDLE_S: Final = 3600
ABSOLUTE_S: Final = 12 * 3600
_LONGEST_S: Final = 30 * 86400
# What Kong's session plugin calls the two clocks, before 3.0 and since. A session of ours is
# renewed by being used, so what Kong calls rolling is how long it may lie unused.
_IDLE: Final = ("idling_timeout", "rolling_timeout", "cookie_idletime", "cookie_lifetime")  # fmt: skip
_ABSOLUTE: Final = ("absolute_timeout",)
# What Kong has and what follows here from how sessions are kept: on the node, named by a cookie.
_WITHOUT_EFFECT: Final = frozenset(
    {
        "secret", "storage", "audience", "stale_ttl", "hash_subject", "store_metadata",
        "cookie_name", "cookie_path", "cookie_domain", "cookie_secure", "cookie_http_only",
        "cookie_httponly", "cookie_same_site", "cookie_samesite", "cookie_renew",
        "cookie_discard", "logout_methods", "logout_query_arg", "logout_post_arg",
        "read_body_for_logout", "remember", "remember_cookie_name",
        "remember_rolling_timeout", "remember_absolute_timeout", "request_headers",
        "response_headers", "bind",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClocks:
    """How long a session of an operator lasts: without a request, and in any case."""

    idle_s: int = IDLE_S
    absolute_s: int = ABSOLUTE_S


def read_admin_auth(value: object) -> object:
    """
    The way to sign in, of which there is one; None for RBAC tokens.

    Raises:
        ValueError: Another one.
    """
    said = value.strip().lower() if isinstance(value, str) else value
    if said in {None, "", "off", "none"}:
        return None
    if said == OPENID_CONNECT:
        return said
    raise ValueError(
        "must be openid-connect or not set: without it operators sign in to the Manager with RBAC "
        "tokens (enforce_rbac); passwords and LDAP are not supported"
    )


def read_record(text: str) -> dict[str, Any]:  # Any: JSON
    """
    A JSON object.

    Raises:
        ValueError: It is none.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        # Without what the parser says: it may quote a secret.
        raise ValueError("must be a JSON object")
    return found


def read_session_clocks(text: str | None) -> SessionClocks:
    """
    The clocks in `admin_gui_session_conf`, in the words of Kong's session plugin.

    Raises:
        ValueError: An unknown name, or a time that cannot be; the text says which.
    """
    said = {} if text is None else read_record(text)
    known = {*_IDLE, *_ABSOLUTE, *_WITHOUT_EFFECT}
    strange = sorted(name for name in said if name not in known)
    if strange:
        raise ValueError(f"unknown fields: {', '.join(strange)}")
    absolute_s = _read_time(said, _ABSOLUTE, ABSOLUTE_S)
    idle_s = _read_time(said, _IDLE, IDLE_S)
    return SessionClocks(idle_s=min(idle_s, absolute_s), absolute_s=absolute_s)


def _read_time(said: Mapping[str, Any], names: tuple[str, ...], usual: int) -> int:
    """The shortest of some times; 0 is no limit, for which there is ours."""
    found = []
    for name in names:
        value = said.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name}: must be a number of seconds")
        if not 0 <= value <= _LONGEST_S:
            raise ValueError(f"{name}: must be between 0 and {_LONGEST_S} seconds")
        if value:
            found.append(max(1, int(value)))
    return min(found, default=usual)


def check_operators(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong with how operators sign in: (setting, text)."""
    try:
        read_session_clocks(settings.admin_gui_session_conf)
    except ValueError as error:
        yield "admin_gui_session_conf", str(error)
    if settings.admin_gui_auth is None:
        return
    if settings.enforce_rbac == "off":
        text = "needs enforce_rbac = on: an admin may do what the roles of an RBAC user say"
        yield "admin_gui_auth", text
    if not settings.admin_gui_url:
        text = (
            "needs admin_gui_url, the address at which browsers open the Manager: the provider "
            "sends them back there"
        )
        yield "admin_gui_auth", text
    if settings.admin_gui_auth_conf is None:
        yield "admin_gui_auth_conf", "required with admin_gui_auth: a JSON object"
        return
    try:
        read_record(settings.admin_gui_auth_conf)
    except ValueError as error:
        yield "admin_gui_auth_conf", str(error)
