"""
The process that hashes for another one: `python -m ostiary.userpool.hashing_child FD`.

It does one thing after the other, as they come from the pipe, and ends when that closes. It gives
way to everything else on the machine.
"""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing.connection import Connection
from typing import Final

# What is asked for is in these; imported before the first question, not while it waits.
from ostiary.userpool import passwords, srp

_NICENESS: Final = 19
_PREPARED: Final = (passwords, srp)


def main() -> None:
    """Work until nobody asks any more."""
    # Ctrl-C is for the one who asks, and who closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    with Connection(int(sys.argv[1])) as pipe:
        while True:
            try:
                work = pipe.recv()
            except (EOFError, OSError):
                return
            pipe.send(work())


if __name__ == "__main__":
    main()
