"""
Who may be known to the gateway besides the provider: consumers and their credentials.

All of it is in memory: a look-up on the way of a request neither waits nor fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

CredentialKind = Literal["keyauth_credentials", "basicauth_credentials", "jwt_secrets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A developer's application: `services` are the ids of those that it has a good contract with."""

    name: str
    services: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """
    A consumer as plugins see it.

    At least one of `username` and `custom_id` is set of those that operators entered. An `application` is a developer's: it has no username, and a `custom_id` only where that was
    proven. It may call what it has a contract with, and nothing else. A developer by a credential of
    their own has neither, and nobody finds them but by that.
    """

    id: str
    username: str | None = None
    custom_id: str | None = None
    application: Application | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """
    What a consumer signs in with; `values` are the row's fields as Kong names them.

    `expires_at` is in Unix seconds; None never expires.
    """

    id: str
    consumer: Consumer
    values: Mapping[str, Any] = field(repr=False)
    expires_at: float | None = None


class Consumers(Protocol):
    """
    The consumers of one configuration. Another configuration's is another object.

    Applications are among them only where a service takes them.
    """

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

    def credential(self, kind: CredentialKind, name: str) -> Credential | None:
        """The credential of a key (key-auth, jwt) or a username (basic-auth)."""
        ...

    def acl_groups(self, consumer_id: str) -> tuple[str, ...]:
        """The groups of a consumer's rows of `acls`, as written."""
        ...

    def memberships(self, consumer_id: str) -> tuple[str, ...]:
        """The ids of the consumer groups that a consumer is in, the oldest first."""
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

    def credential(
        self,
        kind: CredentialKind,  # noqa: ARG002 - the port's name
        name: str,  # noqa: ARG002 - the port's name
    ) -> Credential | None:
        return None

    def acl_groups(
        self,
        consumer_id: str,  # noqa: ARG002 - the port's name
    ) -> tuple[str, ...]:
        return ()

    def memberships(
        self,
        consumer_id: str,  # noqa: ARG002 - the port's name
    ) -> tuple[str, ...]:
        return ()


NO_CONSUMERS: Consumers = NoConsumers()
