"""Run the suites one after the other; print the time of each and the 20 slowest tests."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

STATIC: dict[str, list[str]] = {
    "format": [
        str(BIN / "ruff"),
        "format",
        "--check",
        "--quiet",
        "src",
        "tests",
        "tools",
        "bench",
    ],
    "lint": [str(BIN / "ruff"), "check", "--quiet", "src", "tests", "tools", "bench"],
    "types": [str(BIN / "mypy"), "--no-error-summary"],
    "layers": [str(BIN / "lint-imports"), "--no-cache"],
}
QUICK = ("unit", "spec", "policy")
COVERED = ("unit", "spec")
# Two processes, but not where the clock is judged; a file's tests stay together where they share
# a server.
PARALLEL = {
    "unit": "worksteal",
    "spec": "worksteal",
    "contract": "loadfile",  # those that are `alone` before the others
    "userpool": "loadfile",
    "browser": "loadfile",  # a demo and a browser for each process
    "interop": "loadfile",
}
COVERAGE_STEP = [
    "sh",
    "-c",
    f"{sys.executable} -m coverage combine --quiet && {sys.executable} -m coverage report",
]
SLOW = ("contract", "userpool", "proxy", "security", "browser", "interop")


def run(name: str, command: list[str]) -> tuple[str, float, bool]:
    """Run one command to its end; return its name, its seconds, and whether it passed."""
    print(f"== {name}", flush=True)
    started = time.monotonic()
    passed = subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    return name, time.monotonic() - started, passed


def suites(names: tuple[str, ...], reports: Path) -> list[tuple[str, list[str]]]:
    """The pytest commands for the test folders that hold tests."""
    found = [n for n in names if list((ROOT / "tests" / n).rglob("test_*.py"))]
    jobs = []
    for n in found:
        options = ["-n", "2", "--dist", PARALLEL[n]] if n in PARALLEL else []
        if n == "contract":
            alone = build_pytest(n, ["-m", "alone"], reports / f"{n}-alone.xml")
            jobs.append((f"{n} alone", alone))
            options += ["-m", "not alone"]
        jobs.append((n, build_pytest(n, options, reports / f"{n}.xml")))
    return jobs


def build_pytest(folder: str, options: list[str], report: Path) -> list[str]:
    """The command that runs a folder's tests."""
    return [
        sys.executable,
        "-m",
        *(("coverage", "run", "-m") if folder in COVERED else ()),
        *("pytest", "-q", f"tests/{folder}", f"--junitxml={report}", *options),
    ]


def slowest(reports: Path) -> list[tuple[float, str]]:
    """Every test's seconds and name, slowest first."""
    rows = [
        (float(case.get("time", "0")), f"{case.get('classname')}::{case.get('name')}")
        for report in reports.glob("*.xml")
        for case in ET.parse(report).iter("testcase")
    ]
    return sorted(rows, reverse=True)


def main() -> int:
    """Run what was asked for; the exit code says whether all of it passed."""
    which = sys.argv[1] if len(sys.argv) > 1 else "all"
    with tempfile.TemporaryDirectory() as folder:
        reports = Path(folder)
        for old in ROOT.glob(".coverage*"):
            old.unlink()
        jobs = [*STATIC.items(), *suites(QUICK, reports), ("coverage", COVERAGE_STEP)]
        if which == "all":
            jobs += suites(SLOW, reports)
        done = [run(name, command) for name, command in jobs]
        tests = slowest(reports)
        print("\n== seconds per suite")
        for name, seconds, passed in done:
            print(f"{seconds:8.1f}  {name:<15} {'ok' if passed else 'FAILED'}")
        print(f"{sum(s for _, s, _ in done):8.1f}  together")
        print("\n== the 20 slowest tests")
        for seconds, name in tests[:20]:
            print(f"{seconds:8.2f}  {name}")
    failed = [name for name, _, passed in done if not passed]
    if failed:
        print(f"\nFAILED: {', '.join(failed)}")
        return 1
    print(f"\n{len(tests)} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
