"""Figures out of measurements: medians, ratios inside a round, verdicts on the budget. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

MOIDC = "mod_auth_openidc"
MOIDC_CASES = {
    "session": "session",
    "session in cookie": "session",
    "bearer": "bearer",
    "jwt_authn": "bearer",
    "bearer seen": "bearer",
    "bearer unseen": "bearer",
    "session in Redis": "session",
    "introspection cached": "bearer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The median of some rounds, with the smallest and the largest."""

    median: float
    low: float
    high: float


@dataclass(slots=True, kw_only=True)
class Measured:
    """
    One row's measurements, a value per round.

    `cpu_us` is CPU of all the system's processes per request in µs, `rps` requests a second;
    `half_us` (µs), `p50_ms` and `p99_ms` are CPU and latency at half that rate; `refused` the
    statuses without and with forged credentials; `error` why the row has no figures.
    """

    system: str
    version: str
    case: str
    tls: bool
    reply_bytes: int
    accepted: int = 0
    refused: tuple[int, ...] = ()
    cpu_us: list[float] = field(default_factory=list)
    rps: list[float] = field(default_factory=list)
    half_us: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """
    A line of the budget: an Ostiary case costs at most `limit` times another system's row.

    `beside` names that row where it is not the usual one.
    """

    case: str
    against: str
    limit: float
    beside: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A budget line for one kind of reply; `ratio` is None when a row is missing."""

    budget: Budget
    tls: bool
    reply_bytes: int
    ratio: Spread | None

    @property
    def met(self) -> bool | None:
        return None if self.ratio is None else self.ratio.median <= self.budget.limit

    def describe(self) -> str:
        """The line as a person reads it."""
        budget, ratio = self.budget, self.ratio
        name = f"{budget.case} ≤ {budget.limit:g}× {budget.against}"
        name += "" if budget.beside is None else f", {budget.beside}"
        kind = f"{show_size(self.reply_bytes)}, {'TLS' if self.tls else 'plain'}"
        start = f"{name:<54}{kind:<14}"
        if ratio is None:
            return f"{start}not measured in this run"
        gap = abs(budget.limit - ratio.median)
        said = f"met, {gap:.2f} below" if self.met else f"MISSED by {gap:.2f}"
        return f"{start}{ratio.median:.2f} ({ratio.low:.2f}–{ratio.high:.2f})  {said}"


BUDGETS = (
    Budget(case="no plugin", against="nginx", limit=3.5),
    Budget(case="session", against="nginx", limit=4.5),
    Budget(case="bearer seen", against="nginx", limit=4.5),
    Budget(case="session", against=MOIDC, limit=0.5, beside="session in cookie"),
    Budget(case="bearer seen", against=MOIDC, limit=0.7),
)


def show_size(size: int) -> str:
    """`64 B`, `16 KB`."""
    return f"{size // 1024} KB" if size >= 1024 else f"{size} B"


def spread(values: Sequence[float]) -> Spread:
    """Median, smallest and largest."""
    return Spread(median=statistics.median(values), low=min(values), high=max(values))


def ratio(values: Sequence[float], base: Sequence[float]) -> Spread | None:
    """Ratios of the same round, spread; None when either was not measured in every round."""
    if not values or len(values) != len(base) or not all(base):
        return None
    return spread([mine / other for mine, other in zip(values, base, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that `share` of all do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def find_base(
    rows: Sequence[Measured], row: Measured, against: str, beside: str | None = None
) -> Measured | None:
    """The row of another system that a row is compared with: same reply, same TLS."""
    usual = "plain" if against == "nginx" else MOIDC_CASES.get(row.case)
    case = beside or usual
    for other in rows:
        if (other.system, other.case) == (against, case) and (
            other.tls,
            other.reply_bytes,
        ) == (row.tls, row.reply_bytes):
            return other
    return None


def compare(
    rows: Sequence[Measured], row: Measured, against: str, beside: str | None = None
) -> Spread | None:
    """A row's CPU in multiples of another system's; None when there is nothing to compare."""
    base = find_base(rows, row, against, beside)
    return ratio(row.cpu_us, base.cpu_us) if base else None


def judge(rows: Sequence[Measured]) -> list[Verdict]:
    """Every budget line for every kind of reply in the run."""
    kinds = sorted({(row.tls, row.reply_bytes) for row in rows})
    found = []
    for budget in BUDGETS:
        for tls, size in kinds:
            mine = [
                row
                for row in rows
                if (row.system, row.case, row.tls, row.reply_bytes)
                == ("ostiary", budget.case, tls, size)
            ]
            found.append(
                Verdict(
                    budget=budget,
                    tls=tls,
                    reply_bytes=size,
                    ratio=compare(rows, mine[0], budget.against, budget.beside)
                    if mine
                    else None,
                )
            )
    return found
