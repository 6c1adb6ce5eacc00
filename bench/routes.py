"""ROUTES=1: what many routes cost. Ten, 2 500 hosts × 4 paths, and 10 000 prefixes on a host."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import ratio, spread
from bench.load import HOST, LoadFailed, Target
from bench.measure import blank, check, run_round
from bench.options import Options
from bench.people import build_request
from bench.processes import Children
from bench.rows import Row, always
from bench.systems import nginx, ostiary

LIMIT = 1.5
HOSTS, PATHS, PREFIXES = 2500, 4, 10_000

Routes = list[Mapping[str, Any]]


def _few() -> tuple[Routes, list[bytes]]:
    routes: Routes = [{"name": f"r{n}", "paths": [f"/p{n}"]} for n in range(10)]
    return routes, [build_request(f"/p{n}/64") for n in range(10)]


def _hosts() -> tuple[Routes, list[bytes]]:
    pairs = [(f"h{h}.localhost", f"/p{p}") for h in range(HOSTS) for p in range(PATHS)]
    routes: Routes = [
        {"name": f"r{n}", "hosts": [host], "paths": [path]}
        for n, (host, path) in enumerate(pairs)
    ]
    return routes, [build_request(f"{path}/64", host=host) for host, path in pairs]


def _prefixes() -> tuple[Routes, list[bytes]]:
    routes: Routes = [
        {"name": f"r{n}", "hosts": [HOST], "paths": [f"/p{n}"]} for n in range(PREFIXES)
    ]
    return routes, [build_request(f"/p{n}/64") for n in range(PREFIXES)]


CASES = {
    "10 routes": _few,
    f"{HOSTS} hosts × {PATHS} paths": _hosts,
    f"{PREFIXES} prefixes on one host": _prefixes,
}


def _start(
    folder: Path,
    children: Children,
    upstream: int,
    name: str,
    made: tuple[Routes, Sequence[bytes]],
) -> Row:
    """A node of its own for one case."""
    routes, requests = made
    node = ostiary.launch(children, folder, ostiary.declare(upstream, routes))
    shuffled = list(requests)
    random.Random(7).shuffle(shuffled)
    return Row(
        system="ostiary",
        version=ostiary.READABLE,
        case=name,
        target=Target(port=node.plain, tls=None, reply_bytes=64),
        root=node.process.pid,
        requests=always(*shuffled),
    )


def run(folder: Path, children: Children, options: Options) -> bool:
    """Measure and print; tell whether every case answered rightly."""
    upstream = nginx.start_upstream(folder, children)
    rows = [
        _start(folder / f"routes{n}", children, upstream, name, make())
        for n, (name, make) in enumerate(CASES.items())
    ]
    cpu: dict[str, list[float]] = {row.case: [] for row in rows}
    try:
        for row in rows:
            check(row, blank(row))
        for _ in range(options.rounds):
            for row in rows:
                cpu[row.case].append(run_round(row, options.seconds)[0])
    except LoadFailed as error:
        print(f"FAILED: {error}")
        return False
    base = cpu[rows[0].case]
    print(f"Ostiary {ostiary.READABLE}, no plugin, 64 B, {options.rounds} rounds")
    print(f"{'routes':<30}{'CPU µs/request':>24}{'× ten routes':>14}")
    for name, values in cpu.items():
        found, times = spread(values), ratio(values, base)
        assert times is not None
        shown = f"{found.median:.1f} ({found.low:.1f}–{found.high:.1f})"
        gap = abs(LIMIT - times.median)
        said = (
            f"met, {gap:.2f} below" if times.median <= LIMIT else f"MISSED by {gap:.2f}"
        )
        verdict = "" if values is base else f"  ≤ {LIMIT:g}: {said}"
        print(f"{name:<30}{shown:>24}{times.median:>14.2f}{verdict}")
    return True
