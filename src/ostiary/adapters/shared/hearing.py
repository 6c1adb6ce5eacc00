"""Telling those who listen to a channel. One that breaks takes nothing from the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

_LOG = logging.getLogger("ostiary.shared")


def tell(
    hearers: Iterable[Callable[[bytes], None]], channel: str, message: bytes
) -> None:
    """Give a message to every hearer. Of one that raises, the error's type is logged."""
    for hear in tuple(hearers):
        try:
            hear(message)
        except Exception as error:  # noqa: BLE001 - the others and the reader go on
            kind = type(error).__name__
            _LOG.error("a message on %s was not understood: %s", channel, kind)
