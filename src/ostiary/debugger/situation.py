"""
All that is known of one step when its cause is looked for, and the provider's words about clients.

Spec: RFC 6749 §5.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ostiary.debugger.values import Cause, Kind, Setup
from ostiary.http.exchange import IncomingReply
from ostiary.oidc.rp.checks import Check
from ostiary.ports.fetch import FetchFailed

Json = Mapping[str, Any]  # Any: JSON
MAX_WORDS: Final = 300
MAX_READ: Final = 1000
# What a made-up code is answered with by whoever has let the client in.
LET_IN: Final = frozenset({"invalid_grant", "an answer (200)"})
CLIENT_ERRORS: Final = frozenset(
    {"invalid_client", "unauthorized_client", "status 401"}
)
_OTHER_ERRORS: Final = frozenset({"invalid_grant", "invalid_request", "invalid_scope", "unsupported_grant_type"})  # fmt: skip


def name_client_error(error: str, status: int) -> str:
    """
    The word that says that a client was not let in; empty where it was.

    Auth0 says so with a word of its own (access_denied), which only the status tells.
    """
    if error in CLIENT_ERRORS:
        return error
    return "status 401" if status == 401 and error and error not in _OTHER_ERRORS else ""  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """
    All that is known of one step.

    `error` and `description` are the provider's own words: of an OAuth error, or of a page that says
    why it refuses. `trials` says what each client authentication method was answered with, to a
    made-up code: one of `CLIENT_ERRORS` for a client that was not let in.
    """

    kind: Kind
    setup: Setup
    now: float
    document: Json | None = field(default=None, repr=False)
    failure: FetchFailed | None = None
    reply: IncomingReply | None = field(default=None, repr=False)
    checks: tuple[Check, ...] = ()
    error: str = ""
    description: str = ""
    id_token: str = field(default="", repr=False)
    auth_method: str = ""
    trials: tuple[tuple[str, str], ...] = ()

    def failed(self, *names: str) -> Check | None:
        """The first of these checks that failed."""
        return next((c for c in self.checks if not c.passed and c.name in names), None)

    def says(self, pattern: str) -> bool:
        """Whether the provider's words have something, whatever its letters' case."""
        # Cut: whatever a pattern is like, a provider's words take no time.
        words = f"{self.error[:MAX_READ]} {self.description[:MAX_READ]}"
        return re.search(pattern, words, re.IGNORECASE) is not None

    @property
    def words(self) -> str:
        """The provider's own words, cut, without a full stop at their end."""
        words = ": ".join(word for word in (self.error, self.description) if word)
        return words[:MAX_WORDS].rstrip(". ")

    @property
    def client_error(self) -> str:
        """The word that says that a client was not let in; empty where it was."""
        status = self.reply.status if self.reply is not None and self.kind in TOKEN_KINDS else 0  # fmt: skip
        return name_client_error(self.error, status)


Rule = Callable[[Situation], Cause | None]
TOKEN_KINDS: Final = frozenset({"token", "refresh", "client_credentials"})
