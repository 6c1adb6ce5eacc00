"""
The demo's front page: the steps of the page that it performs, with the values of this run.

Everything but one step is done when the page is up; that one belongs to the visitor.
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.cli.demo.mailbox import LOOPBACK_HOSTS
from ostiary.cli.demo.values import DemoState
from ostiary.pages import render
from ostiary.web.replies import json_reply, page

SCOPES: Final = ("email", "openid", "aws.cognito.signin.user.admin", "profile")
_NSS: Final = 'sql:"$HOME/.pki/nssdb"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A value of a step: what it is called, and what it is. A link leads to the value itself."""

    name: str
    values: tuple[str, ...]
    is_link: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the page: what it asks for, and what this run made of it."""

    key: str
    title: str
    text: str
    facts: tuple[Fact, ...] = ()
    command: str = ""
    # `done`, `yours` (the visitor's turn), `later` (after that) or `extra` (the page omits it).
    state: str = "done"
    status: str = "Done"
    link: str | None = None
    link_label: str = ""


def _pool_step(state: DemoState) -> Step:
    return Step(
        key="pool",
        title="Create a user pool",
        text="People sign in with their email address; email, family name and given name "
        "are required. All other settings keep their defaults.",
        facts=(
            Fact(name="Pool name", values=(state.pool_name,)),
            Fact(name="Pool ID", values=(state.user_pool_id,)),
        ),
    )


def _client_step(state: DemoState) -> Step:
    return Step(
        key="client",
        title="Add an app client",
        text="A public client: no client secret is generated. It reads and writes the "
        "required attributes only, and refresh tokens last 30 days.",
        facts=(
            Fact(name="App client", values=(state.client_name,)),
            Fact(name="Client ID", values=(state.client_id,)),
        ),
    )


def _client_settings_step(state: DemoState) -> Step:
    return Step(
        key="settings",
        title="Set what the app client may do",
        text="Sign-in with the pool itself, by the authorization code grant.",
        facts=(
            Fact(name="Callback URLs", values=state.callback_urls),
            Fact(name="Scopes", values=SCOPES),
        ),
    )


def _domain_step(state: DemoState) -> Step:
    return Step(
        key="domain",
        title="Choose a domain name",
        text="The prefix is available, and the hosted pages are served under it.",
        facts=(
            Fact(name="Prefix", values=(state.domain,)),
            Fact(name="Hosted pages", values=(state.hosted_ui_url,)),
        ),
    )


def _discovery_step(state: DemoState) -> Step:
    return Step(
        key="discovery",
        title="Find the discovery endpoint",
        text="Everything that a relying party has to know follows from this one address.",
        facts=(
            Fact(name="Issuer", values=(state.issuer,)),
            Fact(name="Discovery URL", values=(state.discovery_url,), is_link=True),
        ),
    )


def _plugin_step(state: DemoState) -> Step:
    lines = (
        f"- name: {state.route_path.lstrip('/')}",
        f"  paths: [{state.route_path}]",
        "  plugins:",
        "  - name: openid-connect",
        "    config:",
        f"      issuer: {state.discovery_url}",
        f"      client_id: [{state.client_id}]",
    )
    return Step(
        key="plugin",
        title="Configure the OpenID Connect plugin",
        text="Two values are enough. The client secret stays blank because the client has "
        "none, and blank auth_methods enable all flows. The route, as it is configured:",
        facts=(
            Fact(name="Route", values=(state.route_path,)),
            Fact(name="config.issuer", values=(state.discovery_url,)),
            Fact(name="config.client_id", values=(state.client_id,)),
            Fact(name="Admin API", values=(state.admin_url,), is_link=True),
        ),
        command="\n".join(lines),
    )


def _validate_step(state: DemoState, users: int) -> Step:
    people = "1 user has" if users == 1 else f"{users} users have"
    return Step(
        key="validate",
        title="Validate the flow",
        text="Open the protected page. You are sent to the sign-in page: choose “Sign up”, "
        "enter any email address, and read the verification code in the mailbox. "
        "Then you are back at the page you asked for.",
        facts=(
            Fact(name="Protected page", values=(state.protected_url,), is_link=True),
            Fact(name="Mailbox", values=(state.mailbox_url,), is_link=True),
        ),
        state="done" if users else "yours",
        status=f"{people} signed up" if users else "Your turn",
        link=state.protected_url,
        link_label="Open the protected page",
    )


def _verify_step(state: DemoState, users: int) -> Step:
    command = (
        f"aws cognito-idp list-users --user-pool-id {state.user_pool_id} \\\n"
        f"  --endpoint-url {state.userpool_url} --region {state.region}"
    )
    return Step(
        key="users",
        title="Verify the confirmed user",
        text="The pool answers the AWS command line and SDKs; any credentials do.",
        facts=(
            Fact(name="Endpoint", values=(state.userpool_url,)),
            Fact(name="Users in the pool", values=(str(users),)),
        ),
        command=command,
        state="done" if users else "later",
        status="Done" if users else "After signing up",
    )


def _logout_step(state: DemoState) -> Step:
    return Step(
        key="logout",
        title="Log out completely",
        text="A second route adds logout to the same configuration. The page leaves out one "
        "thing that the pool insists on: the sign-out URL must be registered with the app "
        "client. This demo did that as a step of its own.",
        facts=(
            Fact(name="Second route", values=(state.second_url,), is_link=True),
            Fact(name="Sign-out URL", values=(state.sign_out_url,)),
        ),
        state="extra",
        status="Added by the demo",
        link=state.logout_url,
        link_label="Log out",
    )


def _portal_step(state: DemoState) -> Step:
    return Step(
        key="portal",
        title="Set up the developer portal",
        text="The portal is on, “Open ID Connect” is selected, and the page's Auth Config JSON is "
        "pasted, with the addresses of this run. The Manager shows it.",
        facts=(
            Fact(name="Portal", values=(state.portal_url,), is_link=True),
            Fact(name="Redirect URI", values=(f"{state.portal_api_url}/auth",)),
            Fact(name="Dev Portal settings", values=(f"{state.manager_url}/default/portal/settings",), is_link=True),
        ),
        link=f"{state.portal_url}/register",
        link_label="Sign up in the portal",
    )  # fmt: skip


def _approve_step(state: DemoState, users: int) -> Step:
    return Step(
        key="approve",
        title="Approve the developer",
        text="Sign up in the portal with the e-mail address that you used in the pool, and approve "
        "yourself in the Manager. Then log in to the portal: you come back signed in.",
        facts=(
            Fact(name="Requested access", values=(f"{state.manager_url}/default/developers/requested",), is_link=True),
            Fact(name="Mail goes to", values=(state.admin_email,)),
        ),
        state="yours" if users else "later",
        status="Your turn" if users else "After signing up",
        link=f"{state.portal_url}/login",
        link_label="Log in to the portal",
    )  # fmt: skip


def _try_step(state: DemoState, users: int) -> Step:
    operation = f"{state.portal_url}/documentation/bookshop/list-books"
    return Step(
        key="try",
        title="Try an API in the portal",
        text="The catalogue has an example, and here it has a service: its operations can be tried "
        "from their pages, by developers who are approved. The request goes through the gateway.",
        facts=(
            Fact(name="Catalogue", values=(f"{state.portal_url}/documentation",), is_link=True),
            Fact(name="Its route", values=(f"{state.proxy_tls_url}/bookshop/books",), is_link=True),
        ),
        state="extra" if users else "later",
        status="Added by the demo" if users else "After signing up",
        link=f"{operation}/try",
        link_label="Try “List books”",
    )  # fmt: skip


def _debug_step(state: DemoState, users: int) -> Step:
    return Step(
        key="debug",
        title="Test the flow in the debugger",
        text="The page recommends one. This one runs here: it goes through the sign-in step by step, and shows each "
        "request, each reply and every check of the tokens.",
        facts=(
            Fact(name="Debugger", values=(f"{state.debugger_url}/",), is_link=True),
            Fact(name="In the Manager", values=(f"{state.manager_url}/default/debugger",), is_link=True),
            Fact(name="Callback URL", values=(f"{state.debugger_url}/callback",)),
        ),
        state="extra" if users else "later",
        status="Added by the demo" if users else "After signing up",
        link=state.debugger_link,
        link_label="Open the debugger",
    )  # fmt: skip


def build_steps(state: DemoState, users: int) -> tuple[Step, ...]:
    """The page's steps in the page's order, then the ones that this demo adds."""
    return (
        _pool_step(state),
        _client_step(state),
        _client_settings_step(state),
        _domain_step(state),
        _discovery_step(state),
        _plugin_step(state),
        _validate_step(state, users),
        _verify_step(state, users),
        _logout_step(state),
        _portal_step(state),
        _approve_step(state, users),
        _try_step(state, users),
        _debug_step(state, users),
    )


def build_trust_commands(state: DemoState) -> tuple[tuple[str, str], ...]:
    """How to let a program trust this run's certificates: who, and what to type."""
    ca_file = shlex.quote(state.ca_file)
    return (
        ("curl", f"curl -L --cacert {ca_file} {shlex.quote(state.protected_url)}"),
        (
            "Chromium and Chrome on Linux",
            f'certutil -A -d {_NSS} -t C,, -n "Ostiary demo" -i {ca_file}',
        ),
        (
            "… and to take it back afterwards",
            f'certutil -D -d {_NSS} -n "Ostiary demo"',
        ),
        (
            "Firefox",
            f"Settings → Privacy & Security → Certificates → Import: {state.ca_file}",
        ),
    )


def landing_app(
    state: DemoState, *, count_users: Callable[[], Awaitable[int]]
) -> Starlette:
    """
    The front page; `/state.json` is the same for programs.

    Args:
        count_users: How many users the pool has now; asked for each page.
    """

    async def show(_request: Request) -> Response:
        users = await count_users()
        body = render(
            "landing.html",
            state=state,
            steps=build_steps(state, users),
            trust=build_trust_commands(state),
            users=users,
        )
        return page(body)

    async def show_state(_request: Request) -> Response:
        return json_reply(state.to_dict())

    return Starlette(
        routes=[Route("/", show), Route("/state.json", show_state)],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK_HOSTS))
        ],
    )
