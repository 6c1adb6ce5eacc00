"""What is said of the user pool API's operations is what the pinned SDK and the code say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from ostiary.userpool.api.left_out import LEFT_OUT
from ostiary.userpool.api.operations import OPERATIONS
from ostiary.userpool.api.service import load_service

ROOT = Path(__file__).resolve().parents[2]


def load_tool(name: str) -> Any:  # Any: a module that is no package's
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def test_the_model_is_the_pinned_sdks() -> None:
    tool = load_tool("cognito_model")

    assert tool.FILE.read_text() == tool.build_model(), (
        "run: python tools/cognito_model.py"
    )


def test_an_operation_is_served_or_left_out_but_not_both() -> None:
    known = load_service().operations.keys()

    assert OPERATIONS.keys() <= known
    assert LEFT_OUT.keys() <= known
    assert not OPERATIONS.keys() & LEFT_OUT.keys()


def test_the_reference_page_names_every_operation_once() -> None:
    page = (ROOT / "docs" / "reference" / "userpool-operations.md").read_text()
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]

    assert rows == sorted(load_service().operations)


def test_every_left_out_operation_says_why() -> None:
    assert [name for name, reason in LEFT_OUT.items() if len(reason) < 10] == []
