"""
Lines of JSON, each written at once to the end of a file.

The file is written without waiting: a line that a pipe does not take is lost, and told.

Spec: gateway §4.5 (file-log), §4.6 (what is in a line).
"""

from __future__ import annotations

import errno
import json
import os
import weakref

from ostiary.kit import NO_COOKIES, Exchange, Finished, Services
from ostiary.plugins.file_log.schema import FileLogConfig

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK


class FileLog:
    """One configured `file-log` plugin."""

    own_cookies = NO_COOKIES

    def __init__(
        self,
        config: FileLogConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,
    ) -> None:
        self._path = config.path
        self._reopens = config.reopen
        self._may_write = services.may_write
        self._log = services.log_as("file-log")
        self._descriptor: int | None = None

    def on_finish(self, exchange: Exchange, finished: Finished) -> None:  # noqa: ARG002 - the hook's name
        line = json.dumps(finished.document, separators=(",", ":")).encode() + b"\n"
        try:
            self._write(line)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            self._log("error", f"failed to write to {self._path}: {reason}")

    def _write(self, line: bytes) -> None:
        """Write a line; raises OSError."""
        if self._reopens:
            descriptor = self._open()
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
            return
        if self._descriptor is None:
            self._descriptor = self._open()
            weakref.finalize(self, os.close, self._descriptor)
        os.write(self._descriptor, line)

    def _open(self) -> int:
        """The file; raises OSError for what is the node's own, its secrets above all."""
        if not self._may_write(self._path):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return os.open(self._path, _FLAGS, 0o644)
