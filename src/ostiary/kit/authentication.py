"""
What every authenticating plugin does alike: skip, admit, or let in as the anonymous consumer.

Each plugin alone must be satisfied. Where they name an anonymous consumer, one of them is
enough: who is authenticated already is not asked again, and who fails goes on as anonymous.

Spec: Kong's authentication (gateway §4.2), headers of auth plugins (§3.7).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

from ostiary.http.head import Field, Reply, fold_names
from ostiary.kit.exchange import AccessResult, Exchange, NeedsIo
from ostiary.kit.handler import NO_COOKIES
from ostiary.kit.replies import refuse
from ostiary.ports.consumers import Consumer

# Names that say who somebody is: only plugins may send them (security test T-H3).
IDENTITY_FIELDS: Final = fold_names(
    (
        b"X-Consumer-ID",
        b"X-Consumer-Custom-ID",
        b"X-Consumer-Username",
        b"X-Consumer-Groups",
        b"X-Credential-Identifier",
        b"X-Anonymous-Consumer",
        b"X-Authenticated-Groups",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Who was authenticated, and by which credential; `identifier` is what upstreams hear of it."""

    consumer: Consumer
    credential: str
    identifier: str


_UNTOLD: Final = re.compile(r"[\r\n\0]")
Verdict = Admitted | Reply | NeedsIo


def can_be_told(identifier: str) -> bool:
    """Whether upstreams can hear of it: a line end or NUL has no place in a field (RFC 9110 §5.5)."""
    return _UNTOLD.search(identifier) is None


def build_consumer_fields(consumer: Consumer) -> list[Field]:
    """The fields that tell an upstream about a consumer; a name that it lacks is not sent."""
    named = (
        (b"X-Consumer-ID", consumer.id),
        (b"X-Consumer-Custom-ID", consumer.custom_id),
        (b"X-Consumer-Username", consumer.username),
    )
    # In UTF-8, whatever signs a name has: a byte of a field is opaque (RFC 9110 §5.5).
    return [(name, value.encode()) for name, value in named if value]


def admit(exchange: Exchange, admitted: Admitted) -> None:
    """Let the exchange be that of a consumer, and of nobody who was before."""
    exchange.drop(IDENTITY_FIELDS)
    exchange.upstream_fields += build_consumer_fields(admitted.consumer)
    identifier = admitted.identifier.encode()
    exchange.upstream_fields.append((b"X-Credential-Identifier", identifier))
    exchange.consumer = admitted.consumer
    exchange.credential = admitted.credential
    exchange.groups = None


def admit_anonymous(exchange: Exchange, name: str) -> Reply | None:
    """Let the exchange be that of the anonymous consumer; the error when there is none."""
    consumer = exchange.consumers.find(name, by=("id", "username"))
    if consumer is None:
        text = f"anonymous consumer {name} is configured but doesn't exist"
        return refuse(exchange, 500, text)
    exchange.drop(IDENTITY_FIELDS)
    exchange.upstream_fields += build_consumer_fields(consumer)
    exchange.upstream_fields.append((b"X-Anonymous-Consumer", b"true"))
    exchange.consumer = consumer
    exchange.credential = None
    exchange.groups = None
    return None


class Authenticator(ABC):
    """A plugin that finds out who asks. It says how in `judge`, and in `judge_io` after NEEDS_IO."""

    own_cookies = NO_COOKIES

    def __init__(self, *, anonymous: str | None, run_on_preflight: bool = True) -> None:
        self._anonymous = anonymous
        self._run_on_preflight = run_on_preflight

    @abstractmethod
    def judge(self, exchange: Exchange) -> Verdict:
        """Who asks, the refusal of somebody else, or that I/O is needed."""

    async def judge_io(
        self,
        exchange: Exchange,  # noqa: ARG002 - the hook's name
    ) -> Admitted | Reply:
        """The same with I/O."""
        raise RuntimeError("this plugin never asks for I/O")

    def access(self, exchange: Exchange) -> AccessResult:
        if exchange.method == b"OPTIONS" and not self._run_on_preflight:
            return None
        if self._anonymous and exchange.credential is not None:
            return None  # another plugin has authenticated this request already
        return self._settle(exchange, self.judge(exchange))

    async def access_io(self, exchange: Exchange) -> Reply | None:
        result = self._settle(exchange, await self.judge_io(exchange))
        assert not isinstance(result, NeedsIo)
        return result

    def _settle(self, exchange: Exchange, verdict: Verdict) -> AccessResult:
        match verdict:
            case Admitted():
                admit(exchange, verdict)
                return None
            case Reply(status=401) if self._anonymous:
                return admit_anonymous(exchange, self._anonymous)
            case _:
                return verdict
