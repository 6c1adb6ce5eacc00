"""Who may be known to the gateway besides the provider: consumers, by any of their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """A consumer as plugins see it. At least one of `username` and `custom_id` is set."""

    id: str
    username: str | None = None
    custom_id: str | None = None


class Consumers(Protocol):
    """The consumers of one configuration. Another configuration's is another object."""

    def find(
        self, value: str, *, by: Sequence[str], ignore_case: bool = False
    ) -> Consumer | None:
        """
        The consumer of a name.

        Args:
            by: `id`, `username` and `custom_id`, tried in order.
            ignore_case: For `username` only.
        """
        ...


class NoConsumers:
    """For configurations without any."""

    def find(
        self,
        value: str,  # noqa: ARG002 - the port's name
        *,
        by: Sequence[str],  # noqa: ARG002 - the port's name
        ignore_case: bool = False,  # noqa: ARG002 - the port's name
    ) -> Consumer | None:
        return None


NO_CONSUMERS: Consumers = NoConsumers()
