"""What goes wrong while carrying messages. The status is a hint for the reply."""

from __future__ import annotations


class ProxyFault(Exception):
    """Root of this package's errors; `public` may be shown to the client."""

    code = "proxy_fault"

    def __init__(self, status: int, public: str) -> None:
        super().__init__(public)
        self.status = status
        self.public = public


class BadMessage(ProxyFault):
    """The peer's message breaks the protocol or a limit."""

    code = "bad_message"


class UpstreamUnreachable(ProxyFault):
    """No connection to the upstream; `transient` when another attempt may help."""

    code = "upstream_unreachable"

    def __init__(self, status: int, public: str, *, transient: bool) -> None:
        super().__init__(status, public)
        self.transient = transient


class UnsafeHead(ProxyFault):
    """Somebody built a head that would not stay one head on the wire. A bug of ours."""

    code = "unsafe_head"

    def __init__(self, public: str) -> None:
        super().__init__(500, public)
