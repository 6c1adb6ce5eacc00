"""Each fault of a provider, told by the debugger in a real browser: its cause, at its step, alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from ostiary.cli.demo.values import DemoState
from tests.browser.debugger_site import (
    DebuggerPlace,
    Debugging,
    Told,
    running_debugger,
)
from tests.browser.visits import open_context
from tests.support.misbehaving_faults import FAULTS, HONEST, SECRET, Fault

# What the page tells before anybody leaves it.
BEFORE = frozenset({"discovery", "keys", "authorization", "cors"})
# What the debugger does not do yet: a test that passes must leave this table.
# What comes back as an error is known before anybody goes there, and told again to whoever does.
TWICE = frozenset({"scope-refused", "pkce-required"})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(demo: DemoState) -> AsyncIterator[DebuggerPlace]:
    async with running_debugger(demo) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tab(browser: Browser) -> AsyncIterator[Page]:
    """One page for all faults: what is carried is carried by pages, not by the browser."""
    async with open_context(browser) as context:
        yield await context.new_page()


async def begin(place: DebuggerPlace, tab: Page, fault: Fault) -> Debugging:
    """The start page with all that the fault needs."""
    more = {"scope": "openid profile"} if fault.name == "scope-refused" else {}
    person = await place.open(tab, fault.name, **more)
    if fault.name == "pkce-required":
        await person.open_more()
        await tab.locator("#pkce").uncheck()
    return person


async def meet(person: Debugging, fault: Fault) -> Told:
    """Go on to the step of the fault, and see that nothing else is wrong before."""
    told = await person.press("sign_in")
    if fault.at in BEFORE:
        return told
    early = told.at("authorization").causes
    assert early == (((fault.cause, "error"),) if fault.name in TWICE else ())
    assert told.onward == ("Go there anyway" if early else "Sign in at the provider")
    # A clock is off from the first reply.
    assert told.causes <= {(fault.cause, "error")}

    told = await person.go()
    if fault.at in {"refresh", "userinfo"}:
        assert told.causes == set()

        told = await person.press(fault.at)
    return told


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_the_page_names_the_cause_at_its_step_and_no_other(
    place: DebuggerPlace, tab: Page, fault: Fault
) -> None:
    person = await begin(place, tab, fault)
    told = await meet(person, fault)

    if fault.at == "cors":
        assert told.causes == {(fault.cause, "note")}
        assert (told.cause, told.is_alert, told.at("cors").is_good) == ("", False, True)
        assert all(step.is_good for step in told.steps)
        assert (await person.go()).causes == set()
    else:
        assert told.causes == {(fault.cause, "error")}, told
        assert (told.cause, told.is_alert) == (fault.cause, True)
        step = told.at(fault.at)
        assert step.causes == ((fault.cause, "error"),)
        assert (step.is_good, step.is_open) == (False, True)


@pytest.mark.parametrize("client", [("public", ""), ("confidential", SECRET)])
async def test_where_nothing_is_wrong_every_rule_of_every_step_holds(
    place: DebuggerPlace, tab: Page, client: tuple[str, str]
) -> None:
    person = await place.open(tab, HONEST, scope="openid profile email offline_access")
    await person.type(client_id=client[0], client_secret=client[1])
    await person.open_more()
    await person.type(logout_redirect_uri=place.bye)
    await person.press("sign_in")
    told = await person.go()
    for act in ("refresh", "userinfo", "introspection", "revocation", "logout"):
        told = await person.press(act)

    assert told.kinds == [
        *("discovery", "keys", "authorization", "callback", "token"),
        *("refresh", "userinfo", "introspection", "revocation", "logout"),
    ]
    assert told.causes == set()
    assert (told.cause, told.is_alert, told.problem) == ("", False, "")
    assert all(step.is_good and step.broken == () for step in told.steps), told
    assert [step.kind for step in told.steps if not step.rules] == ["authorization"]

    await person.follow("#go-out")
    assert tab.url == place.bye


async def test_a_client_s_own_token_is_had_without_a_person(
    place: DebuggerPlace, tab: Page
) -> None:
    person = await place.open(tab, HONEST)
    await person.type(client_id="confidential", client_secret=SECRET)
    told = await person.press("client_credentials")

    assert told.kinds == ["discovery", "keys", "client_credentials"]
    assert (told.causes, told.cause) == (set(), "")
    assert all(step.is_good and step.rules for step in told.steps)


async def test_a_public_client_is_told_that_it_may_not_have_a_token_of_its_own(
    place: DebuggerPlace, tab: Page
) -> None:
    person = await place.open(tab, HONEST)
    told = await person.press("client_credentials")

    assert told.causes == {("grant_refused", "error")}
    assert told.at("client_credentials").causes == (("grant_refused", "error"),)
