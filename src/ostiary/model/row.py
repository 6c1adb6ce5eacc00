"""What every stored row has, and the one word for what is not built yet (decision D28)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from ostiary.model.entity import Entity
from ostiary.model.fields import Tags, Uuid


def _refuse_value(value: object) -> object:
    if value not in (None, (), [], False):
        raise ValueError("not supported yet")
    return None


NotYet = Annotated[None, BeforeValidator(_refuse_value)]


def _refuse_true(value: bool) -> bool:  # noqa: FBT001 - called by pydantic
    if value:
        raise ValueError("not supported yet")
    return value


# Afterwards: in forms and files the text `true` is true as well.
NotYetTrue = Annotated[bool, AfterValidator(_refuse_true)]


class Row(Entity):
    """
    What every stored row has; times in Unix seconds.

    `ws_id` is the workspace that it is in; None is the one called `default`.
    """

    id: Uuid | None = None
    created_at: int | None = None
    updated_at: int | None = None
    tags: Tags = None
    ws_id: Uuid | None = None
