"""A pool, its clients and its people, driven through the SDK alone."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp
from pycognito.aws_srp import AWSSRP

from ostiary.ports.triggers import Event, TriggerRefused
from tests.userpool.pool_kit import PASSWORD, PoolSite, open_site
from tests.userpool.pool_sdk import Sdk, serve_sdk

ALL_FLOWS = [
    "ALLOW_USER_SRP_AUTH",
    "ALLOW_USER_PASSWORD_AUTH",
    "ALLOW_ADMIN_USER_PASSWORD_AUTH",
    "ALLOW_CUSTOM_AUTH",
    "ALLOW_REFRESH_TOKEN_AUTH",
    "ALLOW_USER_AUTH",
]
ADA = "ada"
MAIL = "ada@example.org"
PHONE = "+15550199934"
NEW = "An0ther!pass"


@dataclass
class FakeTriggers:
    """Python functions by the last part of their resource name."""

    functions: dict[str, Callable[[Event], Event]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def arn(self, name: str, function: Callable[[Event], Any]) -> str:
        self.functions[name] = function
        return f"arn:aws:lambda:ap-southeast-1:000000000000:function:{name}"

    async def invoke(self, arn: str, event: Event) -> object:
        self.events.append(json.loads(json.dumps(event)))
        return self.functions[arn.rpartition(":")[2]](event)


def refusing(text: str) -> Callable[[Event], Event]:
    def function(_event: Event) -> Event:
        raise TriggerRefused(text)

    return function


def read_claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    padded = payload + "=" * (-len(payload) % 4)
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
    return claims


def secret_hash(secret: str, name: str, client_id: str) -> str:
    made = hmac.new(secret.encode(), (name + client_id).encode(), hashlib.sha256)
    return base64.b64encode(made.digest()).decode()


@dataclass
class Stage:
    """One pool with one client."""

    site: PoolSite
    sdk: Sdk
    triggers: FakeTriggers
    pool_id: str = ""
    client_id: str = ""

    async def build(self, *, client: dict[str, Any] | None = None, **pool: Any) -> None:
        made = await self.sdk.call(
            "CreateUserPool",
            **{"PoolName": "people", "AutoVerifiedAttributes": ["email"], **pool},
        )
        self.pool_id = made["UserPool"]["Id"]
        self.client_id = await self.add_client(**(client or {}))

    async def add_client(self, **settings: Any) -> str:
        made = await self.sdk.call(
            "CreateUserPoolClient",
            UserPoolId=self.pool_id,
            **{"ClientName": "app", "ExplicitAuthFlows": ALL_FLOWS, **settings},
        )
        client_id: str = made["UserPoolClient"]["ClientId"]
        return client_id

    def code(self) -> str:
        return self.site.mailer.last_code()

    async def add_user(self, name: str = ADA, **attributes: str) -> None:
        """A confirmed user with the usual password."""
        given = {"email": MAIL, "email_verified": "true", **attributes}
        await self.admin(
            "AdminCreateUser",
            name,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": k, "Value": v} for k, v in given.items() if v],
        )
        await self.admin(
            "AdminSetUserPassword", name, Password=PASSWORD, Permanent=True
        )

    async def invite(self, **attributes: str) -> str:
        """The temporary password that a new user was sent."""
        given = {"email": MAIL, **attributes}
        await self.admin(
            "AdminCreateUser",
            DesiredDeliveryMediums=["EMAIL"],
            UserAttributes=[{"Name": k, "Value": v} for k, v in given.items() if v],
        )
        text = self.site.mailer.sent[-1].text
        return text.rpartition("password is ")[2].removesuffix(". ")

    async def admin(self, operation: str, name: str = ADA, **members: Any) -> Any:
        return await self.sdk.call(
            operation, UserPoolId=self.pool_id, Username=name, **members
        )

    async def admin_refused(
        self, operation: str, name: str = ADA, **members: Any
    ) -> tuple[str, str]:
        return await self.sdk.refused(
            operation, UserPoolId=self.pool_id, Username=name, **members
        )

    def by_password(
        self, name: str = ADA, password: str = PASSWORD, **more: str
    ) -> dict[str, Any]:
        return {
            "ClientId": self.client_id,
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": name, "PASSWORD": password, **more},
        }

    async def sign_in(self, name: str = ADA, password: str = PASSWORD) -> Any:
        return await self.sdk.call("InitiateAuth", **self.by_password(name, password))

    async def tokens(self, name: str = ADA, password: str = PASSWORD) -> Any:
        return (await self.sign_in(name, password))["AuthenticationResult"]

    def answer(self, asked: Any, **responses: str) -> dict[str, Any]:
        members: dict[str, Any] = {
            "ClientId": self.client_id,
            "ChallengeName": asked["ChallengeName"],
            "ChallengeResponses": {"USERNAME": ADA, **responses},
        }
        if "Session" in asked:
            members["Session"] = asked["Session"]
        return members

    async def respond(self, asked: Any, **responses: str) -> Any:
        return await self.sdk.call(
            "RespondToAuthChallenge", **self.answer(asked, **responses)
        )

    async def respond_refused(self, asked: Any, **responses: str) -> tuple[str, str]:
        return await self.sdk.refused(
            "RespondToAuthChallenge", **self.answer(asked, **responses)
        )

    def app_code(self, secret: str, steps: int = 0) -> str:
        """What an authenticator app shows now, or some steps of 30 s from now."""
        return pyotp.TOTP(secret).at(int(self.site.clock.now()) + 30 * steps)

    async def add_app(self) -> str:
        """A verified authenticator app of a signed-in user, as preferred factor."""
        tokens = await self.tokens()
        made = await self.sdk.call(
            "AssociateSoftwareToken", AccessToken=tokens["AccessToken"]
        )
        early = await self.sdk.refused(
            "SetUserMFAPreference",
            AccessToken=tokens["AccessToken"],
            SoftwareTokenMfaSettings={"Enabled": True},
        )
        assert early == (
            "InvalidParameterException",
            "User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA",
        )
        secret: str = made["SecretCode"]
        await self.sdk.call(
            "VerifySoftwareToken",
            AccessToken=tokens["AccessToken"],
            UserCode=self.app_code(secret),
        )
        await self.sdk.call(
            "SetUserMFAPreference",
            AccessToken=tokens["AccessToken"],
            SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True},
        )
        self.site.clock.pass_s(30)
        return secret

    def srp(self, name: str = ADA, password: str = PASSWORD, **more: Any) -> AWSSRP:
        """The SRP client of pycognito; it is given answers, and asks nobody itself."""
        return AWSSRP(
            username=name,
            password=password,
            pool_id=self.pool_id,
            client_id=self.client_id,
            client=object(),
            **more,
        )

    async def begin_srp(self, srp: AWSSRP, **more: str) -> Any:
        return await self.sdk.call(
            "InitiateAuth",
            ClientId=self.client_id,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={**srp.get_auth_params(), **more},
        )

    async def prove_srp(self, srp: AWSSRP, asked: Any) -> dict[str, str]:
        parameters = asked["ChallengeParameters"]
        return await asyncio.to_thread(
            srp.process_challenge, parameters, {"USERNAME": parameters["USERNAME"]}
        )


@asynccontextmanager
async def open_stage(folder: Path, **changes: Any) -> AsyncIterator[Stage]:
    triggers = FakeTriggers()
    async with (
        open_site(folder, triggers=triggers, **changes) as site,
        serve_sdk(site.app) as sdk,
    ):
        yield Stage(site, sdk, triggers)
