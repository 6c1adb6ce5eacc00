"""How much a client or an upstream may ask of one worker. Times in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one proxy; what belongs to one upstream is in its `Target`."""

    max_target_bytes: int = 16 * 1024
    max_head_bytes: int = 64 * 1024
    max_fields: int = 200
    head_timeout_ms: int = 60_000
    keepalive_timeout_ms: int = 75_000
    keepalive_requests: int = 10_000
    body_timeout_ms: int = 60_000
    write_timeout_ms: int = 60_000
    linger_ms: int = 2_000
    drain_bytes: int = 64 * 1024
    pool_max_per_key: int = 4096
    pool_idle_per_key: int = 512
    pool_idle_ms: int = 60_000
    pool_requests: int = 10_000
    tick_ms: int = 250
