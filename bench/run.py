"""
`make bench`: CPU per request, requests a second and latency of the gateway beside its peers.

What the environment may ask is in `bench/README.md`.
"""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from bench import memory, routes, scale, startup, userpool
from bench.certificates import make_certificates
from bench.figures import judge
from bench.measure import measure
from bench.options import Options, OptionsInvalid, read_options
from bench.people import PEOPLE, sign_tokens
from bench.processes import CannotRun, Children
from bench.provider import Provider
from bench.report import build_json, build_table, describe_machine
from bench.rows import Absent, Row, Stage
from bench.systems import apache, envoy, nginx, ostiary

OUT = Path(__file__).resolve().parent / "out"
REPORTS = {
    "routes": routes.run,
    "startup": startup.run,
    "memory": memory.run,
    "userpool": userpool.run,
    "scale": scale.run,
}


def find_missing(options: Options) -> tuple[str, ...]:
    """The Debian packages that the run needs and that are not there."""
    found = list(nginx.missing())
    if not options.report and "apache" in options.peers:
        found += apache.missing()
    return tuple(found)


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that goes when the run ends; peers that drop their rights may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="ostiary-bench-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build_stage(
    folder: Path, children: Children, options: Options, provider: Provider
) -> Stage:
    """What all systems share, the upstream running."""
    cert, key, ca_file = make_certificates(folder)
    people = tuple(
        sign_tokens(provider.issuer, provider.key, number) for number in range(PEOPLE)
    )
    return Stage(
        folder=folder,
        children=children,
        options=options,
        provider=provider,
        people=people,
        certificate=cert,
        key=key,
        ca_file=ca_file,
        client_tls=ssl.create_default_context(cafile=str(ca_file)),
        upstream_port=nginx.start_upstream(folder, children),
    )


def start_systems(stage: Stage) -> list[Row | Absent]:
    """Start every system that the run wants; their rows."""
    starters: dict[str, Callable[[Stage], Sequence[Row | Absent]]] = {
        "nginx": nginx.start,
        "apache": apache.start,
        "envoy": envoy.start,
        "ostiary": ostiary.start,
    }
    found: list[Row | Absent] = []
    for name in stage.options.peers:
        found += starters[name](stage)
    wanted = stage.options.rows
    return [r for r in found if isinstance(r, Absent) or wanted.search(r.label)]


def run_table(folder: Path, children: Children, options: Options) -> bool:
    """Measure all rows, print and write the result; tell whether every row has figures."""
    began = time.monotonic()
    with Provider() as provider:
        stage = build_stage(folder, children, options, provider)
        started = start_systems(stage)
        rows = [row for row in started if isinstance(row, Row)]
        absent = [row for row in started if isinstance(row, Absent)]
        if not rows:
            raise CannotRun("no row is left to measure; see ROWS, TLS and PEERS")
        machine = describe_machine()
        print(f"{machine['processor']}, {machine['cores']} cores")
        print(
            f"{PEOPLE} people; {options.rounds} rounds of {options.seconds:g} s a row"
        )
        found = measure(rows, options)
    verdicts = judge(found)
    print(f"\n{build_table(found, absent, verdicts)}")
    OUT.mkdir(exist_ok=True)
    path = OUT / ("latest.json" if options.full else "partial.json")
    path.write_text(build_json(found, absent, verdicts, options))
    print(f"\n{time.monotonic() - began:.0f} s; written to bench/out/{path.name}")
    return not any(row.error for row in found)


def main() -> int:
    """Run what the environment asks for; 1 when a row failed or a peer is missing."""
    try:
        options = read_options(os.environ)
    except OptionsInvalid as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    missing = find_missing(options)
    if missing:
        print(
            f"These peers are missing. Run: apt-get install --yes {' '.join(missing)}"
        )
        print("or measure less with PEERS=nginx,ostiary (nginx is always the upstream)")
        return 1

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        with private_folder() as folder, Children(folder) as children:
            report = REPORTS.get(options.report, run_table)
            return 0 if report(folder, children, options) else 1
    except CannotRun as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
