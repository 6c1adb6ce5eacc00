"""Pools of the demo whose sign-in asks for more than a password, and people in them."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import boto3
import pyotp
from playwright.async_api import Page

from ostiary.cli.demo.check import read_code, sign_in
from ostiary.cli.demo.values import DemoState

PASSWORD = "Passw0rd!x"
TEMPORARY = "Temp0rary!x"
PHONE = "+15550199934"
SMS = {
    "SmsConfiguration": {
        "SnsCallerArn": "arn:aws:iam::000000000000:role/sms",
        "ExternalId": "x",
    }
}
APP = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
MAIL = {"EmailMfaConfiguration": {"Message": "Your code is {####}."}}
LOOK = """
.background-customizable { background-color: #fff8f0; border-color: #7a3b00; }
.submitButton-customizable { background-color: #7a3b00; color: #ffffff; }
.submitButton-customizable:hover { background-color: #5a2b00; }
.inputField-customizable { border-color: #7a3b00; background-color: #fffdf9; }
.redirect-customizable { color: #7a3b00; }
.banner-customizable { background-color: #7a3b00; }
"""


def build_logo() -> bytes:
    """A PNG of one colour, 160 by 40."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = (b"\x00" + bytes((255, 214, 153)) * 160) * 40
    head = struct.pack(">IIBBBBB", 160, 40, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorPool:
    """One pool's pages, under a path of the demo's user pool."""

    state: DemoState
    name: str
    client_id: str

    def url(self, page: str = "/login", **query: str) -> str:
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": f"{self.state.mailbox_url}/",
            "state": "s",
            **query,
        }
        base = f"{self.state.userpool_tls_url}/_domain/{self.name}"
        return f"{base}{page}?{urlencode(asked)}"

    def mail_of(self, person: str) -> str:
        return f"{person}@{self.name}.example"

    async def sign_in(
        self, page: Page, person: str, password: str = PASSWORD, **query: str
    ) -> None:
        """Up to the page after the password."""
        await page.goto(self.url(**query))
        await sign_in(page, email=self.mail_of(person), password=password)

    async def read_mail(self, page: Page, person: str) -> str:
        """The newest code of a person, read in another tab."""
        tab = await page.context.new_page()
        code = await read_code(tab, self.state.mailbox_url, self.mail_of(person))
        await tab.close()
        return code


@dataclass(slots=True, kw_only=True)
class Builder:
    """Makes pools through the SDK."""

    state: DemoState
    sdk: Any

    def pool(self, name: str, *, mode: str, factors: Any, **settings: Any) -> Any:
        made = self.sdk.create_user_pool(
            PoolName=f"{name} people",
            UsernameAttributes=["email"],
            AutoVerifiedAttributes=["email"],
            **settings,
        )
        pool_id = made["UserPool"]["Id"]
        self.sdk.create_user_pool_domain(Domain=name, UserPoolId=pool_id)
        if factors:
            self.sdk.set_user_pool_mfa_config(
                UserPoolId=pool_id, MfaConfiguration=mode, **factors
            )
        client = self.sdk.create_user_pool_client(
            UserPoolId=pool_id,
            ClientName=f"{name} app",
            CallbackURLs=[f"{self.state.mailbox_url}/"],
            AllowedOAuthFlows=["code"],
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthScopes=["openid"],
            ExplicitAuthFlows=["ALLOW_USER_AUTH", "ALLOW_USER_SRP_AUTH"],
            PreventUserExistenceErrors="ENABLED",
        )
        client_id = client["UserPoolClient"]["ClientId"]
        return pool_id, FactorPool(state=self.state, name=name, client_id=client_id)

    def person(
        self, pool_id: str, email: str, *, temporary: bool = False, **factors: bool
    ) -> None:
        found = [("email", email), ("email_verified", "true")]
        if "SMS" in factors:
            found.append(("phone_number", PHONE))
        self.sdk.admin_create_user(
            UserPoolId=pool_id,
            Username=email,
            MessageAction="SUPPRESS",
            TemporaryPassword=TEMPORARY,
            UserAttributes=[{"Name": n, "Value": v} for n, v in found],
        )
        if not temporary:
            self.sdk.admin_set_user_password(
                UserPoolId=pool_id, Username=email, Password=PASSWORD, Permanent=True
            )
        settings = {
            f"{name}MfaSettings": {"Enabled": True, "PreferredMfa": preferred}
            for name, preferred in factors.items()
        }
        if settings:
            self.sdk.admin_set_user_mfa_preference(
                UserPoolId=pool_id, Username=email, **settings
            )


def build_pools(state: DemoState) -> dict[str, FactorPool]:
    """The pools by name."""
    sdk: Any = boto3.client(
        "cognito-idp",
        endpoint_url=state.userpool_url,
        region_name=state.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    builder = Builder(state=state, sdk=sdk)
    names = [{"Name": n, "Required": True} for n in ("given_name", "family_name")]
    codes = {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}
    either = {**APP, **MAIL, "SmsMfaConfiguration": SMS}
    pool_id, coded = builder.pool(
        "coded",
        mode="OPTIONAL",
        factors=either,
        Schema=names,
        Policies={"SignInPolicy": codes},
    )
    builder.person(pool_id, coded.mail_of("mailed"), Email=True)
    builder.person(pool_id, coded.mail_of("both"), SMS=False, Email=False)
    builder.person(pool_id, coded.mail_of("invited"), temporary=True)
    pool_id, asking = builder.pool("asking", mode="ON", factors=APP)
    builder.person(pool_id, asking.mail_of("ada"))
    builder.person(pool_id, asking.mail_of("grace"))
    pool_id, texting = builder.pool(
        "texting", mode="ON", factors={"SmsMfaConfiguration": SMS}
    )
    builder.person(pool_id, texting.mail_of("ada"))
    pool_id, styled = builder.pool("styled", mode="OFF", factors=None)
    sdk.set_ui_customization(UserPoolId=pool_id, CSS=LOOK, ImageFile=build_logo())
    return {p.name: p for p in (coded, asking, texting, styled)}


async def read_app_code(page: Page) -> str:
    """What an app with the page's secret shows now."""
    return pyotp.TOTP(await read_secret(page)).now()


async def read_secret(page: Page) -> str:
    return (await page.locator("#totp-secret").inner_text()).replace(" ", "")
