"""A user-pool site for tests: fakes of the ports, and a small browser that talks ASGI."""

from __future__ import annotations

import html
import itertools
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.applications import Starlette
from starlette.types import ASGIApp
from starlette.types import Message as AsgiMessage

from ostiary.adapters.sql.pool_store import open_store
from ostiary.ports.mail import MailUnavailable, Message
from ostiary.ports.triggers import TriggerHost
from ostiary.userpool.app import create_app
from ostiary.userpool.config import NoTriggers, UserPoolConfig
from ostiary.userpool.testing.tools import TestingTools
from tests.userpool.shortcuts import CHEAP, open_new_store, reuse_key

DATABASE_KEY = sha256(b"a database key for tests").digest()
START = 1_800_000_000.0
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20261122/ap-southeast-1/"
    "cognito-idp/aws4_request, SignedHeaders=host, Signature=00"
}
PASSWORD = "Passw0rd!x"


@dataclass
class FakeClock:
    at: float = START

    def now(self) -> float:
        return self.at

    def pass_s(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class FakeEntropy:
    """Bytes that differ each time and are the same in every run."""

    _counter: itertools.count[int] = field(default_factory=itertools.count)

    def bytes(self, n: int) -> bytes:
        out = b""
        while len(out) < n:
            out += sha256(f"entropy {next(self._counter)}".encode()).digest()
        return out[:n]


@dataclass
class FakeMailer:
    sent: list[Message] = field(default_factory=list)
    broken: bool = False

    async def send(self, message: Message) -> None:
        if self.broken:
            raise MailUnavailable("no mail today")
        self.sent.append(message)

    def last_code(self) -> str:
        found = re.search(r"\d{6,8}", self.sent[-1].text)
        assert found is not None
        return found.group()


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((v for k, v in self.headers if k == name.lower()), "")

    @property
    def location(self) -> str:
        return self.header("location")

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Browser:
    """Keeps cookies of one host, fills in forms, follows nothing by itself."""

    app: ASGIApp
    host: str = "demo.auth.localhost:9443"
    cookies: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)

    async def request(
        self,
        method: str,
        target: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        parts = urlsplit(target)
        sent = {"host": parts.netloc or self.host, **self.extra, **(headers or {})}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": parts.path or "/",
            "raw_path": (parts.path or "/").encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 9443),
        }
        answer = Answer(0, [], b"")

        async def receive() -> AsgiMessage:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: AsgiMessage) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [
                    (k.decode().lower(), v.decode()) for k, v in message["headers"]
                ]
            else:
                answer.body += message.get("body", b"")

        await self.app(scope, receive, send)
        for name, value in answer.headers:
            if name == "set-cookie":
                self._keep(value)
        return answer

    def _keep(self, value: str) -> None:
        name, _, content = value.partition(";")[0].partition("=")
        if "Max-Age=0" in value:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = content

    async def get(self, target: str, **headers: str) -> Answer:
        return await self.request("GET", target, headers=headers)

    async def post(
        self, target: str, fields: Mapping[str, str], **headers: str
    ) -> Answer:
        return await self.request(
            "POST",
            target,
            body=urlencode(fields).encode(),
            headers={"content-type": "application/x-www-form-urlencoded", **headers},
        )

    async def submit(self, page: Answer, fields: Mapping[str, str]) -> Answer:
        """Fill in the page's first form, with its hidden fields, as a scraper would."""
        action = re.search(r'<form action="([^"]*)" method="POST" name="', page.text)
        assert action is not None, page.text
        hidden = dict(
            re.findall(
                r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text
            )
        )
        return await self.post(html.unescape(action.group(1)), {**hidden, **fields})


