"""What a site asks the debugger, and what it is to show. Decision 0051."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from ostiary.http.forms import Pairs

# How the cookies of sign-ins that have begun are called.
FLOW_COOKIE: Final = "ostiary-debugger-"


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugCall:
    """
    One visit to the debugger.

    `form` is what was posted, None for a visit that posts nothing. `redirect_uri` is where a provider
    sends people back to this site, `origin` the site's own, and `admin` the Admin API's address for
    lines to copy. `owner` is who asks: nobody else can go on with their run. `flow` is the value of the
    cookie that `flow_cookie` names, `others` those of other sign-ins of this browser, by name: an answer
    with a changed state belongs to one of them. `is_answer`: the visit is to the redirect URI. `is_foreign`: a page elsewhere led here.
    """

    form: Pairs | None = field(default=None, repr=False)
    query: Pairs = field(default=(), repr=False)
    redirect_uri: str
    origin: str
    admin: str = "http://127.0.0.1:8001"
    owner: str = ""
    flow: str | None = field(default=None, repr=False)
    others: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_answer: bool = False
    is_foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugPage:
    """
    Values for the debugger's template, under the name `debug`.

    `flow` is a cookie to set on the redirect URI's path: name and sealed value; `done` one to delete.
    """

    values: Mapping[str, object] = field(repr=False)
    status: int = 200
    flow: tuple[str, str] | None = field(default=None, repr=False)
    done: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugFile:
    """A file to save."""

    name: str
    media_type: str
    body: bytes = field(repr=False)


class Debugger(Protocol):
    """The debugger without a site around it."""

    def flow_cookie(self, query: Pairs) -> str | None:
        """The cookie of the sign-in that an answer belongs to; None for no answer."""
        ...

    async def answer(self, call: DebugCall) -> DebugPage | DebugFile:
        """What to show."""
        ...

    def replay(self, story: Mapping[str, object]) -> Mapping[str, object]:
        """Values for the template out of a story of the gateway (`explain`); none where it is no story."""
        ...
