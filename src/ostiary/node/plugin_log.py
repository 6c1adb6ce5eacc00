"""The error log as plugins get it: each under its own name, about the request in hand."""

from __future__ import annotations

import logging

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
