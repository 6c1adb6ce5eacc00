"""The measuring: every row checked, then rounds over all rows in turn, then latency."""

from __future__ import annotations

import gc
from collections.abc import Sequence

from bench.figures import Measured, percentile
from bench.load import Load, LoadFailed, ask
from bench.options import Options
from bench.processes import CannotRun, cpu_seconds, family
from bench.rows import Row

ONCE_PER_S = 1000
WARM = 64
WARM_S = 30.0
REFUSALS = frozenset({302, 401})
LATENCY_SHARE = 0.5


def blank(row: Row) -> Measured:
    """A row before it was measured."""
    return Measured(
        system=row.system,
        version=row.version,
        case=row.case,
        tls=row.tls,
        reply_bytes=row.target.reply_bytes,
    )


def check(row: Row, found: Measured) -> None:
    """
    One good request, and those that must be turned away.

    Raises:
        LoadFailed: One of them was answered otherwise.
    """
    head, body = ask(row.target, row.requests(1)[0])
    found.accepted = head.status
    if head.status != 200 or len(body) != row.target.reply_bytes:
        raise LoadFailed(f"a good request got {head.status} and {len(body)} bytes")
    statuses = tuple(ask(row.target, request)[0].status for request in row.refused)
    found.refused = statuses
    if not REFUSALS.issuperset(statuses):
        raise LoadFailed(f"a request that must be refused got {statuses}")


def _split(row: Row, count: int) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Requests to warm up with, and requests to measure with."""
    requests = row.requests(count + WARM)
    if row.once:
        return requests[:WARM], requests[WARM:]
    return requests if len(requests) >= WARM else [requests[0]] * WARM, requests


def run_round(row: Row, seconds: float) -> tuple[float, float]:
    """
    One round of a row: CPU per request in µs, and requests a second.

    Before it, every request is sent once where requests may be repeated, so that what was
    seen is seen, and 64 are where they may not.

    Raises:
        LoadFailed: A reply was wrong.
        CannotRun: The system's processes changed in the round.
    """
    warm, requests = _split(row, int(seconds * ONCE_PER_S))
    gc.collect()
    gc.disable()
    try:
        with Load(row.target) as load:
            load.closed(warm, WARM_S, once=True)
            pids = family(row.root)
            before = cpu_seconds(pids)
            done = load.closed(requests, seconds, once=row.once)
            used = cpu_seconds(pids) - before
    finally:
        gc.enable()
    if family(row.root) != pids:
        raise CannotRun(f"{row.system} started or ended a process while measured")
    return used / done.requests * 1e6, done.requests / done.seconds


def run_latency(row: Row, rate: float, seconds: float, found: Measured) -> None:
    """
    Open-loop latency at a rate, and what a request costs then: CPU without batching.

    Raises:
        LoadFailed: A reply was wrong.
    """
    count = max(WARM, int(rate * seconds))
    warm, requests = _split(row, count)
    gc.collect()
    gc.disable()
    try:
        with Load(row.target) as load:
            load.closed(warm, WARM_S, once=True)
            pids = family(row.root)
            before = cpu_seconds(pids)
            took = load.open(requests, rate, count)
            used = cpu_seconds(pids) - before
    finally:
        gc.enable()
    found.half_us = used / count * 1e6
    found.p50_ms = percentile(took, 0.5) * 1e3
    found.p99_ms = percentile(took, 0.99) * 1e3


def measure(rows: Sequence[Row], options: Options) -> list[Measured]:
    """Measure all rows; one that fails keeps its error and has no figures."""
    found = [blank(row) for row in rows]
    pairs = list(zip(rows, found, strict=True))

    def each(what: str) -> list[tuple[Row, Measured]]:
        left = [pair for pair in pairs if not pair[1].error]
        print(f"{what}: {len(left)} rows", flush=True)
        return left

    for row, result in each("checking"):
        try:
            check(row, result)
        except (LoadFailed, CannotRun, OSError) as error:
            result.error = str(error) or type(error).__name__
    for number in range(1, options.rounds + 1):
        for row, result in each(f"round {number} of {options.rounds}"):
            try:
                cpu, rate = run_round(row, options.seconds)
            except (LoadFailed, CannotRun, OSError) as error:
                result.error = str(error) or type(error).__name__
                continue
            result.cpu_us.append(cpu)
            result.rps.append(rate)
    for row, result in each("latency"):
        rate = percentile(result.rps, 0.5) * LATENCY_SHARE
        try:
            run_latency(row, rate, options.seconds, result)
        except (LoadFailed, CannotRun, OSError) as error:
            result.error = str(error) or type(error).__name__
    for result in found:
        if result.error:
            result.cpu_us.clear()
            result.rps.clear()
    return found
