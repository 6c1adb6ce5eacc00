"""
What a configured plugin may be asked: one small protocol for each phase.

A handler has the hooks that it needs and no others; which it has is found once, when routes
are compiled, so that a phase costs nothing where nobody takes part.

Spec: Kong's plugin phases (gateway §4.2); its order is that of priorities in every phase.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from ostiary.http.head import Reply
from ostiary.kit.exchange import AccessResult, Exchange
from ostiary.kit.finished import Finished
from ostiary.kit.response import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCookies:
    """
    Cookies that are between the browser and the gateway: names, and beginnings of names.

    No upstream of any route sees them: whoever holds one could use it here.
    """

    names: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()


NO_COOKIES: Final = OwnCookies()


class Handler(Protocol):
    """One configured instance of a plugin. Without cookies of its own it says `OwnCookies()`."""

    own_cookies: OwnCookies


@runtime_checkable
class AccessHook(Protocol):
    """Takes part before the request goes on."""

    def access(self, exchange: Exchange) -> AccessResult:
        """Answer, let pass with None, or say that I/O is needed."""
        ...

    async def access_io(self, exchange: Exchange) -> Reply | None:
        """The same with I/O; called only after NEEDS_IO."""
        ...


@runtime_checkable
class ResponseHook(Protocol):
    """Sees and edits the head of every response, the upstream's and the gateway's own."""

    def on_response(self, exchange: Exchange, response: Response) -> None:
        """Edit status and fields."""
        ...


@runtime_checkable
class BodyHook(Protocol):
    """Edits whole bodies of responses. A body that is wanted is held back until it is complete."""

    def wants_body(self, exchange: Exchange, response: Response) -> bool:
        """Tell whether this response's body is to be held and edited; heads are edited before."""
        ...

    def edit_body(self, exchange: Exchange, response: Response, body: bytes) -> bytes:
        """The body as it goes on, without content coding; fields may still be edited."""
        ...


@runtime_checkable
class FinishHook(Protocol):
    """Hears of every exchange that is over."""

    def on_finish(self, exchange: Exchange, finished: Finished) -> None:
        """Take note. Whatever takes time belongs into the background."""
        ...


@runtime_checkable
class TakesApplications(Protocol):
    """Lets developers' applications be among those whom plugins know, wherever it takes part."""

    takes_applications: bool


class Instant:
    """A handler whose access needs no I/O, and which keeps no cookies. To be inherited."""

    own_cookies = NO_COOKIES

    async def access_io(self, exchange: Exchange) -> Reply | None:  # noqa: ARG002 - the hook's name
        raise RuntimeError("this plugin never asks for I/O")
