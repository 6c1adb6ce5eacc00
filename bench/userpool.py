"""
USERPOOL=1: the user pool with 100 000 users, 1 000 code flows at once, and tokens under load.

What is measured: times of sign-ins and of pages of ListUsers in a full pool; whether a thousand
people who sign in on the hosted pages at once all get their tokens; and how much longer the
token endpoint takes while others sign in (the budget is twice its quiet p99).
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import socket
import ssl
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from bench import existence, sign_ins
from bench.options import Options
from bench.processes import CannotRun, Children
from sqlalchemy import insert

from ostiary.adapters.sql import rows
from ostiary.adapters.sql.engine import Database
from ostiary.adapters.sql.tables import USERS
from ostiary.model.pool import Attempts, User, UserStatus
from ostiary.testing import LocalUserPool, running_user_pool

USERS_COUNT = 100_000
FLOWS = 1_000
BATCH = 5_000
REFRESHES = 1_000
PASSWORD = "Passw0rd!x"
CALLBACK = "https://app.localhost/callback"
ALLOWED_RATIO = 2.0
_FORM = re.compile(r'<form action="([^"]*)" method="POST" name="cognitoSignInForm"')
_CSRF = re.compile(r'name="_csrf" value="([^"]*)"')


class HereResolver(AbstractResolver):
    """Every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=0,
            )
        ]

    async def close(self) -> None:
        return


class Caller:
    """Calls the API and the pages of one pool."""

    def __init__(self, pool: LocalUserPool, session: aiohttp.ClientSession) -> None:
        self.pool = pool
        self.session = session
        self.hosted = pool.hosted_url("bench")

    async def call(self, operation: str, **members: Any) -> Any:
        target = f"AWSCognitoIdentityProviderService.{operation}"
        signed = f"AWS4-HMAC-SHA256 Credential=a/20260101/{self.pool.region}/cognito-idp/aws4_request"
        async with self.session.post(
            self.pool.endpoint_url,
            data=json.dumps(members),
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": target,
                "Authorization": signed,
            },
        ) as reply:
            answer = json.loads(await reply.read() or b"{}")
            if reply.status != 200:
                raise CannotRun(f"{operation}: {answer}")
            return answer

    async def ask(self, operation: str, **members: Any) -> Any:
        """As `call`; a refusal is an answer."""
        try:
            return await self.call(operation, **members)
        except CannotRun:
            return None


async def _timed(count: int, ask: Callable[[int], Awaitable[Any]]) -> list[float]:
    took = []
    for number in range(count):
        began = time.perf_counter()
        await ask(number)
        took.append((time.perf_counter() - began) * 1000)
    return took


def _say(what: str, took: list[float]) -> None:
    ordered = sorted(took)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(
        f"{what:<48} median {statistics.median(took):7.1f} ms   p99 {p99:7.1f} ms   "
        f"({len(took)})"
    )


async def _fill(pool: LocalUserPool, pool_id: str, count: int) -> None:
    """Put users beside the first one, with its password, straight into the database."""
    database = Database(f"sqlite:///{pool.folder / 'node' / 'userpool' / 'pool.db'}")
    async with database.reading() as db:
        found = await db.execute(USERS.select().where(USERS.c.username == "u0"))
        first = found.mappings().one()
    password = rows.read_user(first, ()).password
    for start in range(1, count, BATCH):
        values = []
        for number in range(start, min(start + BATCH, count)):
            name = f"u{number}"
            user = User(
                pool_id=pool_id,
                username=name,
                sub=f"00000000-0000-7000-8000-{number:012d}",
                login_key=name,
                attributes={
                    "sub": f"00000000-0000-7000-8000-{number:012d}",
                    "email": f"{name}@example.org",
                    "email_verified": "true",
                },
                status=UserStatus.CONFIRMED,
                password=password,
                created_at=1.0,
                modified_at=1.0,
            )
            values.append(
                {**rows.user_values(user), **rows.attempts_values(Attempts())}
            )
        async with database.writing() as db:
            await db.execute(insert(USERS), values)
    await database.close()


