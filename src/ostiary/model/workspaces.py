"""
Workspaces: rows of one are nothing to those of another.

Spec: gateway §1.15; security T-O7 (the workspace is part of every look-up key).
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator

from ostiary.model.entity import Entity
from ostiary.model.fields import NonEmpty
from ostiary.model.row import NotYet, NotYetTrue, Row

DEFAULT_WORKSPACE: Final = "0dc6f45b-8f8d-40d2-a504-473544ee190b"
DEFAULT_NAME: Final = "default"
# What a path of the Admin API may begin with besides a workspace, and what Kong reserves.
RESERVED: Final = frozenset(
    {
        "acls", "admins", "application_instances", "applications", "audit", "audit_objects",
        "audit_requests", "auth", "basic-auths", "basicauth_credentials", "ca_certificates",
        "cache", "certificates", "clustering", "clustering_data_planes", "config",
        "consumer_group_consumers", "consumer_groups", "consumers", "credentials", "debug",
        "developers", "document_objects", "endpoints", "event-hooks", "event_hooks", "files",
        "filter-chains", "filter_chains", "groups", "hmac-auths", "jwt_secrets", "jwts",
        "key-auths", "key-sets", "key_sets", "keyauth_credentials", "keyring", "keyring_keys",
        "keys", "kong", "license", "licenses", "login_attempts", "metrics", "mtls-auths",
        "oauth2", "openapi.json", "openid-connect", "parameters", "plugins", "portal", "rbac",
        "rbac_role_endpoints", "rbac_role_entities", "rbac_roles", "rbac_user_roles",
        "rbac_users", "robots.txt", "routes", "schemas", "services", "snis", "status", "tags",
        "targets", "timers", "upstreams", "userinfo", "vaults", "vitals",
        "workspace_entity_counters", "workspaces",
    }
)  # fmt: skip


_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _check_name(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"must not be one of: {', '.join(sorted(RESERVED))}")
    if any(char in "/?#%" or not char.isprintable() for char in name):
        raise ValueError("must have no slashes, percent signs or control characters")
    if name == "*" or _UUID.fullmatch(name):
        raise ValueError("must not be * or an id")
    return name


class WorkspaceMeta(Entity):
    """How a workspace is shown."""

    color: NonEmpty | None = None
    thumbnail: NonEmpty | None = None


class WorkspaceConfig(Entity):
    """The Dev Portal of a workspace, which is not there yet."""

    meta: NotYet = None
    portal: NotYetTrue = False
    portal_auth: NotYet = None
    portal_auth_conf: NotYet = None
    portal_auto_approve: NotYet = None
    portal_session_conf: NotYet = None
    portal_access_request_email: NotYet = None
    portal_approved_email: NotYet = None
    portal_cors_origins: NotYet = None
    portal_developer_meta_fields: NotYet = None
    portal_emails_from: NotYet = None
    portal_emails_reply_to: NotYet = None
    portal_invite_email: NotYet = None
    portal_reset_email: NotYet = None
    portal_reset_success_email: NotYet = None
    portal_token_exp: NotYet = None


class Workspace(Row):
    """Where rows are apart from those of others."""

    name: Annotated[NonEmpty, AfterValidator(_check_name)]
    comment: NonEmpty | None = None
    meta: WorkspaceMeta = WorkspaceMeta()
    config: WorkspaceConfig = WorkspaceConfig()


# There from the beginning, though it is kept only when somebody says something of it.
DEFAULT: Final = Workspace(id=DEFAULT_WORKSPACE, name=DEFAULT_NAME)


def workspace_of(row: Row) -> str:
    """The id of the workspace that a row is in."""
    return row.ws_id or DEFAULT_WORKSPACE
