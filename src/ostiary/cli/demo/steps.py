"""
The page's steps, done through public surfaces only, each of which can be done again.

boto3 stands for the console's clicks, the Admin API for the plugin.

Spec: the page "OpenID Connect with Amazon Cognito"; decision D33 (what the walk may add).
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

POOL_NAME = "test-pool"
CLIENT_NAME = "kong-api"
DOMAIN = "kongdemo"
REGION = "ap-southeast-1"
READ_WRITE = ["email", "family_name", "given_name"]
SCOPES = ["email", "openid", "aws.cognito.signin.user.admin", "profile"]
LOGOUT_ROUTE = "/members"
BOOKSHOP_ROUTE = "/bookshop"
_BOOKSHOP_FILE: Final = "specs/bookshop.yaml"
# As the portal's shipped file has them: nobody serves them.
_BOOKSHOP_SERVERS: Final = """\
  - url: https://api.example.com/bookshop
    description: For everybody
  - url: https://sandbox.example.com/bookshop
    description: For tests; orders are not delivered
"""
_SERVED_WITHIN_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The addresses that the steps put together."""

    gateway: str
    admin: str
    userpool: str
    hosted_ui: str
    issuer_base: str
    upstream: str
    gateway_host: str
    portal_gui: str
    portal_api: str
    manager: str
    debugger: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the steps made."""

    user_pool_id: str
    client_id: str = ""

    def issuer(self, site: Site) -> str:
        """The issuer, without the well-known suffix."""
        return f"{site.issuer_base}/{self.user_pool_id}"


class StepFailed(Exception):
    """A step did not work; the text names it."""

    code = "step_failed"


def cognito(site: Site) -> Any:
    """An unmodified boto3 client; only its endpoint is ours."""
    import boto3

    return boto3.client(
        "cognito-idp",
        endpoint_url=site.userpool,
        region_name=REGION,
        aws_access_key_id="demo",
        aws_secret_access_key="demo",  # noqa: S106 - any credentials are accepted
    )


def callback_urls(site: Site) -> list[str]:
    """The four URLs of the page."""
    return [
        f"{site.portal_gui}/default",
        f"{site.portal_api}/default/",
        f"{site.portal_api}/default/auth",
        f"{site.gateway}/cognito",
    ]


def debugger_urls(site: Site) -> list[str]:
    """Where the debugger's sign-ins come back to: its own page, and the Manager's."""
    return [f"{site.debugger}/callback", f"{site.manager}/auth/debugger"]


def create_pool(client: Any, known: str | None) -> Made:
    """Do the page's step Create a user pool: name, e-mail as username, three required attributes, defaults."""
    if known is not None:
        try:
            client.describe_user_pool(UserPoolId=known)
            return Made(user_pool_id=known)
        except client.exceptions.ResourceNotFoundException:
            pass
    required = [
        {"Name": name, "AttributeDataType": "String", "Required": True, "Mutable": True}
        for name in READ_WRITE
    ]
    reply = client.create_user_pool(
        PoolName=POOL_NAME,
        UsernameAttributes=["email"],
        UsernameConfiguration={"CaseSensitive": False},
        Schema=required,
        AutoVerifiedAttributes=["email"],
        MfaConfiguration="OFF",
        Policies={
            "PasswordPolicy": {
                "MinimumLength": 8,
                "RequireUppercase": True,
                "RequireLowercase": True,
                "RequireNumbers": True,
                "RequireSymbols": True,
                "TemporaryPasswordValidityDays": 7,
            }
        },
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": False},
        EmailConfiguration={"EmailSendingAccount": "COGNITO_DEFAULT"},
        VerificationMessageTemplate={"DefaultEmailOption": "CONFIRM_WITH_CODE"},
    )
    return Made(user_pool_id=reply["UserPool"]["Id"])


def create_app_client(client: Any, made: Made, known: str | None) -> Made:
    """Do the page's step Add an app client: no secret, 30 days, read and write the three attributes."""
    if known is not None:
        try:
            client.describe_user_pool_client(
                UserPoolId=made.user_pool_id, ClientId=known
            )
            return replace(made, client_id=known)
        except client.exceptions.ResourceNotFoundException:
            pass
    reply = client.create_user_pool_client(
        UserPoolId=made.user_pool_id,
        ClientName=CLIENT_NAME,
        RefreshTokenValidity=30,
        GenerateSecret=False,
        ReadAttributes=READ_WRITE,
        WriteAttributes=READ_WRITE,
        PreventUserExistenceErrors="ENABLED",
    )
    return replace(made, client_id=reply["UserPoolClient"]["ClientId"])