async def _make_pool(caller: Caller, count: int) -> tuple[str, str]:
    ways = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}
    made = await caller.call("CreateUserPool", PoolName="bench", Policies=ways)
    pool_id = made["UserPool"]["Id"]
    await caller.call("CreateUserPoolDomain", Domain="bench", UserPoolId=pool_id)
    client = await caller.call(
        "CreateUserPoolClient",
        UserPoolId=pool_id,
        ClientName="bench",
        PreventUserExistenceErrors="ENABLED",
        ExplicitAuthFlows=[
            "ALLOW_USER_PASSWORD_AUTH",
            "ALLOW_USER_SRP_AUTH",
            "ALLOW_USER_AUTH",
            "ALLOW_REFRESH_TOKEN_AUTH",
        ],
        CallbackURLs=[CALLBACK],
        AllowedOAuthFlows=["code"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthScopes=["openid", "email"],
        SupportedIdentityProviders=["COGNITO"],
    )
    named = {"UserPoolId": pool_id, "Username": "u0"}
    await caller.call("AdminCreateUser", MessageAction="SUPPRESS", **named)
    await caller.call(
        "AdminSetUserPassword", Password=PASSWORD, Permanent=True, **named
    )
    began = time.perf_counter()
    await _fill(caller.pool, pool_id, count)
    print(f"{count} users in {time.perf_counter() - began:.1f} s")
    return pool_id, client["UserPoolClient"]["ClientId"]


async def _listing(caller: Caller, pool_id: str, count: int) -> None:
    async def first(_: int) -> None:
        await caller.call("ListUsers", UserPoolId=pool_id, Limit=60)

    tokens: list[str] = []

    async def next_page(_: int) -> None:
        token = {"PaginationToken": tokens[-1]} if tokens else {}
        page = await caller.call("ListUsers", UserPoolId=pool_id, Limit=60, **token)
        tokens.append(page["PaginationToken"])

    def filtered(text: str) -> Callable[[int], Awaitable[None]]:
        async def ask(_: int) -> None:
            await caller.call("ListUsers", UserPoolId=pool_id, Filter=text)

        return ask

    _say("ListUsers, first page of 60", await _timed(20, first))
    _say("ListUsers, the next pages", await _timed(30, next_page))
    middle = f"u{count // 2}"
    for text in (
        f'username = "{middle}"',
        f'email = "{middle}@example.org"',
        f'email ^= "{middle}"',
        'status = "Disabled"',
    ):
        _say(f"ListUsers, {text}", await _timed(10, filtered(text)))


async def _sign_in(caller: Caller, client_id: str, number: int) -> Any:
    reply = await caller.call(
        "InitiateAuth",
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": f"u{number}", "PASSWORD": PASSWORD},
    )
    return reply["AuthenticationResult"]


async def _walk(caller: Caller, client_id: str, number: int) -> str | None:
    """One person's whole code flow; None when all went well, else what did not."""
    query = urlencode(
        {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid email",
            "state": str(number),
        }
    )
    jar = aiohttp.CookieJar()
    async with aiohttp.ClientSession(
        connector=caller.session.connector, connector_owner=False, cookie_jar=jar
    ) as browser:
        async with browser.get(f"{caller.hosted}/oauth2/authorize?{query}") as page:
            text = await page.text()
        form, csrf = _FORM.search(text), _CSRF.search(text)
        if form is None or csrf is None:
            return f"no form: {page.status}"
        fields = {
            "_csrf": csrf[1],
            "username": f"u{number}",
            "password": PASSWORD,
        }
        async with browser.post(
            caller.hosted + html.unescape(form[1]), data=fields, allow_redirects=False
        ) as done:
            location = done.headers.get("Location", "")
        code = parse_qs(urlsplit(location).query).get("code")
        if code is None:
            return f"no code: {done.status}"
        async with browser.post(
            f"{caller.hosted}/oauth2/token",
            data={
                "grant_type": "authorization_code",
                "client_id": client_id,
                "code": code[0],
                "redirect_uri": CALLBACK,
            },
        ) as granted:
            if "access_token" not in await granted.json(content_type=None):
                return f"no token: {granted.status}"
    return None


async def _flows(caller: Caller, client_id: str, count: int) -> bool:
    began = time.perf_counter()
    found = await asyncio.gather(
        *(_walk(caller, client_id, n) for n in range(count)), return_exceptions=True
    )
    wrong = [str(item) or type(item).__name__ for item in found if item is not None]
    took = time.perf_counter() - began
    print(
        f"{count} code flows at once: {len(wrong)} errors, {took:.1f} s, "
        f"{count / took:.0f} sign-ins a second"
    )
    for text in sorted(set(wrong))[:5]:
        print(f"  {text}")
    return not wrong


async def _refreshes(caller: Caller, client_id: str, token: str) -> list[float]:
    async def ask(_: int) -> None:
        fields = {
            "grant_type": "refresh_token",
            "client_id": client_id,
            "refresh_token": token,
        }
        url = f"{caller.hosted}/oauth2/token"
        async with caller.session.post(url, data=fields) as reply:
            if reply.status != 200:
                raise CannotRun(f"refresh: {reply.status} {await reply.text()}")

    return await _timed(REFRESHES, ask)


async def _add_people(caller: Caller, pool_id: str, kind: str) -> None:
    """Those whom `bench.sign_ins` signs in."""
    for number in range(sign_ins.PEOPLE):
        named = {"UserPoolId": pool_id, "Username": f"{kind}{number}"}
        await caller.call("AdminCreateUser", MessageAction="SUPPRESS", **named)
        await caller.call(
            "AdminSetUserPassword", Password=PASSWORD, Permanent=True, **named
        )


async def _under_load(caller: Caller, pool_id: str, client_id: str) -> None:
    """The token endpoint alone, and while some people sign in all the time."""
    token = (await _sign_in(caller, client_id, 0))["RefreshToken"]
    await _refreshes(caller, client_id, token)
    quiet = await _refreshes(caller, client_id, token)
    _say("/oauth2/token, refresh, alone", quiet)
    for kind in ("password", "srp"):
        await _add_people(caller, pool_id, kind)
        loaded, rate = await _loaded(caller, pool_id, client_id, kind, token)
        _say(f"/oauth2/token, refresh, {rate:.0f} sign-ins/s by {kind}", loaded)
        ratio = _p99(loaded) / _p99(quiet)
        verdict = "met" if ratio <= ALLOWED_RATIO else "MISSED"
        print(
            f"p99 while people sign in by {kind} is {ratio:.1f} x quiet "
            f"(budget {ALLOWED_RATIO:g} x: {verdict})"
        )


async def _loaded(
    caller: Caller, pool_id: str, client_id: str, kind: str, token: str
) -> tuple[list[float], float]:
    """Times of refreshes meanwhile, and how many signed in each second."""
    pool = caller.pool
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bench.sign_ins", pool.endpoint_url, pool.region),
        *(pool_id, client_id, kind),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    await asyncio.sleep(1)
    began = time.perf_counter()
    times = await _refreshes(caller, client_id, token)
    took = 1 + time.perf_counter() - began
    said, _ = await process.communicate(b"")
    if process.returncode != 0:
        raise CannotRun(f"sign-ins by {kind} failed")
    return times, int(said) / took


def _p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]


async def _measure(pool: LocalUserPool, options: Options) -> bool:
    count = USERS_COUNT // 50 if options.quick else USERS_COUNT
    flows = FLOWS // 20 if options.quick else FLOWS
    tls = ssl.create_default_context(cafile=str(pool.ca_file))
    connector = aiohttp.TCPConnector(limit=0, ssl=tls, resolver=HereResolver())
    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        caller = Caller(pool, session)
        pool_id, client_id = await _make_pool(caller, count)
        _say(
            "USER_PASSWORD_AUTH, one after the other",
            await _timed(100, lambda n: _sign_in(caller, client_id, n * 7 % count)),
        )
        await _listing(caller, pool_id, count)
        await existence.compare(caller.ask, client_id, first=count // 2)
        await _under_load(caller, pool_id, client_id)
        return await _flows(caller, client_id, flows)


def run(folder: Path, children: Children, options: Options) -> bool:
    """Fill a pool and measure it; false when a code flow failed."""
    del folder, children
    with running_user_pool() as pool:
        return asyncio.run(_measure(pool, options))
