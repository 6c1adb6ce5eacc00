"""
Every case fails on the gateway that does everything wrong, and for the reason it names.

A case that cannot fail proves nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from tests.security import (
    test_forwarded,
    test_framing,
    test_identity,
    test_limits,
    test_paths,
    test_sharing,
)
from tests.security.naive import NaiveProcess, naive
from tests.security.rules import expected_failure

MODULES = (
    test_forwarded,
    test_framing,
    test_identity,
    test_limits,
    test_paths,
    test_sharing,
)


class Case(NamedTuple):
    """One case with one set of values."""

    name: str
    run: Callable[..., None]
    values: dict[str, Any]  # Any: whatever the case is parametrised with


def expand(function: Callable[..., None]) -> Iterator[Case]:
    """The case once for each combination of its parameters."""
    tables: list[list[tuple[str, Any]]] = []
    for mark in getattr(function, "pytestmark", []):
        if mark.name == "parametrize":
            name, values = mark.args[:2]
            tables.append([(name, value) for value in values])
    for chosen in itertools.product(*tables):
        label = "-".join(ascii(value)[:40] for _, value in chosen)
        yield Case(f"{function.__name__}[{label}]", function, dict(chosen))


def collect(module: ModuleType) -> list[Case]:
    """All cases of one module."""
    functions = [f for n, f in vars(module).items() if n.startswith("test_")]
    return [case for function in functions for case in expand(function)]


CASES = [case for module in MODULES for case in collect(module)]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NaiveProcess]:
    with naive(tmp_path_factory.mktemp("naive")) as process:
        yield process


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_naive_gateway_fails(case: Case, broken: NaiveProcess) -> None:
    broken.refresh()
    with pytest.raises(AssertionError, match=expected_failure(case.run)):
        case.run(gateway=broken.gateway, **case.values)
    broken.gateway.close()


def test_the_naive_gateway_serves_what_nobody_attacks(broken: NaiveProcess) -> None:
    """So that a failing case fails because of what it sends."""
    broken.refresh()
    gateway = broken.gateway

    assert gateway.ask("/public/x").reply.status == 200
    assert gateway.ask("/bearer/x").reply.status == 401
    assert gateway.ask("/bearer/x", gateway.bearer(name="Ada")).one.all(
        "X-User-Name"
    ) == ["Ada"]
    assert gateway.ask("/strip/a").one.path == "/inner/a"
    jar = gateway.sign_in(name="Ada")
    assert gateway.ask("/session/x", jar.line).reply.status == 200
    assert gateway.ask("/wsgi/x", gateway.bearer()).reply.status == 200
