"""Fixtures of the tests of sign-in."""

from __future__ import annotations

import pytest

from ostiary.signin import refresh


@pytest.fixture
def nobody_else_refreshes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh that is refused is refused at once, without waiting for what others may have got."""
    monkeypatch.setattr(refresh, "REREAD_AFTER_S", 0)