def set_app_client(
    client: Any, made: Made, callback_urls: list[str], logout_urls: list[str]
) -> None:
    """Do the page's step App client settings: provider, callback URLs, code grant, four scopes."""
    client.update_user_pool_client(
        UserPoolId=made.user_pool_id,
        ClientId=made.client_id,
        ClientName=CLIENT_NAME,
        RefreshTokenValidity=30,
        ReadAttributes=READ_WRITE,
        WriteAttributes=READ_WRITE,
        PreventUserExistenceErrors="ENABLED",
        SupportedIdentityProviders=["COGNITO"],
        CallbackURLs=callback_urls,
        LogoutURLs=logout_urls,
        AllowedOAuthFlows=["code"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthScopes=SCOPES,
    )


def create_domain(client: Any, made: Made) -> None:
    """Do the page's step Domain name: check availability, save."""
    found = client.describe_user_pool_domain(Domain=DOMAIN)["DomainDescription"]
    if not found:
        client.create_user_pool_domain(Domain=DOMAIN, UserPoolId=made.user_pool_id)
    elif found.get("UserPoolId") != made.user_pool_id:
        raise StepFailed(
            f"the domain {DOMAIN} belongs to another pool; run with --fresh"
        )


def build_declarative(site: Site, made: Made | None) -> dict[str, Any]:
    """The gateway's file: the route of the page, and (D33) a second one that can log out."""
    page: dict[str, Any] = {"name": "cognito", "paths": ["/cognito"]}
    members: dict[str, Any] = {"name": "members", "paths": [LOGOUT_ROUTE]}
    if made is not None:
        config = {
            "issuer": f"{made.issuer(site)}/.well-known/openid-configuration",
            "client_id": [made.client_id],
        }
        logout = (
            f"{site.hosted_ui}/logout?client_id={made.client_id}"
            f"&logout_uri={site.gateway}{LOGOUT_ROUTE}"
        )
        page["plugins"] = [{"name": "openid-connect", "config": config}]
        members["plugins"] = [
            {
                "name": "openid-connect",
                "config": {
                    **config,
                    "logout_query_arg": "logout",
                    "logout_methods": ["GET"],
                    "logout_redirect_uri": [logout],
                    "upstream_headers": [{"header": "X-User-Email", "path": ["email"]}],
                    "scopes": ["openid", "email", "profile"],
                },
            }
        ]
    return {
        "_format_version": "3.0",
        "services": [{"name": "echo", "url": site.upstream, "routes": [page, members]}],
    }


def _ask(admin: str, method: str, path: str, body: Any = None) -> Any:  # Any: JSON
    """
    One request to the gateway's Admin API.

    Raises:
        StepFailed: It was refused.
    """
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{admin}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - our own address
            return json.load(reply)
    except urllib.error.HTTPError as error:
        raise StepFailed(
            f"the Admin API refused {method} {path}: {_message(error)}"
        ) from error
    except OSError as error:
        raise StepFailed(f"the Admin API does not answer: {error}") from error


def put_services(admin: str, config: Mapping[str, Any]) -> None:
    """
    Give services with their routes and plugins to the Admin API; those of a name are replaced.

    It returns when every worker serves them.

    Raises:
        StepFailed: One was refused.
    """
    for service in config["services"]:
        own = {k: v for k, v in service.items() if k != "routes"}
        made = _ask(admin, "PUT", f"/services/{service['name']}", own)
        for route in service["routes"]:
            said = {k: v for k, v in route.items() if k != "plugins"}
            link = {"service": {"id": made["id"]}}
            _ask(admin, "PUT", f"/routes/{route['name']}", said | link)
            for plugin in route.get("plugins", ()):
                _put_plugin(admin, route["name"], plugin)
    deadline = time.monotonic() + _SERVED_WITHIN_S
    while not _is_served(admin):
        if time.monotonic() > deadline:
            raise StepFailed("the workers do not serve the configuration")
        time.sleep(_LOOK_EVERY_S)


def _put_plugin(admin: str, route: str, plugin: Mapping[str, Any]) -> None:
    place = f"/routes/{route}/plugins"
    there = [
        p for p in _ask(admin, "GET", place)["data"] if p["name"] == plugin["name"]
    ]
    if there:
        _ask(admin, "PUT", f"{place}/{there[0]['id']}", plugin)
    else:
        _ask(admin, "POST", place, plugin)


def _is_served(admin: str) -> bool:
    """Whether every worker serves what the Admin API has taken."""
    found = _ask(admin, "GET", "/status")
    return set(found["workers"].values()) == {found["configuration_hash"]}


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["message"])
    except (ValueError, KeyError):
        return f"status {error.code}"


