"""
The walk of the page, driven in a real browser: every step is done, judged and told.

It uses what a visitor has (the browser, the mailbox page) and, for the last look at the user
pool, an unmodified AWS SDK that knows one endpoint.

Spec: the page "OpenID Connect with Amazon Cognito", section Validating the Flows; decision D33.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote, urlsplit

from ostiary.cli.demo.browser import BrowserMissing, launch_browser
from ostiary.cli.demo.values import DemoState

if TYPE_CHECKING:
    from playwright.async_api import Page, Request

TIMEOUT_MS: Final = 15_000
WRONG_CODE: Final = "Invalid verification code provided, please try again."
WRONG_PASSWORD: Final = "Incorrect username or password."  # noqa: S105 (a text, not a password)


class WalkFailed(Exception):
    """A step of the walk did not end as the page says; the text tells what came instead."""

    code = "walk_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who signs up in this walk."""

    email: str
    password: str = field(repr=False)
    given_name: str = "Ada"
    family_name: str = "Lovelace"


def new_person() -> Person:
    """Someone whom no walk before had."""
    return Person(
        email=f"ada.{secrets.token_hex(6)}@example.org",
        password=f"Aa1!{secrets.token_urlsafe(12)}",
    )


def _require(*, holds: bool, otherwise: str) -> None:
    if not holds:
        raise WalkFailed(otherwise)


async def _shown_problem(page: Page) -> str:
    shown = page.locator(".alert.bad:visible, .field-error:visible, #errorMessage")
    return " ".join(await shown.all_inner_texts())


async def require_place(page: Page, url: str) -> None:
    """
    Tell whether the browser is at an address, its query aside when the address has none.

    Raises:
        WalkFailed: It is elsewhere.
    """
    here = page.url if "?" in url else page.url.partition("?")[0]
    if here == url:
        return
    heading = page.locator("h1").first
    title = await heading.inner_text() if await heading.count() else await page.title()
    raise WalkFailed(
        f"expected {url}, but the browser is at {here}: {title!r} "
        f"{await _shown_problem(page)}".rstrip()
    )


async def sign_up(page: Page, person: Person) -> None:
    """Fill in and send the hosted sign-up form."""
    values = {
        "requiredAttributes[email]": person.email,
        "requiredAttributes[given_name]": person.given_name,
        "requiredAttributes[family_name]": person.family_name,
        "password": person.password,
    }
    for name, value in values.items():
        await page.locator(f'input[name="{name}"]:visible').fill(value)
    await page.locator('input[name="signUpButton"]:visible').click()
    await page.locator("#verification_code").wait_for()


async def enter_code(page: Page, code: str) -> None:
    """Fill in and send the form for the verification code."""
    await page.locator("#verification_code").fill(code)
    await page.locator('input[name="confirm"]:visible').click()


async def sign_in(page: Page, *, email: str, password: str) -> None:
    """Fill in and send the hosted sign-in form."""
    await page.locator('input[name="username"]:visible').fill(email)
    await page.locator('input[name="password"]:visible').fill(password)
    await page.locator('input[name="signInSubmitButton"]:visible').click()


async def read_code(page: Page, mailbox_url: str, email: str, *, after: int = 0) -> str:
    """
    Read the newest code that was mailed to an address, from the mailbox page.

    Raises:
        WalkFailed: No mail came, or it holds no code.
    """
    await page.goto(f"{mailbox_url}/wait?after={after}&email={quote(email)}")
    code = page.locator("#mail-code")
    if not await code.count():
        raise WalkFailed(f"no mail with a code for {email}; at {page.url}")
    return (await code.inner_text()).strip()


def load_user(state: DemoState, email: str) -> dict[str, Any]:
    """Look a user up with boto3: AdminGetUser's status, and whether ListUsers knows it."""
    import boto3

    client: Any = boto3.client(  # Any: boto3's clients are made at run time
        "cognito-idp",
        endpoint_url=state.userpool_url,
        region_name=state.region,
        aws_access_key_id="walk",
        aws_secret_access_key="walk",  # noqa: S106 (any credentials are accepted)
    )
    user = client.admin_get_user(UserPoolId=state.user_pool_id, Username=email)
    listed = client.list_users(
        UserPoolId=state.user_pool_id, Filter=f'email = "{email}"'
    )
    return {"status": user["UserStatus"], "listed": len(listed["Users"])}


