"""
The attempts of one request at the targets of one upstream.

Spec: gateway §3.9 (retries ask the balancer anew), §3.11 (passive checks).
"""

from __future__ import annotations

from ostiary.gateway.balance import Balancer, build_host, build_target
from ostiary.gateway.balance_ways import Address
from ostiary.gateway.decision import Target, Try
from ostiary.gateway.health import Failure
from ostiary.http.head import RequestHead


class BalancedTries:
    """
    Implements the contract's `Tries`. The first field of `head` is Host.

    Each target hears its own Host, unless the request `keeps_host`.
    """

    __slots__ = ("_address", "_balancer", "_head", "_keeps_host", "_key", "_template", "_tried")  # fmt: skip

    def __init__(
        self,
        balancer: Balancer,
        template: Target,
        head: RequestHead,
        *,
        key: str | None,
        keeps_host: bool,
    ) -> None:
        self._balancer = balancer
        self._template = template
        self._head = head
        self._key = key
        self._keeps_host = keeps_host
        self._address: Address | None = None
        self._tried: tuple[Address, ...] = ()

    def next(self) -> Try | None:
        """Begin another attempt."""
        self.release()
        balancer, template = self._balancer, self._template
        address = balancer.choose(self._key, self._tried)
        if address is None:
            return None
        self._address = address
        address.load.active += 1
        head = self._head
        if not self._keeps_host:
            secure = template.tls is not None
            host = build_host(balancer.upstream, address, secure=secure)
            head = RequestHead(
                method=head.method,
                target=head.target,
                fields=((b"Host", host), *head.fields[1:]),
                minor=head.minor,
                websocket=head.websocket,
            )
        return Try(target=build_target(balancer, address, template), head=head)

    def answered(self, status: int) -> None:
        """Count a reply."""
        if self._address is not None:
            self._balancer.note_status(self._address, status, self._balancer.passive)

    def failed(self, *, timeout: bool) -> None:
        """Count a failure; the next attempt goes elsewhere."""
        address = self._address
        if address is not None:
            self._tried = (*self._tried, address)
            balancer = self._balancer
            what: Failure = "timeout" if timeout else "tcp"
            balancer.note_failure(address, what, balancer.passive)

    def release(self) -> None:
        """Let go of the target."""
        address, self._address = self._address, None
        if address is not None:
            address.load.active -= 1
