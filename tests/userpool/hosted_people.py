"""Hosted sign-in of people with second factors: a stage with a domain, and a browser at it."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.userpool.factors_kit import set_mfa
from tests.userpool.people_kit import ADA, Stage, open_stage, read_claims
from tests.userpool.pool_kit import CALLBACK, PASSWORD, Answer, Browser, query_of

CLIENT: dict[str, Any] = {
    "CallbackURLs": [CALLBACK],
    "SupportedIdentityProviders": ["COGNITO"],
    "AllowedOAuthFlows": ["code"],
    "AllowedOAuthFlowsUserPoolClient": True,
    "AllowedOAuthScopes": ["openid", "email"],
    "PreventUserExistenceErrors": "ENABLED",
}


def read_errors(page: Answer) -> str:
    found = re.search(r'id="loginErrorMessage"[^>]*>([^<]*)<', page.text)
    return html.unescape(found.group(1)) if found else ""


@dataclass
class Lobby:
    """A pool's pages, and one browser in front of them."""

    stage: Stage
    browser: Browser

    @property
    def query(self) -> str:
        return self.query_with()

    def query_with(self, **changes: str) -> str:
        usual = {
            "response_type": "code",
            "client_id": self.stage.client_id,
            "redirect_uri": CALLBACK,
            "state": "s",
        }
        return urlencode({k: v for k, v in (usual | changes).items() if v})

    async def build(self, *, client: dict[str, Any] | None = None, **pool: Any) -> None:
        await self.stage.build(client=CLIENT | (client or {}), **pool)
        await self.stage.sdk.call(
            "CreateUserPoolDomain", Domain="people", UserPoolId=self.stage.pool_id
        )

    async def set_mfa(self, **members: Any) -> None:
        await set_mfa(self.stage, **members)

    async def post_password(self, password: str = PASSWORD, name: str = ADA) -> Answer:
        """What the sign-in form answers, unfollowed."""
        page = await self.browser.get(f"/login?{self.query}")
        return await self.browser.submit(page, {"username": name, "password": password})

    async def follow(self, answer: Answer) -> Answer:
        """The page that redirects within the site end at."""
        while answer.status == 302 and answer.location.startswith("/"):
            answer = await self.browser.get(answer.location)
        return answer

    async def sign_in(self, password: str = PASSWORD, name: str = ADA) -> Answer:
        """The page after the password, or the way back to the client."""
        return await self.follow(await self.post_password(password, name))

    async def submit(self, page: Answer, **fields: str) -> Answer:
        return await self.follow(await self.browser.submit(page, fields))

    async def submit_form(self, page: Answer, name: str, **fields: str) -> Answer:
        """Fill in another form of the page."""
        found = re.search(
            rf'<form action="([^"]*)" method="POST" name="{name}">(.*?)</form>',
            page.text,
            re.DOTALL,
        )
        assert found is not None, page.text
        hidden = dict(
            re.findall(
                r'<input type="hidden" name="([^"]*)" value="([^"]*)"', found.group(2)
            )
        )
        target = html.unescape(found.group(1))
        return await self.follow(await self.browser.post(target, {**hidden, **fields}))

    async def claims(self, answer: Answer) -> dict[str, Any]:
        """The ID token's claims, where an answer takes the browser to the client."""
        assert answer.location.startswith(f"{CALLBACK}?"), answer.text or answer
        reply = await self.browser.post(
            "/oauth2/token",
            {
                "grant_type": "authorization_code",
                "client_id": self.stage.client_id,
                "code": query_of(answer.location)["code"],
                "redirect_uri": CALLBACK,
            },
        )
        assert reply.status == 200, reply.text
        return read_claims(reply.json()["id_token"])

    async def prefer(self, *settings: str, preferred: str = "") -> None:
        """Turn factors of the user on."""
        wanted: dict[str, Any] = {
            s: {"Enabled": True, "PreferredMfa": s == preferred} for s in settings
        }
        await self.stage.admin("AdminSetUserMFAPreference", **wanted)


@asynccontextmanager
async def open_lobby(folder: Path) -> AsyncIterator[Lobby]:
    async with open_stage(folder) as stage:
        host = "people.auth.localhost:9443"
        yield Lobby(stage, stage.site.browser(host=host))
