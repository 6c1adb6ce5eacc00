"""
A workspace's portal as it is configured: the node's settings, and what the workspace says instead.

The page's Auth Config is taken as it is pasted. What every portal needs of it is filled in; what
would send people somewhere else than to this portal is refused where it is saved. Pure.

Spec: portal §§1.1, 1.2, 2.1, 6.1; decision D16.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from ostiary.http.cookies import OWN_PREFIXES
from ostiary.http.url import build_origin, origin_of, split_host
from ostiary.model.developer_credentials import CREDENTIAL_PLUGINS
from ostiary.model.portal import MetaField, read_meta_fields
from ostiary.model.words import Problem, read_problems
from ostiary.model.workspaces import Workspace
from ostiary.portal.own import (
    BASIC_AUTH,
    MODES,
    OwnSignIn,
    judge_conf,
    judge_own,
    read_own,
)
from ostiary.settings import Settings
from ostiary.signin.schema import OpenidConnectConfig

OPENID_CONNECT: Final = "openid-connect"
_CONF: Final = ("config", "portal_auth_conf")
# What the portal decides itself, whatever is pasted: who a developer is, and how a login ends.
_NOT_ASKED: Final = (
    "consumer_claim", "consumer_claims", "consumer_optional", "anonymous", "auth_methods",
    "login_methods", "login_action", "credential_claim", "upstream_headers",
    "upstream_headers_claims", "upstream_headers_names",
)  # fmt: skip
# Where the door finds what tells a developer, if no ID token says it.
CLAIM_HEADER: Final = "x-ostiary-claim"
VERIFIED_HEADER: Final = "x-ostiary-email-verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where browsers find the portal: base URLs without a slash at the end."""

    gui: str
    api: str

    def gui_of(self, workspace: str) -> str:
        """The home of a workspace's portal."""
        return f"{self.gui}/{quote(workspace, safe='')}"

    def api_of(self, workspace: str) -> str:
        """The API of a workspace's portal."""
        return f"{self.api}/{quote(workspace, safe='')}"


def build_addresses(settings: Settings) -> Addresses:
    """The portal's public addresses; the API is on the same host unless something else is said."""
    scheme = settings.portal_gui_protocol
    gui = f"{scheme}://{settings.portal_gui_host}"
    if settings.portal_api_url:
        return Addresses(gui=gui, api=settings.portal_api_url.rstrip("/"))
    host, _ = split_host(settings.portal_gui_host.partition("/")[0])
    wants_tls = scheme == "https"
    listens = [a for a in settings.portal_api_listen if a.tls == wants_tls]
    port = listens[0].port if listens else None
    return Addresses(gui=gui, api=build_origin(scheme, host, port))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mails:
    """Which mails are sent, from whom, and to which admins; `verification` needs one to be a developer."""

    invite: bool
    access_request: bool
    approved: bool
    application_request: bool
    application_status: bool
    admins: tuple[str, ...]
    verification: bool = False
    reset: bool = True
    reset_success: bool = True
    rejected: bool = False
    revoked: bool = False
    sender: str | None = None
    reply_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """
    One workspace's portal.

    `oidc` is the provider that signs developers in, `own` how they sign in here; both are None for
    a portal without sign-in. `token_exp_s` is how long a link to reset a password is good. `claim`
    is the path of the claim that tells who a developer is, and `looked_up_by` which of their fields
    it may be.
    `credentials` are the plugins that developers may make credentials of for themselves.
    `problem` is why nobody can sign in, for the log. With `trusts_email` an address counts as
    verified where the provider does not say that it is not.
    """

    workspace: Workspace
    is_on: bool
    gui: str
    api: str
    auto_approve: bool
    auto_register: bool
    trusts_email: bool
    meta_fields: tuple[MetaField, ...]
    mails: Mails
    cors: tuple[str, ...]
    oidc: OpenidConnectConfig | None = field(default=None, repr=False)
    own: OwnSignIn | None = None
    token_exp_s: int = 21_600
    claim: tuple[str, ...] = ("email",)
    looked_up_by: tuple[str, ...] = ("username", "custom_id", "id")
    problem: str | None = None
    app_auth: str = "kong-oauth2"
    makes_clients: bool = False
    credentials: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The workspace's id."""
        return self.workspace.id or ""

    @property
    def name(self) -> str:
        """The workspace's name, which its paths begin with."""
        return self.workspace.name

    @property
    def has_sign_in(self) -> bool:
        """Whether developers sign in at all; without it every page is public."""
        return (self.oidc or self.own or self.problem) is not None

    @property
    def can_reset(self) -> bool:
        """Whether developers who forgot their password can have another."""
        return self.own is not None and self.mails.reset

    @property
    def proves_addresses(self) -> bool:
        """Whether nobody gets in without having proven that their address is theirs."""
        return self.mails.verification or (self.oidc is not None and self.is_by_email)

    @property
    def is_by_email(self) -> bool:
        """Whether developers are known by their address, which must be verified then."""
        return self.claim == ("email",)


