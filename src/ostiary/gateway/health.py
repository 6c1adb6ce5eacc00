"""
When an address behind an upstream is healthy: counters, and the rules that read them.

Spec: gateway §3.11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ostiary.model.balancing import Active, Passive, Upstream

# What is counted against an address, beside bad statuses.
Failure = Literal["tcp", "timeout"]


@dataclass(slots=True, kw_only=True)
class Vitals:
    """
    The health of one address, and what speaks for its change.

    They outlive the balancer that counts on them: the next one goes on with the same object.
    """

    is_healthy: bool = True
    successes: int = 0
    http_failures: int = 0
    tcp_failures: int = 0
    timeouts: int = 0

    @property
    def has_failures(self) -> bool:
        """Whether anything was counted against it since the last success."""
        return bool(self.http_failures or self.tcp_failures or self.timeouts)

    def clear(self) -> None:
        """Begin to count anew."""
        self.successes = self.http_failures = self.tcp_failures = self.timeouts = 0

    def decree(self, *, healthy: bool) -> bool:
        """Set the health, whatever was counted; whether that changed it."""
        changed = self.is_healthy != healthy
        self.is_healthy = healthy
        self.clear()
        return changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    What one kind of check makes of what it sees. A limit of 0 counts nothing.

    Only a rule that `revives` makes an address healthy again: what real traffic tells of one
    that should get none is left from before.
    """

    good: frozenset[int]
    bad: frozenset[int]
    successes: int
    http_failures: int
    tcp_failures: int
    timeouts: int
    revives: bool

    def judge_status(self, vitals: Vitals, status: int) -> bool:
        """
        Count a reply; whether the health changed. Statuses in neither list say nothing.

        Args:
            status: 0 for a reply that has none.
        """
        if status in self.good:
            return self.judge_success(vitals)
        if status not in self.bad and status != 0:
            return False
        if self.http_failures and vitals.is_healthy:
            vitals.http_failures += 1
        return self._fall(vitals, vitals.http_failures, self.http_failures)

    def judge_failure(self, vitals: Vitals, failure: Failure) -> bool:
        """Count a connection that failed or a time that ran out; whether the health changed."""
        if failure == "tcp":
            if self.tcp_failures and vitals.is_healthy:
                vitals.tcp_failures += 1
            return self._fall(vitals, vitals.tcp_failures, self.tcp_failures)
        if self.timeouts and vitals.is_healthy:
            vitals.timeouts += 1
        return self._fall(vitals, vitals.timeouts, self.timeouts)

    def judge_success(self, vitals: Vitals) -> bool:
        """Count a success; whether the health changed."""
        if not self.successes:
            return False
        if vitals.is_healthy:
            vitals.clear()
            return False
        if not self.revives:
            return False
        vitals.successes += 1
        return vitals.successes >= self.successes and vitals.decree(healthy=True)

    def _fall(self, vitals: Vitals, count: int, limit: int) -> bool:
        if limit:
            vitals.successes = 0
        return bool(limit) and count >= limit and vitals.decree(healthy=False)


def build_rules(checks: Active | Passive) -> Rules:
    """The rules of a kind of check."""
    good, bad = checks.healthy, checks.unhealthy
    return Rules(
        good=frozenset(good.http_statuses),
        bad=frozenset(bad.http_statuses),
        successes=good.successes,
        http_failures=bad.http_failures,
        tcp_failures=bad.tcp_failures,
        timeouts=bad.timeouts,
        revives=isinstance(checks, Active),
    )


def is_probed(upstream: Upstream) -> bool:
    """Tell whether somebody asks the targets how they are."""
    active = upstream.healthchecks.active
    return bool(active.healthy.interval or active.unhealthy.interval)


def is_checked(upstream: Upstream) -> bool:
    """Tell whether the health of targets is known at all."""
    failures = upstream.healthchecks.passive.unhealthy
    return is_probed(upstream) or bool(
        failures.tcp_failures or failures.timeouts or failures.http_failures
    )
