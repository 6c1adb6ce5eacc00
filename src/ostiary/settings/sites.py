"""
Settings of the Manager and of the Developer Portal: one table. Pure.

Spec: portal §§1.1, 1.2; gateway §§5.6, 5.7 (names and defaults).
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ostiary.http.url import MalformedUrl, split_host
from ostiary.model.developer_credentials import CREDENTIAL_PLUGINS
from ostiary.model.entity import Entity
from ostiary.settings.listen import parse_listen
from ostiary.settings.operators import read_admin_auth
from ostiary.settings.values import Listen, Switch

DEFAULT_META_FIELDS = (
    '[{"label":"Full Name","title":"full_name",'
    '"validator":{"required":true,"type":"string"}}]'
)


def _check_json(value: str) -> str:
    try:
        json.loads(value)
    except ValueError as error:
        raise ValueError(f"must be JSON: {error}") from error
    return value


def _check_public_host(value: str) -> str:
    if "://" in value:
        raise ValueError("must have no scheme: that is portal_gui_protocol")
    host = value.partition("/")[0]
    try:
        split_host(host)
    except MalformedUrl as error:
        raise ValueError("must be a host, for example kong-ee:8446") from error
    return value.rstrip("/")


def _read_addresses(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = tuple(part.strip() for part in value.split(",") if part.strip())
    if not all(re.fullmatch(r"[^@\s]+@[^@\s]+", address) for address in found):
        raise ValueError("must be e-mail addresses, comma-separated")
    return found


# How developers sign in, where they do.
PORTAL_AUTHS: Final = ("basic-auth", "key-auth", "openid-connect")


def _read_scopes(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = tuple(part for part in re.split(r"[,\s]+", value) if part)
    if not all(re.fullmatch(r"[\x21\x23-\x5B\x5D-\x7E]+", scope) for scope in found):
        raise ValueError("must be scopes, comma-separated")
    return found


def _read_plugins(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = [part for part in re.split(r"[,\s]+", value) if part]
    if not {*found} <= {*CREDENTIAL_PLUGINS}:
        raise ValueError(f"must be some of: {', '.join(CREDENTIAL_PLUGINS)}")
    return tuple(dict.fromkeys(found))


JsonText = Annotated[str, AfterValidator(_check_json)]
Addresses = Annotated[tuple[str, ...], BeforeValidator(_read_addresses)]
PublicHost = Annotated[str, AfterValidator(_check_public_host)]


def _check_auth(value: str) -> str:
    if value not in PORTAL_AUTHS:
        raise ValueError(f"must be one of: {', '.join(PORTAL_AUTHS)}")
    return value


Scopes = Annotated[tuple[str, ...], BeforeValidator(_read_scopes)]
CredentialPlugins = Annotated[tuple[str, ...], BeforeValidator(_read_plugins)]
AppAuth = Literal["kong-oauth2", "external-oauth2"]
PortalAuth = Annotated[str, AfterValidator(_check_auth)]
AdminAuth = Annotated[str | None, BeforeValidator(read_admin_auth)]


class SiteSettings(Entity):
    """What the Manager and the portal go by; workspaces may say otherwise of some."""

    admin_gui_listen: Listen = Field(
        parse_listen("0.0.0.0:8002, 0.0.0.0:8445 ssl"),
        description=(
            "Where the Manager listens, or `off`. With `enforce_rbac` it asks for an RBAC token; without, it "
            "answers only this machine, unless `admin_listen` is open to others as well."
        ),
    )
    admin_gui_auth: AdminAuth = Field(
        None,
        description=(
            "How operators sign in to the Manager: `openid-connect`, or with RBAC tokens when unset. It needs "
            "`enforce_rbac` and `admin_gui_url`."
        ),
    )
    admin_gui_auth_conf: str | None = Field(
        None,
        repr=False,
        description=(
            "The configuration of `admin_gui_auth` as JSON: fields of the plugin, and `admin_claim`, "
            "`authenticated_groups_claim`, `admin_auto_create`, `admin_auto_create_rbac_token_disabled`."
        ),
    )
    admin_gui_session_conf: str | None = Field(
        None,
        repr=False,
        description=(
            "How long sessions of the Manager last, as JSON: `idling_timeout` (3600) and `absolute_timeout` "
            "(43200), in seconds. What else Kong's session plugin has is taken and has no effect."
        ),
    )
    admin_invitation_expiry: Annotated[int, Field(gt=0, le=30 * 86400)] = Field(
        259200,
        description="For how many seconds an admin's registration link is good.",
    )
    admin_gui_login_banner_title: str | None = Field(
        None,
        description="The title of a note on the Manager's page to sign in, such as who may use it.",
    )
    admin_gui_login_banner_body: str | None = Field(
        None, description="The text of that note."
    )
    admin_gui_header_txt: str | None = Field(
        None,
        description="A line above every page of the Manager, such as which environment this is.",
    )
    admin_gui_footer_txt: str | None = Field(
        None, description="A line below every page of the Manager."
    )
    portal: Switch = Field(
        default=False,
        description="Serve the Developer Portal; each workspace has a switch of its own, too.",
    )
    portal_gui_listen: Listen = Field(
        parse_listen("0.0.0.0:8003, 0.0.0.0:8446 ssl"),
        description="Where the portal's pages listen, with `portal`.",
    )
    portal_gui_protocol: Literal["http", "https"] = Field(
        "http", description="The scheme of the portal's public URL."
    )
    portal_gui_host: PublicHost = Field(
        "127.0.0.1:8003",
        description="Host and port of the portal's public URL, without a scheme.",
    )
    portal_api_listen: Listen = Field(
        parse_listen("0.0.0.0:8004, 0.0.0.0:8447 ssl"),
        description="Where the portal's API listens, with `portal`.",
    )
    portal_api_url: str | None = Field(
        None,
        description="Public base URL of the portal's API; the pages' host with the API's port when unset.",
    )
    portal_cors_origins: str | None = Field(
        None,
        description="Origins that may call the portal's API, comma-separated; the portal's own when unset.",
    )
    portal_auth: PortalAuth | None = Field(
        None,
        description="How developers sign in where a workspace does not say: `openid-connect`, `basic-auth` (address and password), `key-auth`, or not at all when unset.",
    )
    portal_auth_conf: JsonText | None = Field(
        None,
        repr=False,
        description="The configuration of `portal_auth` as JSON, as that of the plugin.",
    )
    portal_auth_password_complexity: JsonText | None = Field(
        None,
        description='What passwords of `basic-auth` must be, as JSON: `{"kong-preset": "min_8"}` (`min_12`, `min_20`), or `min`, `max` and `passphrase` of passwdqc; eight characters when unset.',
    )
    portal_auth_login_attempts: Annotated[int, Field(ge=0, le=1000)] = Field(
        0,
        description="After so many wrong passwords in a row an account of `basic-auth` is locked until its password is reset; 0 locks none.",
    )
    portal_session_conf: JsonText | None = Field(
        None,
        repr=False,
        description="Sessions of `basic-auth` and `key-auth` as JSON, as the session plugin has it: `secret` (required in it), `cookie_name`, `rolling_timeout` and others.",
    )
    portal_token_exp: Annotated[int, Field(ge=1, le=2_678_400)] = Field(
        21_600,
        description="How long a link to reset a password is good, in seconds.",
    )
    portal_email_verification: Switch = Field(
        default=False,
        description="Developers prove by a mailed link that their address is theirs, before anything else.",
    )
    portal_auto_approve: Switch = Field(
        default=False, description="New developers need nobody's approval."
    )
    portal_developer_meta_fields: JsonText = Field(
        DEFAULT_META_FIELDS,
        description="What developers tell of themselves besides an e-mail address, as JSON.",
    )
    portal_invite_email: Switch = Field(
        default=True, description="Mail those who are invited."
    )
    portal_access_request_email: Switch = Field(
        default=True, description="Mail the admins when somebody asks for access."
    )
    portal_approved_email: Switch = Field(
        default=True, description="Mail developers when they are approved."
    )
    portal_app_auth: AppAuth = Field(
        "kong-oauth2",
        description="What applications call services with: `kong-oauth2`, keys of the gateway; or `external-oauth2`, a client of an identity provider.",
    )
    portal_developer_credentials: CredentialPlugins = Field(
        (),
        description="Plugins whose credentials developers may make for themselves, where a workspace does not say: some of `key-auth`, `basic-auth`, `jwt`, comma-separated. With one of them, whoever is an approved developer passes every route with that plugin.",
    )
    portal_user_pool_id: str | None = Field(
        None,
        description="Amazon Cognito user pool, or ours, in which applications may get clients, with `external-oauth2`.",
    )
    portal_user_pool_url: str | None = Field(
        None,
        description="Where that pool's API is; AWS's of the pool's region when unset.",
    )
    portal_user_pool_scopes: Scopes = Field(
        (),
        description="Scopes of such clients, comma-separated: `<resource server>/<scope>`.",
    )
    portal_user_pool_access_key: str = Field(
        "local", description="Access key id that asks the pool's API; ours takes any."
    )
    portal_user_pool_secret_key: str = Field(
        "local", repr=False, description="Its secret."
    )
    portal_application_request_email: Switch = Field(
        default=False,
        description="Mail the admins when an application asks for a service.",
    )
    portal_application_status_email: Switch = Field(
        default=False,
        description="Mail developers when what became of such a request changes.",
    )
    portal_reset_email: Switch = Field(
        default=True,
        description="Mail developers who have forgotten their password the way to a new one; without, none can.",
    )
    portal_reset_success_email: Switch = Field(
        default=True, description="Mail developers when their password was reset."
    )
    portal_rejected_email: Switch = Field(
        default=False, description="Mail developers when they are rejected."
    )
    portal_revoked_email: Switch = Field(
        default=False, description="Mail developers when their access is withdrawn."
    )
    portal_emails_from: str | None = Field(
        None, description="Sender of the portal's mail; `smtp_sender` when unset."
    )
    portal_emails_reply_to: str | None = Field(
        None, description="Where answers to the portal's mail go."
    )
    portal_smtp_admin_emails: Addresses = Field(
        (),
        description="Who hears of requests for access; `smtp_admin_emails` when unset.",
    )
    smtp_admin_emails: Addresses = Field((), description="The admins' addresses.")
    smtp_mock: Switch = Field(
        default=True,
        description="The portal's mail is logged without its text, not sent.",
    )