def read_portal(settings: Settings, workspace: Workspace) -> Portal:
    """The portal of a workspace. One that cannot sign anybody in says why, and stays shut."""
    config = workspace.config
    addresses = build_addresses(settings)
    gui, api = addresses.gui_of(workspace.name), addresses.api_of(workspace.name)
    auth = config.portal_auth or settings.portal_auth or "none"
    oidc: OpenidConnectConfig | None = None
    said: OpenidConnectConfig | None = None
    own: OwnSignIn | None = None
    problem: str | None = None
    try:
        if auth == OPENID_CONNECT:
            conf = config.portal_auth_conf or settings.portal_auth_conf
            said, oidc = _read_conf(conf, gui, api)
        elif auth in MODES:
            own = read_own(
                settings, config, "basic-auth" if auth == BASIC_AUTH else "key-auth"
            )
    except ValidationError as error:
        problem = _tell(read_problems(error))
    except ValueError as error:
        problem = str(error)
    claims = said.consumer_claims if said is not None else None
    by = said.consumer_by if said is not None else None
    return Portal(
        workspace=workspace,
        is_on=settings.portal and config.portal,
        gui=gui,
        api=api,
        auto_approve=_choose(config.portal_auto_approve, settings.portal_auto_approve),
        auto_register=bool(config.portal_oidc_auto_register),
        trusts_email=bool(config.portal_oidc_trust_email),
        meta_fields=read_meta_fields(
            config.portal_developer_meta_fields or settings.portal_developer_meta_fields
        ),
        mails=_read_mails(settings, workspace),
        cors=_read_cors(settings, workspace, gui),
        app_auth=settings.portal_app_auth,
        makes_clients=settings.portal_user_pool_id is not None
        and settings.portal_app_auth != "kong-oauth2",
        credentials=_read_credentials(settings, workspace),
        oidc=oidc,
        own=own,
        token_exp_s=config.portal_token_exp or settings.portal_token_exp,
        claim=claims[0] if claims else ("email",),
        looked_up_by=tuple(by) if by else ("custom_id", "username"),
        problem=problem,
    )


def _choose(own: bool | None, usual: bool) -> bool:  # noqa: FBT001 - a fold of two
    return usual if own is None else own


def _read_credentials(settings: Settings, workspace: Workspace) -> tuple[str, ...]:
    """The plugins that developers may make credentials of, in an order of ours."""
    own = workspace.config.portal_developer_credentials
    said = settings.portal_developer_credentials if own is None else own
    return tuple(plugin for plugin in CREDENTIAL_PLUGINS if plugin in said)


