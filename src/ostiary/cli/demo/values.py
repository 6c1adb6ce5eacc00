"""What a running demo is: every address and id that its pages, its walk and other programs need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoState:
    """
    The addresses and ids of a demo that is ready.

    The first group of fields is what other programs may rely on in `state.json`; addresses
    have no trailing slash unless it belongs to them.
    """

    ca_file: str
    proxy_url: str
    proxy_tls_url: str
    admin_url: str
    userpool_url: str
    userpool_tls_url: str
    hosted_ui_url: str
    issuer: str
    user_pool_id: str
    client_id: str
    mailbox_url: str
    upstream_url: str
    pids: tuple[int, ...]

    # What only the demo's pages and its walk show.
    pool_name: str
    client_name: str
    region: str
    domain: str
    callback_urls: tuple[str, ...]
    sign_out_url: str
    protected_url: str
    second_url: str
    logout_url: str
    landing_url: str
    portal_url: str
    portal_api_url: str
    manager_url: str
    debugger_url: str
    admin_email: str

    @property
    def discovery_url(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    @property
    def debugger_link(self) -> str:
        """The debugger, filled in with the page's provider and client."""
        asked = {"issuer": self.issuer, "client_id": self.client_id, "scope": "openid email profile", "logout_redirect_uri": f"{self.debugger_url}/"}  # fmt: skip
        return f"{self.debugger_url}/?{urlencode(asked)}"

    @property
    def route_path(self) -> str:
        """The path of the page's route, from the URL that is protected."""
        return "/" + self.protected_url.split("/", 3)[3].partition("/")[0]

    def to_dict(self) -> dict[str, object]:
        """The fields by name, as JSON knows values."""
        return {**asdict(self), "discovery_url": self.discovery_url}

    def to_json(self) -> str:
        """The text of `state.json`."""
        return json.dumps(self.to_dict(), indent=2) + "\n"


def parse_state(text: str) -> DemoState:
    """
    The state that a `state.json` holds; fields that we do not know are left out.

    Raises:
        ValueError: Not JSON, or a field is missing.
    """
    found: Any = json.loads(text)  # Any: foreign JSON, taken apart below
    if not isinstance(found, Mapping):
        raise ValueError("state.json holds no object")
    names = {field.name for field in fields(DemoState)}
    missing = names - found.keys()
    if missing:
        raise ValueError(f"state.json lacks {', '.join(sorted(missing))}")
    values: dict[str, Any] = {  # Any: foreign JSON
        name: tuple(value) if isinstance(value, list) else value
        for name, value in found.items()
        if name in names
    }
    return DemoState(**values)


def load_state(path: Path) -> DemoState:
    """Read a `state.json`."""
    return parse_state(path.read_text(encoding="utf-8"))
