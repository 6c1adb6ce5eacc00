"""
A plugin whose references mean something that does not fit: it answers every request with 500.

Nothing goes past a plugin that cannot do its work: it may be the one that asks who somebody is.
"""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.http.head import Reply
from ostiary.kit import Exchange, Instant, Services, error_reply
from ostiary.model.gateway import Plugin


@dataclass(frozen=True, slots=True)
class Unfit:
    """The places of a config whose references do not fit."""

    places: tuple[str, ...]


class OutOfOrder(Instant):
    """Stands in the place of a plugin."""

    def __init__(self, row: Plugin, unfit: Unfit, services: Services) -> None:
        self._log = services.log
        self._text = (
            f"plugin {row.name} {row.id} is out of order: what is referred to does not fit at "
            f"{', '.join(unfit.places)}"
        )
        services.log("error", self._text)

    def access(self, exchange: Exchange) -> Reply:
        """Refuse."""
        self._log("error", self._text)
        return error_reply(
            500,
            "An unexpected error occurred",
            kind=exchange.error_kind,
            request_id=exchange.request_id,
        )