def _read_mails(settings: Settings, workspace: Workspace) -> Mails:
    own = workspace.config
    return Mails(
        invite=_choose(own.portal_invite_email, settings.portal_invite_email),
        access_request=_choose(
            own.portal_access_request_email, settings.portal_access_request_email
        ),
        approved=_choose(own.portal_approved_email, settings.portal_approved_email),
        application_request=_choose(
            own.portal_application_request_email,
            settings.portal_application_request_email,
        ),
        application_status=_choose(
            own.portal_application_status_email,
            settings.portal_application_status_email,
        ),
        verification=_choose(
            own.portal_email_verification, settings.portal_email_verification
        ),
        reset=_choose(own.portal_reset_email, settings.portal_reset_email),
        reset_success=_choose(
            own.portal_reset_success_email, settings.portal_reset_success_email
        ),
        rejected=_choose(own.portal_rejected_email, settings.portal_rejected_email),
        revoked=_choose(own.portal_revoked_email, settings.portal_revoked_email),
        admins=own.portal_smtp_admin_emails
        or settings.portal_smtp_admin_emails
        or settings.smtp_admin_emails,
        sender=own.portal_emails_from or settings.portal_emails_from,
        reply_to=own.portal_emails_reply_to or settings.portal_emails_reply_to,
    )


def _read_cors(settings: Settings, workspace: Workspace, gui: str) -> tuple[str, ...]:
    """The origins whose pages may call the API with a developer's cookie."""
    said: Sequence[str] = workspace.config.portal_cors_origins or ()
    if not said and settings.portal_cors_origins:
        said = [part.strip() for part in settings.portal_cors_origins.split(",")]
    # A star would let every page act for whoever is signed in: it stands for the portal's own.
    return tuple(dict.fromkeys((origin_of(gui), *(o for o in said if o != "*"))))


def _load_conf(text: str | None) -> dict[str, Any]:
    """
    The pasted record.

    Raises:
        ValueError: There is none.
    """
    found = json.loads(text) if text else None
    if not isinstance(found, dict):
        raise ValueError("openid-connect needs portal_auth_conf, a JSON object")
    return found


def _read_conf(
    text: str | None, gui: str, api: str
) -> tuple[OpenidConnectConfig, OpenidConnectConfig]:
    """
    What was pasted, and what the portal makes of it.

    Raises:
        ValueError: There is none.
        ValidationError: It is wrong as the plugin's configuration.
    """
    pasted = _load_conf(text)
    said = OpenidConnectConfig.model_validate(pasted, strict=False)
    kept = {k: v for k, v in pasted.items() if k not in _NOT_ASKED}
    claim = said.consumer_claims[0] if said.consumer_claims else ("email",)
    ours: dict[str, Any] = {
        "redirect_uri": [f"{api}/auth"],
        "login_redirect_uri": [gui],
        "logout_redirect_uri": [gui],
        "logout_methods": ["GET"],
        "logout_query_arg": "logout",
        "login_tokens": [],
        "scopes": ["openid", "profile", "email"],
    }
    forced = {
        "auth_methods": ["authorization_code", "session"],
        "login_methods": ["authorization_code"],
        "login_action": "redirect",
        "upstream_headers": [
            {"header": CLAIM_HEADER, "path": [*claim]},
            {"header": VERIFIED_HEADER, "path": ["email_verified"]},
        ],
        "search_user_info": True,
    }
    return said, OpenidConnectConfig.model_validate(
        {**ours, **kept, **forced}, strict=False
    )


def judge_portal(settings: Settings, workspace: Workspace) -> list[Problem]:
    """
    What is wrong with a workspace's portal, at the fields at fault.

    A configuration without a switch is judged as well: who pastes it hears at once.
    """
    config = workspace.config
    problems: list[Problem] = []
    if config.portal and not settings.portal:
        text = "the portal is off on this node: see the setting portal"
        problems.append((("config", "portal"), text))
    problems += judge_own(settings, config)
    if config.portal_auth_conf is None:
        if config.portal_auth == OPENID_CONNECT and not settings.portal_auth_conf:
            text = "required field missing: the configuration of openid-connect"
            problems.append((_CONF, text))
        return problems
    if config.portal_auth in MODES and "issuer" not in config.portal_auth_conf:
        return [*problems, *judge_conf(config.portal_auth_conf)]
    try:
        pasted = _load_conf(config.portal_auth_conf)
        OpenidConnectConfig.model_validate(pasted, strict=False)
    except ValidationError as error:
        problems += [((*_CONF, *path), text) for path, text in read_problems(error)]
        return problems
    except ValueError as error:
        return [*problems, (_CONF, str(error))]
    problems += _judge_addresses(settings, workspace, pasted)
    return problems


