"""What tests add to the demo's gateway: more routes, and their callback URLs at the pool."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import yaml

from ostiary.cli.demo.values import DemoState

READY_S = 10


def build_awkward_config(folder: Path) -> dict[str, Any]:
    """The demo's own routes and two more: one whose upstream is dead, one that asks for a group."""
    config: dict[str, Any] = yaml.safe_load(
        (folder / "kong.yml").read_text(encoding="utf-8")
    )
    routes = config["services"][0]["routes"]
    page = next(r for r in routes if r["name"] == "cognito")
    oidc = page["plugins"][0]["config"]
    asks = {
        "groups_claim": ["cognito:groups"],
        "groups_required": ["nobody-is-in-it"],
    }
    routes.append(
        {
            "name": "staff",
            "paths": ["/staff"],
            "plugins": [{"name": "openid-connect", "config": oidc | asks}],
        }
    )
    config["services"].append(
        {
            "name": "dead",
            "url": "http://127.0.0.1:1",
            "routes": [{"name": "dead", "paths": ["/dead"]}],
        }
    )
    return config


def apply_config(state: DemoState, config: dict[str, Any]) -> None:
    """Give the gateway a configuration, and wait until every worker serves it."""
    request = urllib.request.Request(
        f"{state.admin_url}/config",
        data=json.dumps(config).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10):
        pass
    deadline = time.monotonic() + READY_S
    while not _is_everywhere(state):
        assert time.monotonic() < deadline, "the new routes did not come up"


def _is_everywhere(state: DemoState) -> bool:
    with urllib.request.urlopen(f"{state.admin_url}/status", timeout=5) as reply:
        found = json.load(reply)
    return set(found["workers"].values()) == {found["configuration_hash"]}


def register_callback(state: DemoState, url: str) -> None:
    """Let the pool send people back to one more address."""
    client: Any = boto3.client(  # Any: boto3's clients are made at run time
        "cognito-idp",
        endpoint_url=state.userpool_url,
        region_name=state.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    ids = {"UserPoolId": state.user_pool_id, "ClientId": state.client_id}
    found = client.describe_user_pool_client(**ids)["UserPoolClient"]
    for name in ("CreationDate", "LastModifiedDate"):
        found.pop(name, None)
    found["CallbackURLs"].append(url)
    client.update_user_pool_client(**found)
