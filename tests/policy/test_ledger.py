"""The ledger of the security tests and the markers of the tests say the same."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
LEDGER = TESTS / "security" / "ledger.toml"
# How many rows each part of the test list has: none may fall off the ledger.
ROWS = {
    "T-F": 8, "T-H": 11, "T-P": 14, "T-R": 7, "T-C": 15, "T-K": 18, "T-J": 20, "T-X": 10,
    "T-W": 1, "T-O": 9, "OP25-": 20,
}  # fmt: skip
MODULES = {"oidcc-client-test": 57, "fapi2-security-profile-final-client-test": 23}
KEPT = re.compile(r"T-[A-Z]+\d+|OP25-\d+|(?:oidcc|fapi2|ostiary-client-test)\b.*")
NOT_APPLICABLE = "not applicable:"


def read_markers(source: str) -> set[str]:
    """The clauses that a test file's `pytest.mark.spec` names."""
    return {
        argument.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "spec"
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def compare(
    ledger: Mapping[str, Mapping[str, str]], markers: Iterable[str]
) -> list[str]:
    """What ledger and markers disagree about, a sentence each."""
    marked = {m for m in markers if KEPT.fullmatch(m)}
    found = [
        f"{row}: a test carries it, the ledger does not"
        for row in marked - ledger.keys()
    ]
    for row, entry in ledger.items():
        state = entry.get("state", "")
        if not entry.get("about", "").strip():
            found.append(f"{row}: does not say what it is about")
        if state == "tested":
            if row not in marked:
                found.append(f"{row}: tested, but no test carries it")
            continue
        if state == "open":
            reason = entry.get("why", "")
        elif state.startswith(NOT_APPLICABLE):
            reason = state.removeprefix(NOT_APPLICABLE)
        else:
            found.append(f"{row}: unknown state {state!r}")
            continue
        if not reason.strip():
            found.append(f"{row}: no reason")
        if row in marked:
            found.append(f"{row}: {state.partition(':')[0]}, but a test carries it")
    return sorted(found)


def missing_rows(rows: Iterable[str]) -> list[str]:
    """The rows of the test list that are not there."""
    expected = {
        f"{part}{n}" for part, count in ROWS.items() for n in range(1, count + 1)
    }
    return sorted(expected - set(rows))


def read_ledger() -> dict[str, dict[str, str]]:
    return tomllib.loads(LEDGER.read_text())


def test_ledger_and_markers_agree() -> None:
    markers: set[str] = set()
    for path in sorted(TESTS.rglob("test_*.py")):
        if "node_modules" not in path.parts:
            markers |= read_markers(path.read_text())

    assert compare(read_ledger(), markers) == []


def test_no_row_has_fallen_off_the_ledger() -> None:
    ledger = read_ledger()

    assert missing_rows(ledger) == []
    for prefix, count in MODULES.items():
        assert sum(row.startswith(prefix) for row in ledger) == count, prefix


def imported(source: str) -> set[str]:
    """The top-level packages that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def test_the_security_runner_knows_nothing_of_the_product() -> None:
    files = sorted((TESTS / "security").rglob("*.py"))

    assert files
    assert [p.name for p in files if "ostiary" in imported(p.read_text())] == []
    assert "ostiary" in imported("from ostiary.http import head")


GOOD = {"about": "something", "state": "tested"}
WRONG: dict[str, tuple[dict[str, dict[str, str]], set[str], str]] = {
    "tested without a test": ({"T-F1": GOOD}, set(), "T-F1: tested, but no test carries it"),
    "a test without a row": ({}, {"T-F1"}, "T-F1: a test carries it, the ledger does not"),
    "open with a test": (
        {"T-F1": {**GOOD, "state": "open", "why": "later"}},
        {"T-F1"},
        "T-F1: open, but a test carries it",
    ),
    "not applicable with a test": (
        {"T-F1": {**GOOD, "state": "not applicable: HTTP/2"}},
        {"T-F1"},
        "T-F1: not applicable, but a test carries it",
    ),
    "open without a reason": ({"T-F1": {**GOOD, "state": "open"}}, set(), "T-F1: no reason"),
    "not applicable without a reason": (
        {"T-F1": {**GOOD, "state": "not applicable: "}},
        set(),
        "T-F1: no reason",
    ),
    "another state": (
        {"T-F1": {**GOOD, "state": "done"}},
        set(),
        "T-F1: unknown state 'done'",
    ),
    "nothing said": (
        {"T-F1": {"state": "tested"}},
        {"T-F1"},
        "T-F1: does not say what it is about",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(WRONG))
def test_the_comparison_can_fail(name: str) -> None:
    ledger, markers, expected = WRONG[name]

    assert compare(ledger, markers) == [expected]


def test_the_comparison_can_pass_and_minds_its_own_clauses() -> None:
    assert compare({"T-F1": GOOD}, {"T-F1", "RFC9112#6.3", "D21"}) == []


def test_a_missing_row_is_named() -> None:
    assert "T-X10" in missing_rows(["T-X1"])


def test_markers_are_found_in_decorators_and_parameters() -> None:
    source = (
        "@pytest.mark.spec('T-F1')\n@pytest.mark.spec('T-F2')\ndef test_x(): ...\n"
        "x = pytest.param(1, marks=pytest.mark.spec('T-F3'))\n# pytest.mark.spec('T-F4')\n"
    )

    assert read_markers(source) == {"T-F1", "T-F2", "T-F3"}
