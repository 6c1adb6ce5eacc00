"""
The configuration of `file-log`.

Spec: gateway §4.5 (file-log).
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator

from ostiary.kit import Entity
from ostiary.kit.fields import Field

_PATH: Final = re.compile(r"[^*&%\\`\x00]+")


def _check_path(value: str) -> str:
    if not _PATH.fullmatch(value):
        raise ValueError("not a valid filename")
    return value


class FileLogConfig(Entity):
    """`config` of the plugin."""

    path: Annotated[str, AfterValidator(_check_path)] = Field(
        description="The file; /dev/stdout is one, too."
    )
    reopen: bool = Field(
        default=False,
        description="Open it for every line, so that it may be moved away meanwhile.",
    )
    custom_fields_by_lua: dict[str, str] | None = Field(
        None, description="Read, and without effect: there is no Lua here."
    )


def describe_warnings(config: FileLogConfig) -> tuple[str, ...]:
    """What operators should know of a config that is accepted."""
    if not config.custom_fields_by_lua:
        return ()
    return ("custom_fields_by_lua has no effect",)
