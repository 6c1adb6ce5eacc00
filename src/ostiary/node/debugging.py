"""The debugger, composed: how it asks, what seals its runs, and where it may go."""

from __future__ import annotations

from ostiary.adapters.system import SystemClock, SystemEntropy
from ostiary.debugger.carrying import Carrier
from ostiary.debugger.conversation import Conversation
from ostiary.debugger.desk import Desk
from ostiary.debugger.reach import parse_allow_list
from ostiary.ports.clock import Clock
from ostiary.ports.fetch import Fetch
from ostiary.sessions.keys import KeyRing, RingKey


def build_debugger(
    fetch: Fetch,
    *,
    allowed: str,
    ring: KeyRing | None = None,
    clock: Clock | None = None,
) -> Conversation:
    """
    The debugger; without a ring what its pages carry ends with the process.

    Args:
        allowed: The hosts that it may ask, as `debugger_allowed_hosts` says.

    Raises:
        ValueError: `allowed` is no such list.
    """
    entropy = SystemEntropy()
    own = KeyRing((RingKey(entropy.bytes(4), entropy.bytes(32)),))
    desk = Desk(fetch, clock or SystemClock(), entropy, parse_allow_list(allowed))
    return Conversation(desk, Carrier.of(ring or own, entropy))
