"""STARTUP=1: seconds from starting the command to the first answer, and idle memory."""

from __future__ import annotations

import time
from pathlib import Path

from bench.figures import spread
from bench.options import Options
from bench.processes import (
    CannotRun,
    Children,
    family,
    fetch,
    find_module,
    rss_bytes,
)
from bench.systems import nginx, ostiary

LIMIT_S = 1.0
LIMIT_MB = 80
PROBE_S = 0.002
GIVE_UP_S = 30.0
IDLE_S = 2.0


def wait_for_answer(port: int) -> None:
    """
    Ask until the route answers 200.

    Raises:
        CannotRun: It does not within 30 s.
    """
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline:
        try:
            if fetch(port, "/plain/64") == 200:
                return
        except OSError:
            pass
        time.sleep(PROBE_S)
    raise CannotRun(f"no 200 within {GIVE_UP_S:g} s of the start")


def _verdict(value: float, limit: float, unit: str) -> str:
    gap = abs(limit - value)
    if value <= limit:
        return f"≤ {limit:g} {unit}: met, {gap:.2f} below"
    return f"≤ {limit:g} {unit}: MISSED by {gap:.2f}"


def run(folder: Path, children: Children, options: Options) -> bool:
    """Start a node several times in the same folder; print times and memory."""
    upstream = nginx.start_upstream(folder, children)
    data = ostiary.declare(upstream, [{"name": "plain", "paths": ["/plain"]}])
    took: list[float] = []
    memory: dict[str, float] = {}
    for number in range(options.rounds + 1):
        began = time.monotonic()
        node = ostiary.launch(children, folder / "startup", data, wait=False)
        wait_for_answer(node.plain)
        took.append(time.monotonic() - began)
        if number == options.rounds:
            time.sleep(IDLE_S)
            root = node.process.pid
            worker = find_module(root, "ostiary.node.worker")
            control = find_module(root, "ostiary.node.control")
            names = {root: "supervisor", worker: "worker", control: "control"}
            memory = {
                names.get(pid, "other"): rss_bytes(pid) / 1e6 for pid in family(root)
            }
        children.stop(node.process)
    found = spread(took[1:])
    print(f"Ostiary {ostiary.READABLE}, one worker, one route")
    print(f"first start in an empty folder to the first 200: {took[0]:.2f} s")
    print(
        f"later starts to the first 200: {found.median:.2f} s "
        f"({found.low:.2f}–{found.high:.2f})  {_verdict(found.median, LIMIT_S, 's')}"
    )
    for name, size in sorted(memory.items()):
        said = f"  {_verdict(size, LIMIT_MB, 'MB')}" if name == "worker" else ""
        print(f"idle memory of the {name}: {size:.1f} MB RSS{said}")
    return True