def _judge_addresses(
    settings: Settings, workspace: Workspace, pasted: Mapping[str, Any]
) -> Iterator[Problem]:
    """The addresses of a login must be this portal's own, or people never get back."""
    addresses = build_addresses(settings)
    gui = addresses.gui_of(workspace.name)
    callback = f"{addresses.api_of(workspace.name)}/auth"
    for place, uri in _listed(pasted, "redirect_uri"):
        if uri != callback:
            text = (
                f"must be {callback}: the provider answers to this portal's API "
                "(portal_api_url, portal_gui_host), with the workspace in the path"
            )
            yield (*_CONF, "redirect_uri", place), text
    for name in (
        "login_redirect_uri",
        "forbidden_redirect_uri",
        "unauthorized_redirect_uri",
    ):
        for place, uri in _listed(pasted, name):
            if uri != gui and not uri.startswith(f"{gui}/"):
                text = (
                    f"must be {gui} or below it: the portal's pages "
                    "(portal_gui_protocol, portal_gui_host), with the workspace in the path"
                )
                yield (*_CONF, name, place), text


def _listed(pasted: Mapping[str, Any], name: str) -> Iterator[tuple[int, str]]:
    said = pasted.get(name)
    values = [said] if isinstance(said, str) else said
    if isinstance(values, list):
        yield from (
            (place, uri) for place, uri in enumerate(values) if isinstance(uri, str)
        )


_OWN_NAMES: Final = frozenset({"session_cookie_name", "authorization_cookie_name"})


def describe_warnings(portal: Portal, *, is_mock: bool = False) -> tuple[str, ...]:
    """What an operator should know of a portal that works. With `is_mock` no mail is sent."""
    found = [*_warn_of_own(portal)]
    if portal.is_on and is_mock and portal.mails.verification:
        found.append(
            f"nobody can register at the portal of {portal.name}: portal_email_verification needs mail, "
            "and smtp_mock is on"
        )
    if portal.oidc is not None and portal.oidc.ssl_verify is False:
        host = urlsplit(portal.oidc.issuer).hostname
        found.append(
            f"the portal of workspace {portal.name} does not verify the certificate of {host}: "
            "ssl_verify is false"
        )
    named = _OWN_NAMES & portal.oidc.model_fields_set if portal.oidc else frozenset()
    if named:
        found.append(
            f"the portal of workspace {portal.name} names its own cookies ({', '.join(sorted(named))}): "
            "where the gateway's proxy has the same host name, its upstreams see them. Leave that out"
        )
    if portal.is_on and portal.problem is not None:
        found.append(
            f"nobody can sign in at the portal of {portal.name}: {portal.problem}"
        )
    return tuple(found)


def _warn_of_own(portal: Portal) -> Iterator[str]:
    own = portal.own
    if own is None:
        return
    name = own.session.cookie_name
    if name is not None and not name.startswith(OWN_PREFIXES):
        yield (
            f"the portal of workspace {portal.name} names its own cookie ({name}): where the gateway's proxy has "
            "the same host name, its upstreams see it. Leave cookie_name out of portal_session_conf"
        )
    if own.session.cookie_secure and not portal.gui.startswith("https:"):
        yield (
            f"nobody stays signed in at the portal of {portal.name}: cookie_secure needs https, and "
            "portal_gui_protocol is http"
        )


def _tell(problems: Sequence[Problem]) -> str:
    texts = (f"{'.'.join(map(str, path))}: {text}" for path, text in problems)
    return "portal_auth_conf: " + "; ".join(texts)
