"""
An exchange that is over, as plugins hear of it.

Spec: Kong's log serializer (gateway §4.6), what all its loggers send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class Finished:
    """
    How it ended. Times in milliseconds, sizes in bytes.

    `status` is what the client was sent, 499 when it left before; `upstream_ms` is what the
    upstream took to begin its response, None without one.
    """

    status: int
    upstream_status: int | None
    sent_bytes: int
    total_ms: float
    upstream_ms: float | None
    serialize: Callable[[], Mapping[str, Any]] = field(repr=False)  # Any: JSON values
    _document: Mapping[str, Any] | None = field(default=None, init=False, repr=False)

    @property
    def document(self) -> Mapping[str, Any]:
        """
        Everything about it as JSON values, in Kong's shape and without credentials.

        Made once, when somebody first asks.
        """
        if self._document is None:
            self._document = self.serialize()
        return self._document
