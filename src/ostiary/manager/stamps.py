"""Stamps of what a form shows, so that nobody overwrites what somebody else changed meanwhile. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

CHANGED: Final = "Somebody changed this meanwhile. Look at it as it is now, and make your changes again."


def build_stamp(value: Any) -> str:
    """
    Another text for every other value, which times in whole seconds are not; Any: JSON.

    Secrets are part of it as the Admin API shows them, so that their changes count too.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
