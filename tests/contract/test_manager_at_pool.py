"""Admins of a real node sign in at a real user pool, over TLS, and sign out at both."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest

from ostiary.cli.demo.ports import choose_ports
from ostiary.testing.pool import LocalUserPool, running_user_pool
from tests.support.lean_node import lean_node

TOKEN = "a-long-random-token-of-kong-admin"
PASSWORD = "Passw0rd!x"
REDIRECTS = {301, 302, 303, 307}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    url: str
    status: int
    location: str | None
    text: str

    @property
    def heading(self) -> str:
        found = re.search(r"<h1>(.*?)</h1>", self.text)
        return unescape(found[1]) if found else ""

    @property
    def onward(self) -> str:
        """Where the page leads on to by itself."""
        found = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', self.text)
        assert found is not None, self.heading
        return unescape(found[1])

    def fields(self) -> dict[str, str]:
        """The fields of its form, as they stand there."""
        tags = re.findall(r"<input\b[^>]*>", self.text)
        named = [dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in tags]
        return {
            tag["name"]: unescape(tag.get("value", ""))
            for tag in named
            if "name" in tag and tag.get("type") != "submit"
        }


@dataclass(slots=True)
class Browser:
    """Keeps cookies by host name; every name leads to this machine."""

    ca_file: Path
    jars: dict[str, dict[str, str]] = field(default_factory=dict)

    def _connect(self, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        assert parts.port is not None
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
        if parts.scheme == "https":
            trust = ssl.create_default_context(cafile=self.ca_file)
            plain = socket.create_connection(("127.0.0.1", parts.port), timeout=20)
            connection.sock = trust.wrap_socket(plain, server_hostname=parts.hostname)
        return connection

    def send(
        self, url: str, form: Mapping[str, str] | None = None, site: str = "same-origin"
    ) -> Page:
        parts = urlsplit(url)
        jar = self.jars.setdefault(parts.hostname or "", {})
        fields = {
            "Host": parts.netloc,
            "Cookie": "; ".join(f"{name}={value}" for name, value in jar.items()),
            "Accept": "text/html",
            "Sec-Fetch-Site": site,
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        }
        body = None if form is None else urlencode(form)
        if form is not None:
            fields["Content-Type"] = "application/x-www-form-urlencoded"
            fields["Origin"] = f"{parts.scheme}://{parts.netloc}"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with closing(self._connect(url)) as connection:
            connection.request("GET" if form is None else "POST", target, body, fields)
            reply = connection.getresponse()
            for cookie in reply.headers.get_all("Set-Cookie") or ():
                name, _, rest = cookie.partition("=")
                jar.pop(name, None)
                if "Max-Age=0" not in rest:
                    jar[name] = rest.partition(";")[0]
            return Page(
                url=url,
                status=reply.status,
                location=reply.headers.get("Location"),
                text=reply.read().decode(),
            )

    def follow(self, page: Page, site: str = "cross-site") -> Page:
        for _ in range(8):
            if page.status not in REDIRECTS:
                return page
            page = self.send(urljoin(page.url, page.location), site=site)
        raise AssertionError(f"sent in circles: {page.url}")

    def sign_in(self, home: str, name: str) -> Page:
        """Press the Manager's button and sign in at the pool's page."""
        asked = self.follow(self.send(f"{home}/auth/provider?next=/default/services"))
        assert asked.status == 200, asked.text[-500:]
        typed = {**asked.fields(), "username": name, "password": PASSWORD}
        action = re.search(r'<form[^>]*action="([^"]*)"', asked.text)
        assert action is not None
        return self.follow(self.send(urljoin(asked.url, unescape(action[1])), typed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    home: str
    pool: LocalUserPool

    def browser(self) -> Browser:
        return Browser(self.pool.ca_file)


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalUserPool]:
    with running_user_pool() as found:
        yield found


def _furnish(pool: LocalUserPool, home: str) -> dict[str, Any]:
    """A client for the Manager, Ada who is a super admin, and Eve who is nobody; its Auth Config."""
    aws = pool.client()
    made = aws.create_user_pool(PoolName="ops", AutoVerifiedAttributes=["email"])
    identity = made["UserPool"]["Id"]
    aws.create_user_pool_domain(Domain="ops", UserPoolId=identity)
    client = aws.create_user_pool_client(
        UserPoolId=identity, ClientName="manager", GenerateSecret=True,
        CallbackURLs=[f"{home}/auth/callback"], LogoutURLs=[f"{home}/auth/sign-in"],
        AllowedOAuthFlows=["code"], AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthScopes=["openid", "profile", "email"], SupportedIdentityProviders=["COGNITO"],
    )["UserPoolClient"]  # fmt: skip
    for name in ("ada", "eve"):
        told = {"email": f"{name}@example.org", "email_verified": "true"}
        attributes = [{"Name": key, "Value": value} for key, value in told.items()]
        aws.admin_create_user(
            UserPoolId=identity, Username=name, UserAttributes=attributes, MessageAction="SUPPRESS",
        )  # fmt: skip
        aws.admin_set_user_password(
            UserPoolId=identity, Username=name, Password=PASSWORD, Permanent=True
        )
    group = "default:super-admin"
    aws.create_group(UserPoolId=identity, GroupName=group)
    aws.admin_add_user_to_group(UserPoolId=identity, Username="ada", GroupName=group)
    return {
        "issuer": pool.issuer(identity),
        "client_id": [client["ClientId"]],
        "client_secret": [client["ClientSecret"]],
        "authenticated_groups_claim": ["cognito:groups"],
    }


@pytest.fixture
async def office(tmp_path: Path, pool: LocalUserPool) -> AsyncIterator[Office]:
    own = choose_ports(free=True, say=lambda _: None)
    home = f"http://localhost:{own.manager}"
    conf = await asyncio.to_thread(_furnish, pool, home)
    async with lean_node(
        tmp_path, database="sqlite", enforce_rbac="on", password=TOKEN, admin_gui_url=home,
        admin_gui_listen=f"127.0.0.1:{own.manager}", admin_gui_auth="openid-connect",
        admin_gui_auth_conf=json.dumps(conf), lua_ssl_trusted_certificate=str(pool.ca_file),
    ):  # fmt: skip
        yield Office(home=home, pool=pool)


@pytest.mark.spec("portal#2.7")
async def test_admins_sign_in_and_out_at_a_user_pool(office: Office) -> None:
    ada, eve = office.browser(), office.browser()
    home = office.home
    welcome = await asyncio.to_thread(ada.sign_in, home, "ada")
    services = await asyncio.to_thread(ada.send, home + welcome.onward)
    leaving = await asyncio.to_thread(ada.send, f"{home}/auth/sign-out", {})
    gone = await asyncio.to_thread(ada.send, leaving.onward, None, "cross-site")
    end = await asyncio.to_thread(ada.follow, gone)
    after = await asyncio.to_thread(ada.send, f"{home}/default/services")
    refused = await asyncio.to_thread(eve.sign_in, home, "eve")

    assert welcome.heading == "Welcome, ada@example.org"
    assert (services.status, services.heading) == (200, "Services")
    assert leaving.onward.startswith(office.pool.hosted_url("ops"))
    assert (end.status, end.url) == (200, f"{home}/auth/sign-in")
    assert after.status == 302
    assert (refused.status, refused.heading) == (403, "You have no role here")