@dataclass
class PoolSite:
    app: Starlette
    clock: FakeClock
    mailer: FakeMailer
    config: UserPoolConfig

    def browser(self, **changes: Any) -> Browser:
        return Browser(self.app, **changes)

    async def settle(self) -> None:
        """Let what answers did not wait for be done, such as mails."""
        await self.app.state.errands.wait()

    async def call(self, operation: str, **members: Any) -> Any:
        answer = await self.call_raw(operation, members)
        assert answer.status == 200, answer.text
        return answer.json()

    async def call_raw(
        self,
        operation: str,
        members: Any,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return await Browser(self.app, host="cognito-idp.localhost:9443").request(
            "POST",
            "/",
            body=json.dumps(members).encode(),
            headers={
                "content-type": "application/x-amz-json-1.1",
                "x-amz-target": f"AWSCognitoIdentityProviderService.{operation}",
                **(SIGNED if headers is None else headers),
            },
        )


@asynccontextmanager
async def open_site(
    folder: Path,
    *,
    strict: bool = False,
    database_url: str = "",
    triggers: TriggerHost | None = None,
    testing: TestingTools | None = None,
) -> AsyncIterator[PoolSite]:
    clock, mailer = FakeClock(), FakeMailer()
    async with (
        open_store(database_url) if database_url else open_new_store(folder / "pool.db")
    ) as store:
        config = UserPoolConfig(
            store=store,
            clock=testing.clock if testing else clock,
            entropy=FakeEntropy(),
            mailer=testing.outbox if testing else mailer,
            testing=testing,
            make_key=reuse_key,
            hash_cost=CHEAP,
            database_key=DATABASE_KEY,
            issuer_base="https://cognito-idp.localhost:9443",
            domain_suffix="auth.localhost",
            domain_port=9443,
            strict=strict,
            triggers=triggers or NoTriggers(),
        )
        opened = PoolSite(create_app(config), clock, mailer, config)
        yield opened
        await opened.settle()


CALLBACK = "https://kong-ee.localhost:8443/cognito"


@dataclass
class Demo:
    """The pool, client and domain of the walk-through."""

    site: PoolSite
    pool_id: str
    client_id: str
    browser: Browser

    def query(self, **changes: str) -> str:
        usual = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid email profile",
            "state": "a state+/=%",
            "nonce": "n-1",
        }
        return urlencode({k: v for k, v in (usual | changes).items() if v})

    async def sign_up(self, email: str = "Ada@Example.org", **query: str) -> Answer:
        """Up to the page that asks for the code."""
        page = await self.browser.get(f"/signup?{self.query(**query)}")
        answer = await self.browser.submit(
            page,
            {
                "requiredAttributes[email]": email,
                "requiredAttributes[given_name]": "Ada",
                "requiredAttributes[family_name]": "Lovelace",
                "password": PASSWORD,
            },
        )
        assert answer.status == 302, answer.text
        return await self.browser.get(answer.location)

    async def confirm(self, **query: str) -> Answer:
        """Sign up and confirm: ends at the client, with a code."""
        page = await self.sign_up(**query)
        return await self.browser.submit(page, {"code": self.site.mailer.last_code()})

    async def token(self, fields: Mapping[str, str], **headers: str) -> Answer:
        return await self.site.browser().post("/oauth2/token", fields, **headers)

    async def exchange(self, code: str, **changes: str) -> Answer:
        fields = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "code": code,
            "redirect_uri": CALLBACK,
        }
        return await self.token({k: v for k, v in (fields | changes).items() if v})


async def build_demo(site: PoolSite, **client: Any) -> Demo:
    pool = await site.call(
        "CreateUserPool",
        PoolName="test-pool",
        UsernameAttributes=["email"],
        UsernameConfiguration={"CaseSensitive": False},
        AutoVerifiedAttributes=["email"],
        Schema=[
            {"Name": n, "Required": True, "Mutable": True}
            for n in ("email", "family_name", "given_name")
        ],
    )
    pool_id = pool["UserPool"]["Id"]
    await site.call("CreateUserPoolDomain", Domain="demo", UserPoolId=pool_id)
    settings: dict[str, Any] = {
        "ClientName": "kong-api",
        "ReadAttributes": ["email", "family_name", "given_name"],
        "WriteAttributes": ["email", "family_name", "given_name"],
        "PreventUserExistenceErrors": "ENABLED",
        "SupportedIdentityProviders": ["COGNITO"],
        "CallbackURLs": [CALLBACK],
        "LogoutURLs": ["https://kong-ee.localhost:8446/default"],
        "AllowedOAuthFlows": ["code"],
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthScopes": [
            "email",
            "openid",
            "aws.cognito.signin.user.admin",
            "profile",
        ],
    }
    made = await site.call(
        "CreateUserPoolClient", UserPoolId=pool_id, **(settings | client)
    )
    return Demo(site, pool_id, made["UserPoolClient"]["ClientId"], site.browser())


def query_of(location: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(location).query))
