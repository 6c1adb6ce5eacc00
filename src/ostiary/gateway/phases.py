"""
Who takes part in which phase, found once per route; and how bodies of responses are edited.

Spec: Kong's plugin phases (gateway §4.2).
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeGuard, TypeVar

from ostiary.gateway.decision import MAX_HELD_BYTES
from ostiary.gateway.variants import Variants
from ostiary.kit import (
    AccessHook,
    BodyHook,
    Exchange,
    FinishHook,
    Handler,
    Response,
    ResponseHook,
    TakesApplications,
)

Hook = TypeVar("Hook", AccessHook, ResponseHook, BodyHook, FinishHook)
_LOG = logging.getLogger("ostiary.gateway")
_CODINGS = frozenset((b"gzip", b"x-gzip", b"deflate"))


class BodyOverLimit(Exception):
    """A body that plugins were to edit is longer than we hold."""

    code = "body_over_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """
    The handlers of each phase, in order. `after` says that there are some after access.

    With `applications` developers' applications are among those whom handlers know.
    """

    access: tuple[AccessHook, ...] = ()
    response: tuple[ResponseHook, ...] = ()
    body: tuple[BodyHook, ...] = ()
    finish: tuple[FinishHook, ...] = ()
    applications: bool = False
    after: bool = field(init=False)

    def __post_init__(self) -> None:
        after = bool(self.response or self.body or self.finish)
        object.__setattr__(self, "after", after)


NO_HOOKS: Final = Hooks()


def _members(handler: Handler) -> tuple[Handler, ...]:
    return handler.members if isinstance(handler, Variants) else (handler,)


def plan_hooks(chain: tuple[Handler, ...]) -> Hooks:
    """Who takes part in which phase of a chain."""
    if not chain:
        return NO_HOOKS
    return Hooks(
        # Variants always: which of them serves later phases is settled in this one.
        access=tuple(h for h in chain if _has(h, AccessHook)),  # type: ignore[type-abstract]  # asked about, never made
        response=tuple(h for h in chain if _takes_part(h, ResponseHook)),  # type: ignore[type-abstract]  # as above
        body=tuple(h for h in chain if _takes_part(h, BodyHook)),  # type: ignore[type-abstract]  # as above
        finish=tuple(h for h in chain if _takes_part(h, FinishHook)),  # type: ignore[type-abstract]  # as above
        applications=any(isinstance(h, TakesApplications) for h in chain),
    )


# Looking at a protocol's methods takes 30 us, and a configuration has plans by the thousand.
_KNOWN: dict[tuple[type, type], bool] = {}


def _has(handler: object, hook: type[Hook]) -> TypeGuard[Hook]:
    """Whether a handler has a phase's hooks: all of its class do, or none."""
    key = (type(handler), hook)
    known = _KNOWN.get(key)
    if known is None:
        known = _KNOWN[key] = isinstance(handler, hook)
    return known


def _takes_part(handler: Handler, hook: type[Hook]) -> TypeGuard[Hook]:
    members = _members(handler)
    return _has(handler, hook) and any(_has(m, hook) for m in members)


def edit_head(hooks: Hooks, exchange: Exchange, response: Response) -> None:
    """Let everyone edit the head of a response."""
    for hook in hooks.response:
        hook.on_response(exchange, response)


def find_editors(
    hooks: Hooks, exchange: Exchange, response: Response
) -> tuple[BodyHook, ...]:
    """Who wants to edit the body of this response, which must be readable to us."""
    if not hooks.body:
        return ()
    editors = tuple(h for h in hooks.body if h.wants_body(exchange, response))
    if editors and not _is_readable(response):
        _LOG.warning("a body was not edited: its content coding is not known here")
        return ()
    return editors


def edit_body(
    editors: Iterable[BodyHook], exchange: Exchange, response: Response, body: bytes
) -> bytes:
    """
    The body as it goes on; its content coding is taken off, and the field that names it.

    Raises:
        BodyOverLimit: It is longer than `MAX_HELD_BYTES` when decoded.
        zlib.error: It is not in the coding that the response names.
    """
    coding = response.find(b"content-encoding")
    if coding is not None:
        body = _decode(coding.strip().lower(), body)
        response.remove(b"content-encoding")
    for editor in editors:
        body = editor.edit_body(exchange, response, body)
    return body


def _is_readable(response: Response) -> bool:
    coding = response.find(b"content-encoding")
    return coding is None or coding.strip().lower() in {*_CODINGS, b"identity"}


def _decode(coding: bytes, body: bytes) -> bytes:
    if coding not in _CODINGS or not body:
        return body
    # 32 more recognises gzip and zlib by their heads; some send deflate without any.
    try:
        return _inflate(body, zlib.MAX_WBITS | 32)
    except zlib.error:
        if coding != b"deflate":
            raise
        return _inflate(body, -zlib.MAX_WBITS)


def _inflate(body: bytes, bits: int) -> bytes:
    found: list[bytes] = []
    left = MAX_HELD_BYTES
    while body:  # gzip may have several members
        inflate = zlib.decompressobj(bits)
        piece = inflate.decompress(body, left + 1)
        left -= len(piece)
        if left < 0 or inflate.unconsumed_tail:
            raise BodyOverLimit
        if not inflate.eof:
            raise zlib.error("cut short")
        found.append(piece)
        body = inflate.unused_data
    return b"".join(found)
