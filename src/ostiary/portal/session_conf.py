"""
`portal_session_conf`: the sessions of portals that sign developers in themselves. Pure.

It is the configuration of Kong's session plugin, as texts of both its generations write it. What
is not known there is refused where it is saved: a misspelt key must not be a weaker session.

Spec: portal §§1.2, 6.1 (renamed keys silently ignored).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ostiary.http.cookies import SameSite, is_cookie_name
from ostiary.http.url import MalformedUrl, split_host

Problems = list[tuple[str, str]]
# Whoever works for a day signs in again (the session library's absolute timeout).
ABSOLUTE_S: Final = 86_400
_MAX_S: Final = 366 * 24 * 3600
_MIN_SECRET: Final = 16
_SAME_SITES: Final[Mapping[str, SameSite]] = {
    "strict": "Strict", "lax": "Lax", "none": "None", "off": "Default", "default": "Default",
}  # fmt: skip
# Kong's old word for what the new one says.
_RENAMED: Final = {
    "cookie_samesite": "cookie_same_site",
    "cookie_lifetime": "rolling_timeout",
}
# Browsers drop such a cookie, whatever case it is in, where it is not secure (RFC 6265bis §5.7).
_PREFIXES: Final = ("__host-", "__secure-")
# How somebody signs out is fixed: the pages know it.
_FIXED: Final[Mapping[str, object]] = {
    "logout_query_arg": "session_logout",
    "logout_post_arg": "session_logout",
    "logout_methods": ["POST", "DELETE"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConf:
    """
    How sessions live; times in seconds.

    A session ends `idling_s` after the last request (0 is never), when nobody has come for
    `rolling_s`, and after a day. Whoever changes `secret` ends all of them.
    """

    secret: str | None = field(default=None, repr=False)
    cookie_name: str | None = None
    cookie_domain: str | None = None
    cookie_secure: bool | None = None
    same_site: SameSite = "Lax"
    rolling_s: int = 3600
    idling_s: int = 900

    @property
    def idle_s(self) -> int:
        """How long a session lives without a request."""
        limits = [limit for limit in (self.rolling_s, self.idling_s) if limit]
        return min([*limits, ABSOLUTE_S])


def read_session_conf(text: str | None) -> SessionConf:
    """
    The sessions of a JSON text; our own where there is none.

    Raises:
        ValueError: Something is wrong; the text names it.
    """
    if text is None:
        return SessionConf()
    if problems := judge_session_conf(text):
        raise ValueError("; ".join(f"{name}: {words}" for name, words in problems))
    said = _rename(json.loads(text))
    same_site = said.get("cookie_same_site", "Lax")
    return SessionConf(
        secret=said["secret"],
        cookie_name=said.get("cookie_name"),
        cookie_domain=said.get("cookie_domain"),
        cookie_secure=said.get("cookie_secure"),
        same_site=_SAME_SITES[same_site.lower()],
        rolling_s=said.get("rolling_timeout", 3600),
        idling_s=said.get("idling_timeout", 900),
    )


def judge_session_conf(text: str) -> Problems:
    """What is wrong with a configuration, by its keys."""
    said: dict[str, Any] = json.loads(text)  # Any: JSON
    if not isinstance(said, dict):
        return [("", "must be a JSON object")]
    problems: Problems = []
    if "secret" not in said:
        problems.append(("secret", f"required field missing: {_MIN_SECRET} characters or more, which nobody knows"))  # fmt: skip
    for name, value in said.items():
        new = _RENAMED.get(name, name)
        if new != name and new in said and said[new] != value:
            problems.append((name, f"says something else than {new}"))
        judge = _JUDGES.get(new)
        if new in _FIXED:
            if value != _FIXED[new]:
                problems.append((name, f"must not be changed: leave it out, or {json.dumps(_FIXED[new])}"))  # fmt: skip
        elif judge is None:
            # A reply is UTF-8, whatever a name is.
            shown = name.encode("ascii", "backslashreplace").decode()
            problems.append((shown, f"unknown field; known are {', '.join(sorted(_JUDGES))}"))  # fmt: skip
        elif (words := judge(value)) is not None:
            problems.append((name, words))
    prefix = str(said.get("cookie_name", "")).lower()
    if prefix.startswith(_PREFIXES) and said.get("cookie_secure") is False:
        problems.append(("cookie_secure", "must be true with a cookie_name that begins with __Host- or __Secure-"))  # fmt: skip
    if prefix.startswith("__host-") and said.get("cookie_domain"):  # fmt: skip
        problems.append(("cookie_domain", "goes with no cookie_name that begins with __Host-"))  # fmt: skip
    return problems


def _rename(said: Mapping[str, Any]) -> dict[str, Any]:
    return {_RENAMED.get(name, name): value for name, value in said.items()}


def _judge_secret(value: object) -> str | None:
    if not isinstance(value, str) or len(value) < _MIN_SECRET:
        return f"must be a text of {_MIN_SECRET} characters or more"
    if any("\ud800" <= c <= "\udfff" for c in value):
        return "has characters that are none: halves of a pair"
    return None


def _judge_name(value: object) -> str | None:
    if not isinstance(value, str) or not is_cookie_name(value) or len(value) > 100:
        return "must be the name of a cookie"
    return None


def _judge_domain(value: object) -> str | None:
    try:
        if isinstance(value, str) and split_host(value.removeprefix("."))[1] is None:
            return None
    except MalformedUrl:
        pass
    return "must be a host name"


def _judge_storage(value: object) -> str | None:
    if value == "kong":
        return None
    return (
        'must be "kong": sessions are kept in the database, so that they can be ended'
    )


def _judge_same_site(value: object) -> str | None:
    if isinstance(value, str) and value.lower() in _SAME_SITES:
        return None
    return "must be Strict, Lax, None or off"


def _judge_switch(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _judge_off(value: object) -> str | None:
    return None if value is False else "must be false: only an id is in the cookie"


def _judge_time(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_S:
        return None
    return f"must be a number of seconds between 0 and {_MAX_S}"


_JUDGES: Final[Mapping[str, Callable[[object], str | None]]] = {
    "secret": _judge_secret,
    "storage": _judge_storage,
    "cookie_name": _judge_name,
    "cookie_domain": _judge_domain,
    "cookie_secure": _judge_switch,
    "cookie_same_site": _judge_same_site,
    "rolling_timeout": _judge_time,
    "idling_timeout": _judge_time,
    "hash_subject": _judge_off,
    "store_metadata": _judge_off,
}
