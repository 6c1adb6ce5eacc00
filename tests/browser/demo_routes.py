"""What tests add to the demo's gateway: more routes, and their callback URLs at the pool."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import boto3

from ostiary.cli.demo import steps
from ostiary.cli.demo.values import DemoState


def build_awkward_config(state: DemoState) -> dict[str, Any]:
    """The demo's own routes and two more: one whose upstream is dead, one that asks for a group."""
    config = steps.build_declarative(
        build_site(state),
        steps.Made(user_pool_id=state.user_pool_id, client_id=state.client_id),
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


def build_site(state: DemoState) -> steps.Site:
    """The addresses of a demo, as its steps know them."""
    return steps.Site(
        gateway=state.proxy_tls_url,
        admin=state.admin_url,
        userpool=state.userpool_url,
        hosted_ui=state.hosted_ui_url,
        issuer_base=state.userpool_tls_url,
        upstream=state.upstream_url,
        gateway_host=urlsplit(state.proxy_tls_url).hostname or "",
        portal_gui=state.portal_url.removesuffix("/default"),
        portal_api=state.portal_api_url.removesuffix("/default"),
        manager=state.manager_url,
        debugger=state.debugger_url,
    )


def apply_config(state: DemoState, config: dict[str, Any]) -> None:
    """Give the gateway more routes, and wait until every worker serves them."""
    steps.put_services(state.admin_url, config)


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