class Walk:
    """One walk: its page, its person, and the steps in their order."""

    def __init__(self, state: DemoState, page: Page, person: Person) -> None:
        self._state = state
        self._page = page
        self._person = person
        self._target = state.protected_url.partition("?")[0] + "?x=1"
        self._code = ""

    def steps(self) -> tuple[tuple[str, Callable[[], Awaitable[None]]], ...]:
        """Each step of the page, and what does and judges it."""
        path = urlsplit(self._target)
        shown = f"{path.path}?{path.query}"
        return (
            ("The discovery endpoint answers with the pool's issuer", self._discovery),
            (f"{self._target} redirects to the login page", self._open),
            ("Click “Sign up” and create a user by email address", self._sign_up),
            ("A verification code arrives by email", self._read_mail),
            ("A wrong code is refused", self._wrong_code),
            (f"The right code confirms, and leads back to {shown}", self._right_code),
            ("The upstream sees Authorization: Bearer", self._bearer),
            ("The upstream sees no cookie of the gateway", self._no_cookies),
            ("A second request passes by its cookie only", self._again),
            ("The pool says the user is CONFIRMED", self._confirmed),
            ("The second route knows the signed-in user", self._second_route),
            ("Log out: the second route asks to log in again", self._log_out),
            ("A wrong password is refused", self._wrong_password),
            ("The right password logs in again", self._right_password),
        )

    async def _discovery(self) -> None:
        response = await self._page.goto(self._state.discovery_url)
        assert response is not None
        found = await response.json()
        _require(
            holds=found.get("issuer") == self._state.issuer,
            otherwise=f"issuer {found.get('issuer')!r}",
        )

    async def _open(self) -> None:
        await self._page.goto(self._target)
        await require_place(self._page, f"{self._state.hosted_ui_url}/login")

    async def _sign_up(self) -> None:
        await self._page.get_by_role("link", name="Sign up", exact=True).click()
        await sign_up(self._page, self._person)

    async def _read_mail(self) -> None:
        # As a person does it: in another tab, while the form stays open.
        tab = await self._page.context.new_page()
        try:
            self._code = await read_code(
                tab, self._state.mailbox_url, self._person.email
            )
        finally:
            await tab.close()
        _require(
            holds=re.fullmatch(r"[0-9]{6}", self._code) is not None,
            otherwise="the mail's code is not six digits",
        )

    async def _wrong_code(self) -> None:
        wrong = "000000" if self._code != "000000" else "111111"
        await enter_code(self._page, wrong)
        await self._page.get_by_text(WRONG_CODE).first.wait_for()

    async def _right_code(self) -> None:
        async with self._page.expect_response(self._target) as waiting:
            await enter_code(self._page, self._code)
        response = await waiting.value
        await self._page.wait_for_load_state()
        await require_place(self._page, self._target)
        _require(holds=response.status == 200, otherwise=f"status {response.status}")

    async def _bearer(self) -> None:
        found = await self._page.locator("#bearer").inner_text()
        _require(holds="Bearer <masked" in found, otherwise=found)
        claims = await self._page.locator("#claims").inner_text()
        _require(
            holds=self._state.client_id in claims and self._state.issuer in claims,
            otherwise=f"these claims: {claims}",
        )

    async def _no_cookies(self) -> None:
        found = await self._page.locator("#cookies").inner_text()
        _require(holds=found == "No gateway cookies arrived", otherwise=found)

    async def _again(self) -> None:
        asked: list[str] = []

        def note(request: Request) -> None:
            asked.append(request.url.partition("?")[0])

        self._page.on("request", note)
        response = await self._page.goto(self._target)
        self._page.remove_listener("request", note)
        assert response is not None
        _require(holds=response.status == 200, otherwise=f"status {response.status}")
        expected = [self._target.partition("?")[0]]
        _require(holds=asked == expected, otherwise=f"it took {', '.join(asked)}")

    async def _confirmed(self) -> None:
        found = await asyncio.to_thread(load_user, self._state, self._person.email)
        _require(
            holds=found == {"status": "CONFIRMED", "listed": 1}, otherwise=str(found)
        )

    async def _second_route(self) -> None:
        await self._page.goto(self._state.second_url)
        await require_place(self._page, self._state.second_url)
        await self._page.locator("#bearer", has_text="Bearer").wait_for()

    async def _log_out(self) -> None:
        login = f"{self._state.hosted_ui_url}/login"
        await self._page.goto(self._state.logout_url)
        await require_place(self._page, login)
        await self._page.goto(self._state.second_url)
        await require_place(self._page, login)

    async def _wrong_password(self) -> None:
        wrong = self._person.password + "x"
        await sign_in(self._page, email=self._person.email, password=wrong)
        await self._page.get_by_text(WRONG_PASSWORD).first.wait_for()

    async def _right_password(self) -> None:
        async with self._page.expect_response(self._state.second_url):
            await sign_in(
                self._page, email=self._person.email, password=self._person.password
            )
        await self._page.wait_for_load_state()
        await require_place(self._page, self._state.second_url)


async def _picture(
    page: Page, artifacts: Path | None, out: Callable[[str], None]
) -> None:
    if artifacts is None:
        return
    await asyncio.to_thread(artifacts.mkdir, parents=True, exist_ok=True)
    path = artifacts / "walk-failed.png"
    await page.screenshot(path=path, full_page=True)
    out(f"      the page at that moment: {path}")


class Steps(Protocol):
    """Something to be done in a browser, step by step."""

    def steps(self) -> tuple[tuple[str, Callable[[], Awaitable[None]]], ...]:
        """Each step, and what does and judges it."""
        ...


async def take_steps(
    walk: Steps, page: Page, *, out: Callable[[str], None], artifacts: Path | None
) -> bool:
    """Take the steps until one fails; tell each with its result."""
    from botocore.exceptions import BotoCoreError, ClientError
    from playwright.async_api import Error

    for name, take in walk.steps():
        start = time.monotonic()
        try:
            await take()
        except (WalkFailed, Error, BotoCoreError, ClientError) as error:
            reason = str(error).partition("\nCall log:")[0].strip()
            out(f"FAIL  {name}: {reason}")
            await _picture(page, artifacts, out)
            return False
        out(f"  ok  {name}  ({time.monotonic() - start:.2f} s)")
    return True


async def run_walk(
    state: DemoState, *, out: Callable[[str], None], artifacts: Path | None
) -> bool:
    """Do the whole walk in a browser of its own; True when every step ended as it should."""
    # Late: it takes its steps as these do.
    from ostiary.cli.demo.debugger_walk import DebuggerWalk
    from ostiary.cli.demo.portal_walk import PortalWalk

    try:
        async with launch_browser(ca_file=Path(state.ca_file)) as browser:
            context = await browser.new_context()
            page = await context.new_page()
            page.set_default_timeout(TIMEOUT_MS)
            person = new_person()
            for kind in (Walk, PortalWalk, DebuggerWalk):
                walk: Steps = kind(state, page, person)
                if not await take_steps(walk, page, out=out, artifacts=artifacts):
                    return False
            return True
    except BrowserMissing as error:
        out(f"FAIL  The browser starts: {error}")
        return False
