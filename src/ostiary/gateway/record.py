"""
What happened to one request, for logs and metrics. Built only where somebody listens.

Spec: Kong's access log (gateway §3.12) and latencies (§3.7).
"""

from __future__ import annotations

from collections.abc import Callable

from ostiary.gateway.decision import Outcome, Peer
from ostiary.http.head import RequestHead
from ostiary.http.value import frozen
from ostiary.model.gateway import Route, Service


@frozen
class Record:
    """
    One finished exchange. Times in milliseconds, sizes in bytes, `finished_at` in Unix seconds.

    `head` is None for a message that was not a request; `status` is 499 when the client left
    before it was answered. `upstream_ms` is what the upstream took to begin its response, None
    without one; `total_ms` goes to the last byte.
    """

    request_id: str
    finished_at: float
    peer: Peer | None
    client_ip: str
    scheme: str
    head: RequestHead | None
    route: Route | None
    service: Service | None
    status: int
    sent_bytes: int
    body_bytes: int
    total_ms: float
    upstream_ms: float | None
    upstream_status: int | None


Listener = Callable[[Record], None]
Meter = Callable[[Route | None, Service | None, Outcome], None]