def perform(
    site: Site,
    known: dict[str, str],
    say: Callable[[str], None],
    *,
    configure: Callable[[Site, Made], None],
) -> Made:
    """
    All steps of the page up to "Validating the flows", each told as it is done.

    Args:
        configure: Gives the gateway what `build_declarative` says.

    Raises:
        StepFailed: One did not work.
    """
    client = cognito(site)
    try:
        made = create_pool(client, known.get("user_pool_id"))
        say(f"Create a user pool: {POOL_NAME}, Pool ID {made.user_pool_id}")
        made = create_app_client(client, made, known.get("client_id"))
        say(f"Add an app client: {CLIENT_NAME}, App client ID {made.client_id}")
        callbacks = callback_urls(site)
        set_app_client(client, made, callbacks, [])
        say(
            f"App client settings: {len(callbacks)} callback URLs, code grant, {len(SCOPES)} scopes"
        )
        create_domain(client, made)
        say(f"Domain name: {DOMAIN}, hosted pages at {site.hosted_ui}")
        members = f"{site.gateway}{LOGOUT_ROUTE}"
        sign_outs = [members, f"{site.portal_gui}/default"]
        debuggers = debugger_urls(site)
        back = [f"{site.debugger}/", *sign_outs]
        set_app_client(client, made, [*callbacks, members, *debuggers], back)
        say(f"Extra, the page omits it: sign-out URLs {', '.join(sign_outs)}")
        say(f"Extra: the debugger's callback URLs {', '.join(debuggers)}")
    except StepFailed:
        raise
    except Exception as error:
        raise StepFailed(f"the user pool refused a step: {error}") from error
    configure(site, made)
    say("OpenID Connect plugin on /cognito: issuer, client_id, nothing else")
    return made


def configure_gateway(site: Site, made: Made) -> None:
    """
    Do the page's step OIDC Plugin Configuration through the Admin API.

    Raises:
        StepFailed: It was refused.
    """
    put_services(site.admin, build_declarative(site, made))


def build_auth_config(site: Site, made: Made) -> dict[str, Any]:
    """The page's Auth Config JSON, field for field, with the addresses and ids of this run."""
    host = site.portal_gui.partition("://")[2]
    return {
        "leeway": 100,
        "consumer_by": ["username", "custom_id", "id"],
        "scopes": ["openid", "profile", "email"],
        "logout_query_arg": "logout",
        "client_id": [made.client_id],
        "login_action": "redirect",
        "logout_redirect_uri": [
            f"{site.hosted_ui}/logout?client_id={made.client_id}&logout_uri={host}/default"
        ],
        "login_tokens": {},
        "login_redirect_uri": [f"{site.portal_gui}/default"],
        "forbidden_redirect_uri": [f"{site.portal_gui}/default/unauthorized"],
        "ssl_verify": False,
        "issuer": f"{made.issuer(site)}/.well-known/openid-configuration",
        "logout_methods": ["GET"],
        "consumer_claim": ["email"],
        "login_redirect_mode": "query",
        "redirect_uri": [f"{site.portal_api}/default/auth"],
    }


def configure_portal(site: Site, made: Made) -> None:
    """
    Do the page's step Dev Portal Integration: on, Open ID Connect, the Auth Config JSON pasted.

    Raises:
        StepFailed: It was refused.
    """
    config = {
        "portal": True,
        "portal_auth": "openid-connect",
        "portal_auth_conf": json.dumps(build_auth_config(site, made)),
    }
    _ask(site.admin, "PATCH", "/workspaces/default", {"config": config})
    open_bookshop(site)


def open_bookshop(site: Site) -> None:
    """
    Let the portal's example API be one that answers: a route for it, and its address as the server.

    A specification that somebody has given another server is left as it is.

    Raises:
        StepFailed: It was refused.
    """
    route = {"name": "bookshop", "paths": [BOOKSHOP_ROUTE]}
    service = {"name": "bookshop", "url": f"{site.upstream}/bookshop", "routes": [route]}  # fmt: skip
    put_services(site.admin, {"services": [service]})
    files = _ask(site.admin, "GET", "/files?size=1000")["data"]
    said = next((f["contents"] for f in files if f["path"] == _BOOKSHOP_FILE), "")
    contents = said.replace(_BOOKSHOP_SERVERS, f"  - url: {site.gateway}{BOOKSHOP_ROUTE}\n")  # fmt: skip
    if contents != said:
        _ask(site.admin, "PATCH", f"/files/{_BOOKSHOP_FILE}", {"contents": contents})
