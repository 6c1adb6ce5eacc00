"""The console's pages: made by the API's own operations, and saying which."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from botocore import xform_name

from ostiary.ports.mail import Message
from ostiary.userpool.api.service import load_service
from ostiary.userpool.app import create_app
from ostiary.userpool.config import ConsoleConfig, LoopbackOnly
from ostiary.userpool.console.calls import kebab, show_call
from ostiary.userpool.console.client_settings import split_urls
from ostiary.userpool.console.forms import place_error
from ostiary.userpool.console.users import build_filter
from ostiary.userpool.testing.tools import build_testing
from tests.userpool.console_kit import HOST, Console, error_at
from tests.userpool.pool_kit import Browser, Demo, build_demo


@pytest.fixture
async def demo(console: Console) -> Demo:
    return await build_demo(console.site)


async def add_user(demo: Demo, name: str, **members: Any) -> str:
    made = await demo.site.call(
        "AdminCreateUser",
        UserPoolId=demo.pool_id,
        Username=name,
        MessageAction="SUPPRESS",
        **members,
    )
    found: str = made["User"]["Username"]
    return found


async def test_the_first_page_without_pools_says_what_to_do(console: Console) -> None:
    page = await console.get()

    assert page.status == 200
    assert "No user pool yet" in page.text
    assert "<script" not in page.text


async def test_pools_are_listed_with_their_users(console: Console, demo: Demo) -> None:
    await add_user(demo, "ada@example.org")
    page = await console.get()

    assert f'href="/console/pools/{demo.pool_id}">test-pool</a>' in page.text
    assert 'data-label="Users">1<' in page.text
    assert "aws cognito-idp list-user-pools" in page.text


async def test_pools_of_another_region_are_asked_for(console: Console) -> None:
    page = await console.get("?region=eu-west-1")

    assert "No user pool yet" in page.text
    assert "--region eu-west-1" in page.text


async def test_pools_are_made_in_the_region_that_was_asked_for(
    console: Console,
) -> None:
    page = await console.get("/create-pool?region=eu-west-1")
    strange = await console.get("/create-pool?region=%22%3E_x")

    assert 'name="region" value="eu-west-1"' in page.text
    assert 'name="region" value="ap-southeast-1"' in strange.text


async def test_kept_mail_is_shown_where_the_pool_is_for_tests(
    console: Console,
) -> None:
    tools = build_testing(console.site.clock)
    config = replace(
        console.site.config,
        testing=tools,
        mailer=tools.outbox,
        console=ConsoleConfig(access=LoopbackOnly()),
    )
    browser = Browser(create_app(config), host=HOST)
    empty = await browser.get("/console/mail")
    await tools.outbox.send(
        Message(recipient="ada@example.org", subject="Code", text="It is 123456.")
    )
    full = await browser.get("/console/mail")

    assert "No message yet" in empty.text
    assert "It is 123456." in full.text
    assert 'href="/console/mail">Mailbox</a>' in full.text


async def test_general_settings_name_what_other_programs_need(
    console: Console, demo: Demo
) -> None:
    page = await console.get(f"/pools/{demo.pool_id}")
    issuer = f"https://cognito-idp.localhost:9443/{demo.pool_id}"

    for text in (
        demo.pool_id,
        f"userpool/{demo.pool_id}",
        f"{issuer}/.well-known/openid-configuration",
        "https://demo.auth.localhost:9443",
        "Users can sign themselves up",
        "DescribeUserPool, GetUserPoolMfaConfig",
    ):
        assert text in page.text


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/clients",
        "/clients/new",
        "/domain",
        "/users",
        "/users/new",
        "/groups",
        "/resource-servers",
        "/identity-providers",
        "/delete",
    ],
)
async def test_every_page_of_a_pool_has_one_heading_and_a_policy(
    console: Console, demo: Demo, path: str
) -> None:
    page = await console.get(f"/pools/{demo.pool_id}{path}")

    assert page.status == 200
    assert page.text.count("<h1") == 1
    assert "default-src 'none'" in page.header("content-security-policy")
    assert "frame-ancestors 'none'" in page.header("content-security-policy")


async def test_a_pool_that_is_not_there_is_said_so_in_the_apis_words(
    console: Console,
) -> None:
    page = await console.get("/pools/ap-southeast-1_nothing00")

    assert page.status == 404
    assert "User pool ap-southeast-1_nothing00 does not exist." in page.text


async def test_users_are_searched_and_paged(console: Console, demo: Demo) -> None:
    for number in range(23):
        await add_user(demo, f"user{number:02}@example.org")
    path = f"/pools/{demo.pool_id}/users"
    first = await console.get(path)
    found = re.search(r'href="([^"]*)">Next page', first.text)
    assert found is not None
    second = await console.browser.get(html.unescape(found[1]))
    some = await console.get(f"{path}?field=email&text=user07")
    none = await console.get(f"{path}?field=email&text=nobody%22%5C")

    assert first.text.count('class="uuid"') == 20
    assert second.text.count('class="uuid"') == 3
    assert "First page" in second.text
    assert some.text.count('class="uuid"') == 1
    assert "Nobody fits" in none.text


async def test_what_users_say_of_themselves_is_text(
    console: Console, demo: Demo
) -> None:
    name = await add_user(
        demo,
        "ada@example.org",
        UserAttributes=[{"Name": "given_name", "Value": "<b>Ada</b>"}],
    )
    page = await console.get(f"/pools/{demo.pool_id}/users/user?name={name}")

    assert "&lt;b&gt;Ada&lt;/b&gt;" in page.text


async def test_operators_change_users_and_group_them(
    console: Console, demo: Demo
) -> None:
    name, base = await add_user(demo, "ada@example.org"), f"/pools/{demo.pool_id}"
    await console.post(f"{base}/groups", {"group_name": "staff"})
    joined = await console.post(
        f"{base}/users/user", {"name": name, "go": "join", "group": "staff"}
    )
    await console.post(f"{base}/users/user", {"name": name, "go": "disable"})
    page, group = (
        await console.follow(joined),
        await console.get(f"{base}/groups/group?name=staff"),
    )

    assert "Disabled" in page.text
    assert f"{base}/groups/group?name=staff" in page.text
    assert "ada@example.org" in group.text

    await console.post(f"{base}/groups/group", {"group": "staff", "name": name})

    assert "Nobody is in this group" in (
        (await console.get(f"{base}/groups/group?name=staff")).text
    )


async def test_an_action_that_the_api_refuses_is_said_on_the_users_page(
    console: Console, demo: Demo
) -> None:
    name = await add_user(demo, "ada@example.org")
    page = await console.post(
        f"/pools/{demo.pool_id}/users/user", {"name": name, "go": "confirm"}
    )

    assert page.status == 400
    assert "User cannot be confirmed. Current status is" in page.text


async def test_a_user_is_made_and_deleted_after_a_question(
    console: Console, demo: Demo
) -> None:
    base = f"/pools/{demo.pool_id}/users"
    wrong = await console.post(f"{base}/new", {"username": "", "invite": "on"})
    made = await console.post(
        f"{base}/new",
        {"username": "eve@example.org", "invite": "on", "password": "Passw0rd!x"},
    )
    page = await console.follow(made)
    name = re.search(r'name="name" value="([^"]*)"', page.text)
    assert name is not None

    assert "at 'username' failed" in error_at(wrong, "username")
    assert "The user was created." in page.text
    assert len(console.site.mailer.sent) == 1

    question = await console.get(f"{base}/delete?name={name[1]}")
    gone = await console.post(f"{base}/delete", {"name": name[1]})

    assert "This cannot be undone" in question.text
    assert "No user yet" in (await console.follow(gone)).text


async def test_a_pool_is_deleted_only_by_its_name(console: Console, demo: Demo) -> None:
    path = f"/pools/{demo.pool_id}/delete"
    unsure = await console.post(path, {"typed": "test"})
    refused = await console.post(path, {"typed": "test-pool"})

    assert "This is not the pool&#39;s name" in unsure.text
    assert "It has a domain configured that should be deleted first" in refused.text

    given_back = await console.post(
        f"/pools/{demo.pool_id}/domain/delete", {"domain": "demo"}
    )
    done = await console.post(path, {"typed": "test-pool"})

    assert given_back.status == 302
    assert "The user pool was deleted." in (await console.follow(done)).text


def test_commands_are_spelled_as_the_aws_command_line_does() -> None:
    service = load_service()
    names = {*service.operations} | {
        member
        for operation in service.operations.values()
        for member in service.shapes[operation.input].members
    }

    assert {n: kebab(n) for n in names} == {n: xform_name(n, "-") for n in names}


def test_secrets_are_not_shown_in_calls() -> None:
    shown = show_call(
        "AdminCreateUser",
        {"Username": "it's", "TemporaryPassword": "Passw0rd!x"},
        endpoint="http://127.0.0.1:9229",
        region="eu-west-1",
    )

    assert "Passw0rd" not in shown.command + shown.body
    assert """--username 'it'"'"'s'""" in shown.command


def test_typographic_quotes_are_no_part_of_a_url() -> None:
    text = "“https://kong-ee:8446/default, https://kong-ee:8447/default/,\nhttps://kong-ee:8443/cognito”"

    assert split_urls(text) == [
        "https://kong-ee:8446/default",
        "https://kong-ee:8447/default/",
        "https://kong-ee:8443/cognito",
    ]


def test_a_filter_cannot_be_broken_out_of() -> None:
    assert build_filter("email", 'a" or \\') == 'email ^= "a\\" or \\\\"'
    assert build_filter("password", "a") == ""


def test_refusals_stand_at_their_fields() -> None:
    text = (
        "2 validation errors detected: Value '' at 'poolName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1; Value at 'other' failed to satisfy "
        "constraint: Member must not be null"
    )

    assert place_error(text, {"poolName": "pool_name"}) == {
        "pool_name": "Value '' at 'poolName' failed to satisfy constraint: Member must have "
        "length greater than or equal to 1",
        "": "Value at 'other' failed to satisfy constraint: Member must not be null",
    }
    assert place_error("Policies.PasswordPolicy: no", {"policies": "length"}) == {
        "length": "Policies.PasswordPolicy: no"
    }
    assert place_error("Rate exceeded", {"policies": "length"}) == {"": "Rate exceeded"}
