"""One process tree per folder: two would overwrite each other's state and keys."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO


class AlreadyRunning(Exception):
    """Somebody holds the folder; the text says who."""

    code = "already_running"


def hold_folder(folder: Path) -> IO[str]:
    """
    Hold a folder until the returned file is closed, or this process ends in any way.

    Raises:
        AlreadyRunning: Another process holds it.
        OSError: The folder cannot be made or written to.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / ".lock"
    file = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise AlreadyRunning(
            f"{folder} is in use by another process (pid {holder})"
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def find_holder(folder: Path) -> int | None:
    """The process that holds a folder, or None."""
    try:
        with (folder / ".lock").open(encoding="ascii") as file:
            holder = int(file.read().strip() or 0)
            # To look is to hold the folder for a moment: only where somebody seems to be there.
            if not _is_alive(holder):
                return None
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return holder
    except (OSError, ValueError):
        return None
    return None


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
