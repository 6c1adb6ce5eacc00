"""Where a pool's triggers run: somebody else's code, asked synchronously."""

from __future__ import annotations

from typing import Any, Protocol

Event = dict[str, Any]  # Any: JSON


class TriggerRefused(Exception):
    """The code ran and raised an error; `message` is its text, for the caller to read."""

    code = "trigger_refused"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class TriggerUnavailable(Exception):
    """The code could not be run, or did not answer in time."""

    code = "trigger_unavailable"


class TriggerHost(Protocol):
    """Runs triggers by their resource name."""

    async def invoke(self, arn: str, event: Event) -> object:
        """
        What the trigger answers to an event; it should be the event with its response filled in.

        Raises:
            TriggerRefused: It raised an error of its own.
            TriggerUnavailable: It could not be asked.
        """
        ...
