"""
Counts requests in windows of the calendar and refuses those over a limit.

Counting is one step at the place where the numbers are, so that no two workers let the same
last request through twice.

Spec: gateway §4.5 (rate-limiting).
"""

from __future__ import annotations

import hashlib

from ostiary.http.head import find
from ostiary.kit import (
    NEEDS_IO,
    NO_COOKIES,
    AccessResult,
    Counters,
    Exchange,
    Reply,
    Response,
    Services,
    SharedUnavailable,
    StorePlace,
    refuse,
)
from ostiary.plugins.rate_limiting.schema import (
    PERIODS,
    RateLimitingConfig,
    RedisRecord,
)
from ostiary.plugins.rate_limiting.windows import Usage, build_fields, find_window

# Clocks of gateways that count together may differ by so much.
_MARGIN_S = 5.0


def _place(redis: RedisRecord) -> StorePlace:
    timeout_s = redis.timeout / 1000
    return StorePlace(
        host=redis.host or "",
        port=redis.port,
        username=redis.username,
        password=redis.password,
        database=redis.database,
        tls=redis.ssl,
        verify_tls=redis.ssl_verify,
        server_name=redis.server_name,
        connect_timeout_s=timeout_s,
        send_timeout_s=timeout_s,
        read_timeout_s=timeout_s,
    )


def find_identifier(config: RateLimitingConfig, exchange: Exchange) -> str:
    """Who is counted apart. Values of fields are hashed: some are somebody's keys."""
    found: str | None = None
    match config.limit_by:
        case "consumer":
            consumer = exchange.consumer
            found = exchange.credential if consumer is None else consumer.id
        case "credential":
            found = exchange.credential
        case "service":
            found = exchange.service_id
        case "header" if config.header_name is not None:
            value = find(exchange.fields, config.header_name.lower().encode("ascii"))
            found = hashlib.sha256(value).hexdigest()[:32] if value else None
        case "path" if exchange.target.path == config.path:
            found = config.path
    return found or exchange.client_ip


class RateLimiting:
    """One configured `rate-limiting` plugin."""

    own_cookies = NO_COOKIES

    def __init__(
        self, config: RateLimitingConfig, row_id: str, services: Services
    ) -> None:
        self._config = config
        self._row_id = row_id
        self._now = services.now
        self._log = services.log_as("rate-limiting")
        given = ((period, getattr(config, period)) for period in PERIODS)
        self._limits: tuple[tuple[str, float], ...] = tuple(
            (period, limit) for period, limit in given if limit is not None
        )
        self._counters = self._open(services)

    def _open(self, services: Services) -> Counters | None:
        if self._config.policy != "redis":
            return services.shared
        opened = services.counters
        return None if opened is None else opened(_place(self._config.redis))

    def access(self, exchange: Exchange) -> AccessResult:  # noqa: ARG002 - the hook's name
        return NEEDS_IO

    async def access_io(self, exchange: Exchange) -> Reply | None:
        now = self._now()
        try:
            usage = await self._count(find_identifier(self._config, exchange), now)
        except SharedUnavailable as error:
            self._log("error", f"failed to count: {error}")
            if self._config.fault_tolerant:
                return None
            return refuse(exchange, 500, "An unexpected error occurred")
        refused = any(u.used > u.limit for u in usage)
        if not self._config.hide_client_headers:
            exchange.keep(self, build_fields(usage, now=now, refused=refused))
        if not refused:
            return None
        return refuse(
            exchange, int(self._config.error_code), self._config.error_message
        )

    def on_response(self, exchange: Exchange, response: Response) -> None:
        for name, value in exchange.kept(self) or ():
            response.set(name, value)

    async def _count(self, identifier: str, now: float) -> list[Usage]:
        """
        Count one request, in each window until one is full.

        Raises:
            SharedUnavailable: Nobody can count now.
        """
        counters = self._counters
        assert counters is not None
        usage: list[Usage] = []
        is_full = False
        for period, limit in self._limits:
            start, ends = find_window(period, now)
            key = f"ratelimit:{self._row_id}:{identifier}:{start}:{period}"
            if is_full:
                used = int(await counters.get(key) or 0)
            else:
                left_s = ends - now + _MARGIN_S
                used = await counters.increment(key, 1, ttl_s=left_s)
                is_full = used > limit
            usage.append(Usage(period=period, limit=limit, used=used, ends=ends))
        return usage
