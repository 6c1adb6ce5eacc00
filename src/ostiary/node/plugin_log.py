"""The error log as plugins get it, each under its own name; and which files they may write."""

from __future__ import annotations

import logging
from pathlib import Path

from ostiary.gateway.error_log import CURRENT
from ostiary.kit import Log
from ostiary.node.role import LEVELS

_LOG = logging.getLogger("ostiary.plugins")


def log_as(plugin: str) -> Log:
    """The log of one plugin. It knows which request the plugin works for, if any."""

    def write(level: str, line: str) -> None:
        subject = CURRENT.get()
        about = None if subject is None else subject.about
        _LOG.log(LEVELS[level], "[%s] %s", plugin, line, extra={"about": about})

    return write


def is_not_ours(prefix: Path, path: str) -> bool:
    """Whether a file is none of the node's own: in its folder only logs are for plugins."""
    real, own = Path(path).resolve(), prefix.resolve()
    return not real.is_relative_to(own) or real.is_relative_to(own / "logs")
