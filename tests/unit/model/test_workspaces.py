"""What a workspace may be called."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ostiary.model.workspaces import Workspace


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_a_path_reads_as_a_step_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=r"must not be \. or \.\."):
        Workspace(name=name)


@pytest.mark.parametrize("name", ["...", "a.b", ".team", "edit"])
def test_a_name_may_have_dots(name: str) -> None:
    assert name == Workspace(name=name).name
