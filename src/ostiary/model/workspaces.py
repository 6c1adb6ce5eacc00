"""
Workspaces: rows of one are nothing to those of another.

Spec: gateway §1.15; security T-O7 (the workspace is part of every look-up key).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

from ostiary.model.developer_credentials import CREDENTIAL_PLUGINS
from ostiary.model.entity import Entity
from ostiary.model.fields import SET, NonEmpty, between, one_of
from ostiary.model.portal import Email, read_meta_fields
from ostiary.model.row import NotYet, Row

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
    if name in {".", ".."}:
        raise ValueError("must not be . or ..")
    if name == "*" or _UUID.fullmatch(name):
        raise ValueError("must not be * or an id")
    return name


class WorkspaceMeta(Entity):
    """How a workspace is shown."""

    color: NonEmpty | None = None
    thumbnail: NonEmpty | None = None


def _dump_record(value: object) -> object:
    """On the wire these are texts; records and lists are taken as well."""
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False)
    return value


def _check_record(value: str) -> str:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("must be a JSON object, as a text")
    return value


def _check_fields(value: str) -> str:
    read_meta_fields(value)
    return value


def _read_no_auth(value: object) -> object:
    """An empty text is Kong's word for a portal without sign-in."""
    return "none" if value == "" else value


Record = Annotated[
    str,
    BeforeValidator(_dump_record),
    Field(max_length=64 * 1024),
    AfterValidator(_check_record),
]
MetaFields = Annotated[
    str,
    BeforeValidator(_dump_record),
    Field(max_length=64 * 1024),
    AfterValidator(_check_fields),
]
PORTAL_AUTHS: Final = ("none", "openid-connect", "basic-auth", "key-auth")


MAX_ATTEMPTS: Final = 1000
# A link in a mail that is older than a month was forgotten.
MAX_TOKEN_S: Final = 31 * 24 * 3600


class WorkspaceConfig(Entity):
    """
    The Developer Portal of a workspace; None is what the node's settings say.

    Spec: portal §1.2.
    """

    meta: NotYet = None
    portal: bool = False
    portal_auth: (
        Annotated[str, BeforeValidator(_read_no_auth), one_of(*PORTAL_AUTHS)] | None
    ) = None
    portal_auth_conf: Record | None = Field(None, repr=False)
    portal_auto_approve: bool | None = None
    portal_oidc_auto_register: bool | None = None
    portal_oidc_trust_email: bool | None = None
    portal_auth_password_complexity: Record | None = None
    portal_auth_login_attempts: Annotated[int, between(0, MAX_ATTEMPTS)] | None = None
    portal_email_verification: bool | None = None
    portal_session_conf: Record | None = Field(None, repr=False)
    portal_access_request_email: bool | None = None
    portal_approved_email: bool | None = None
    portal_application_request_email: bool | None = None
    portal_application_status_email: bool | None = None
    portal_cors_origins: Annotated[tuple[NonEmpty, ...] | None, SET] = None
    portal_developer_credentials: Annotated[
        tuple[Annotated[str, one_of(*CREDENTIAL_PLUGINS)], ...] | None, SET
    ] = None
    portal_developer_meta_fields: MetaFields | None = None
    portal_emails_from: NonEmpty | None = None
    portal_emails_reply_to: NonEmpty | None = None
    portal_smtp_admin_emails: Annotated[tuple[Email, ...] | None, SET] = None
    portal_invite_email: bool | None = None
    portal_rejected_email: bool | None = None
    portal_reset_email: bool | None = None
    portal_reset_success_email: bool | None = None
    portal_revoked_email: bool | None = None
    portal_token_exp: Annotated[int, between(1, MAX_TOKEN_S)] | None = None


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
