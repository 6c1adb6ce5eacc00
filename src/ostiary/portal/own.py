"""
Signing in at the portal itself, without a provider: by address and password, or by a key. Pure.

Spec: portal §1.2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ostiary.model.words import Problem
from ostiary.model.workspaces import WorkspaceConfig
from ostiary.portal.complexity import Complexity, read_complexity
from ostiary.portal.session_conf import (
    SessionConf,
    judge_session_conf,
    read_session_conf,
)
from ostiary.settings import Settings

BASIC_AUTH: Final = "basic-auth"
KEY_AUTH: Final = "key-auth"
MODES: Final = frozenset({BASIC_AUTH, KEY_AUTH})
Mode = Literal["basic-auth", "key-auth"]
# A key is looked up without a name: it must be one that nobody can guess (decision 0046).
MIN_KEY_CHARS: Final = 24
MAX_KEY_CHARS: Final = 256
_MIN_KEY_LETTERS: Final = 10
# Of a key that somebody else has as well: whoever hears no more than that tries no other door.
BAD_KEY: Final = "repeats itself: let a program choose one at random"
NOT_CURRENT: Final = "must be your current password"
# What the plugins of these names know, and a portal does without.
_KNOWN_CONF: Final = frozenset({"hide_credentials"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSignIn:
    """How developers sign in here. After `attempts` wrong passwords an account is locked; 0 is never."""

    mode: Mode
    session: SessionConf = field(default_factory=SessionConf)
    complexity: Complexity = field(default_factory=Complexity)
    attempts: int = 0

    @property
    def secret_name(self) -> Literal["password", "key"]:
        """What developers sign in with, as forms and the API call it."""
        return "password" if self.mode == BASIC_AUTH else "key"

    def judge(self, secret: str, email: str = "") -> str | None:
        """Why a new password or key is not taken, None for one that is."""
        if self.mode == BASIC_AUTH:
            return self.complexity.judge(secret, email)
        return judge_key(secret)

    def describe(self) -> str:
        """What a password or key must be."""
        if self.mode == BASIC_AUTH:
            return self.complexity.describe()
        return f"must be {MIN_KEY_CHARS} to {MAX_KEY_CHARS} letters, digits and signs, chosen at random"


def judge_key(key: str) -> str | None:
    """Why a key is not taken, None for one that is."""
    if not MIN_KEY_CHARS <= len(key) <= MAX_KEY_CHARS:
        return f"must have {MIN_KEY_CHARS} to {MAX_KEY_CHARS} characters"
    if not key.isascii() or not key.isprintable() or " " in key:
        return "must have letters, digits and signs of ASCII only"
    if len(set(key)) < _MIN_KEY_LETTERS:
        return BAD_KEY
    return None


def read_own(settings: Settings, config: WorkspaceConfig, mode: Mode) -> OwnSignIn:
    """
    How developers sign in at a workspace's portal.

    Raises:
        ValueError: It is configured wrongly; the text says where.
    """
    own = config.portal_auth_login_attempts
    rules = config.portal_auth_password_complexity
    conf = config.portal_session_conf or settings.portal_session_conf
    try:
        complexity = read_complexity(rules or settings.portal_auth_password_complexity)
    except ValueError as error:
        raise ValueError(f"portal_auth_password_complexity: {error}") from error
    try:
        session = read_session_conf(conf)
    except ValueError as error:
        raise ValueError(f"portal_session_conf: {error}") from error
    return OwnSignIn(
        mode=mode,
        session=session,
        complexity=complexity,
        attempts=settings.portal_auth_login_attempts if own is None else own,
    )


def judge_own(settings: Settings, config: WorkspaceConfig) -> Iterator[Problem]:
    """What is wrong with what a workspace says of signing in here, at the fields at fault."""
    auth = config.portal_auth or settings.portal_auth or "none"
    if config.portal_session_conf is not None:
        for name, words in judge_session_conf(config.portal_session_conf):
            place = ("config", "portal_session_conf", *([name] if name else []))
            yield place, words
    rules = config.portal_auth_password_complexity
    try:
        read_complexity(rules)
    except ValueError as error:
        yield ("config", "portal_auth_password_complexity"), str(error)
    if config.portal_auth_login_attempts and auth != BASIC_AUTH:
        text = "only passwords are counted: must be 0 without portal_auth basic-auth"
        yield ("config", "portal_auth_login_attempts"), text


def judge_conf(conf: str) -> Iterator[Problem]:
    """What is wrong with `portal_auth_conf` of a portal that signs in itself."""
    said: dict[str, Any] = json.loads(conf)
    for name in said:
        if name not in _KNOWN_CONF:
            text = "unknown field: basic-auth and key-auth of a portal need no configuration"
            # A reply is UTF-8, whatever a name is.
            shown = name.encode("ascii", "backslashreplace").decode()
            yield ("config", "portal_auth_conf", shown), text
