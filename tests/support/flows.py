"""The stories of sign-in decisions, as the Admin API of a running node tells them."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

DEADLINE_S = 10


def read_flow(admin_url: str, request_id: str) -> dict[str, Any]:
    """The story of a request, as soon as control has heard it."""
    url = f"{admin_url}/openid-connect/flows/{request_id}"
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            with urllib.request.urlopen(url) as reply:
                found: dict[str, Any] = json.load(reply)
                return found
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 404 or time.monotonic() > deadline:
                raise
