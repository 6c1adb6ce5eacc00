"""What is there when the document of the Admin API is held against its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.unit.admin.admin_kit import Node

Json = dict[str, Any]
# The names of rows that are there, so that most paths lead somewhere.
NAMES: Mapping[str, tuple[str, ...]] = {
    "services": ("parent", "s1"), "routes": ("r1", "way"), "consumers": ("ada", "grace"),
    "consumer_groups": ("gold", "silver"), "plugins": ("limit",),
    "upstreams": ("pool.internal", "up.internal"), "targets": ("a.example:8000",),
    "certificates": ("one.example",), "snis": ("*.wild.example",), "vaults": ("my-env",),
    "key_sets": ("ring", "keys"), "keys": ("k",), "keyauth_credentials": ("abc",),
    "basicauth_credentials": ("ada1",), "jwt_secrets": ("issuer",), "acls": ("admins",),
    "workspaces": ("team", "default"), "rbac_users": ("dev-user",),
    "rbac_roles": ("dev",), "admins": ("grace", "grace@example.com"), "groups": ("crew",), "session_id": ("s",), "workspace": ("*",), "endpoint": ("x",), "entity_id": ("*",),
    "tag": ("t", "t1"), "address": ("10.0.0.1:8000", "no address"),
}  # fmt: skip
FILE: Json = {
    "_format_version": "3.0",
    "services": [
        {"name": "parent", "host": "p.example", "tags": ["t"]},
        {"name": "s1", "host": "a.example", "port": 8080},
    ],
    "routes": [
        {"name": "r1", "paths": ["/a", "~/b$"], "service": "parent"},
        {"name": "way", "paths": ["/way"]},
    ],
    "consumers": [{"username": "ada"}, {"username": "grace", "custom_id": "g1"}],
    "consumer_groups": [{"name": "gold"}, {"name": "silver"}],
    "plugins": [
        {
            "name": "request-size-limiting", "instance_name": "limit",
            "service": "parent", "config": {"allowed_payload_size": 4},
        },
        {"name": "key-auth"},
    ],
    "upstreams": [{"name": "pool.internal"}, {"name": "up.internal", "hash_on": "ip"}],
    "targets": [{"target": "a.example:8000", "upstream": "pool.internal"}],
    "vaults": [{"prefix": "my-env", "name": "env"}],
    "key_sets": [{"name": "ring"}],
    "keyauth_credentials": [{"key": "abc", "consumer": "ada"}],
    "acls": [{"group": "admins", "consumer": "ada"}],
}  # fmt: skip


async def hire(node: Node) -> None:
    """A user, a role, and what that says."""
    role = "/rbac/roles/dev"
    entity = {"entity_id": "*", "actions": "read"}
    for path, body in (
        ("/rbac/users", {"name": "dev-user", "user_token": "t"}),
        ("/rbac/roles", {"name": "dev"}),
        ("/rbac/users/dev-user/roles", {"roles": "dev"}),
        (f"{role}/endpoints", {"endpoint": "/x", "workspace": "*", "actions": "read"}),
        (f"{role}/entities", entity),
        ("/admins", {"username": "grace", "email": "grace@example.com"}),
        ("/admins/grace/roles", {"roles": "dev"}),
        ("/groups", {"name": "crew"}),
        ("/groups/crew/roles", {"rbac_role_id": "dev"}),
    ):
        reply = await node.send("POST", path, body)
        assert reply.status in {200, 201}, reply.text
