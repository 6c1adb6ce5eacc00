"""
How fast passwords may be guessed: after five failures the wait doubles, up to 15 minutes.

An attempt is counted before the password is looked at, so that parallel guesses cannot slip
through; a right password clears the counters. Attempts at one name take turns (`turns`), so that
right passwords given at once are not counted as the failures of one another.
"""

from __future__ import annotations

from typing import Final

from ostiary.model.pool import Attempts

FREE_FAILURES: Final = 5
LONGEST_WAIT_S: Final = 900
QUIET_S: Final = 900


def begin_attempt(attempts: Attempts, *, now: float) -> tuple[Attempts, bool]:
    """The counters after one more attempt, and whether it may go on. Refused ones do not count."""
    if now < attempts.locked_until:
        return attempts, False
    quiet = now - max(attempts.last_failed_at, attempts.locked_until) >= QUIET_S
    failures = 1 if quiet else attempts.failures + 1
    wait_s = (
        min(2 ** min(failures - FREE_FAILURES, 20), LONGEST_WAIT_S)
        if failures >= FREE_FAILURES
        else 0
    )
    return (
        Attempts(failures=failures, last_failed_at=now, locked_until=now + wait_s),
        True,
    )
