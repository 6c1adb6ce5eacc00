"""The console's forms: the page's steps, made of API calls, with mistakes where they were made."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from tests.userpool.console_kit import Console, error_at, hidden_of
from tests.userpool.pool_kit import Answer, Demo, build_demo

SEED_URLS = (
    "“https://kong-ee:8446/default, https://kong-ee:8447/default/, "
    "https://kong-ee:8447/default/auth, https://kong-ee:8443/cognito”"
)


@pytest.fixture
async def demo(console: Console) -> Demo:
    return await build_demo(console.site)


def shown_fields(page: Answer) -> dict[str, str | list[str]]:
    """What a browser would post of this page: hidden, text, ticked and chosen."""
    fields: dict[str, str | list[str]] = dict(hidden_of(page))
    for tag in re.findall(r"<input [^>]*>", page.text):
        given = {k: html.unescape(v) for k, v in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        if given.get("type") in {"checkbox", "radio"} and " checked" in tag:
            before = fields.get(given["name"], [])
            assert isinstance(before, list)
            fields[given["name"]] = [*before, given["value"]]
        elif given.get("type") in {"text", "password", None}:
            fields[given["name"]] = given.get("value", "")
    for name, text in re.findall(
        r'<textarea [^>]*name="([^"]*)"[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL
    ):
        fields[name] = html.unescape(text)
    return fields


async def step(
    console: Console, page: Answer, go: str = "next", **typed: Any
) -> Answer:
    """Press a button of the wizard."""
    fields = {**shown_fields(page), **typed, "go": go}
    return await console.post("/create-pool", fields)


def heading(page: Answer) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page.text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.spec("cognito#4.1")
async def test_the_pages_steps_make_the_pages_pool(console: Console) -> None:
    page = await console.get("/create-pool")
    page = await step(console, page, pool_name="test-pool")
    headings = [heading(page)]
    page = await step(
        console,
        page,
        sign_in="attribute",
        names="email",
        required=["email", "family_name", "given_name"],
    )
    while heading(page) != "Review":
        headings.append(heading(page))
        page = await step(console, page)
    made = await step(console, page, "create")
    pool_id = re.findall(r"/pools/([^?]*)", made.location)[0]
    described = await console.site.call("DescribeUserPool", UserPoolId=pool_id)
    pool = described["UserPool"]

    assert headings == [
        "Attributes",
        "Policies",
        "MFA and verifications",
        "Message customizations",
        "Do you want to add tags to this user pool?",
        "Devices",
        "Which app clients will have access to this user pool?",
        "Do you want to customize workflows with triggers?",
    ]
    assert "successfully" in (await console.follow(made)).text
    assert pool["Name"] == "test-pool"
    assert pool["UsernameAttributes"] == ["email"]
    assert pool["UsernameConfiguration"] == {"CaseSensitive": False}
    assert pool["AutoVerifiedAttributes"] == ["email"]
    assert pool["MfaConfiguration"] == "OFF"
    assert pool["Policies"]["PasswordPolicy"] == {
        "MinimumLength": 8,
        "RequireUppercase": True,
        "RequireLowercase": True,
        "RequireNumbers": True,
        "RequireSymbols": True,
        "TemporaryPasswordValidityDays": 7,
    }
    assert {a["Name"] for a in pool["SchemaAttributes"] if a["Required"]} == {
        "sub",
        "email",
        "family_name",
        "given_name",
    }
    assert "DeviceConfiguration" not in pool
    assert pool["LambdaConfig"] == {}


@pytest.mark.spec("cognito#4.1")
async def test_review_defaults_chooses_what_the_page_does(console: Console) -> None:
    page = await console.get("/create-pool")
    page = await step(console, page, "defaults", pool_name="test-pool")

    assert heading(page) == "Review"
    assert "email, family_name, given_name" in page.text
    assert "aws cognito-idp create-user-pool" in page.text

    made = await step(console, page, "create")

    assert made.status == 302


async def test_a_name_that_the_api_refuses_is_kept_and_marked(console: Console) -> None:
    page = await console.get("/create-pool")
    page = await step(console, page, pool_name="a|b")

    assert page.status == 400
    assert "at 'poolName' failed to satisfy constraint" in error_at(page, "pool_name")
    assert 'value="a|b"' in page.text


async def test_mistakes_of_earlier_steps_are_found_before_the_pool_is_made(
    console: Console,
) -> None:
    page = await console.get("/create-pool")
    page = await step(console, page, "defaults", pool_name="test-pool")
    page = await step(console, page, "policies")
    page = await step(console, page, minimum_length="many", temporary_days="400")

    assert error_at(page, "minimum_length") == "This must be a whole number."
    assert "less than or equal to 365" in error_at(page, "temporary_days")

    page = await step(console, page, "name")
    page = await step(console, page, "create")

    assert heading(page) == "Policies"
    assert 'value="many"' in page.text


async def test_two_tabs_are_two_wizards(console: Console) -> None:
    first = await console.get("/create-pool")
    second = await console.get("/create-pool")
    first = await step(console, first, pool_name="one")
    second = await step(console, second, pool_name="two")
    first = await step(console, first, "name")

    assert 'value="one"' in first.text
    assert 'value="two"' in (await step(console, second, "name")).text


async def test_what_was_unticked_stays_unticked(console: Console) -> None:
    page = await console.get("/create-pool")
    page = await step(console, page, pool_name="test-pool")
    page = await step(console, page, required=[], case_insensitive=[])
    page = await step(console, page, "attributes")

    assert "required" not in shown_fields(page)
    assert '"CaseSensitive": true' in html.unescape(page.text)


async def test_a_state_that_is_not_ours_starts_over(console: Console) -> None:
    page = await console.post("/create-pool", {"step": "name", "state": "b3dl"})

    assert page.status == 400
    assert heading(page) == "What do you want to name your user pool?"


async def test_factors_and_a_first_client_follow_the_pool(console: Console) -> None:
    page = await console.get("/create-pool")
    page = await step(console, page, "defaults", pool_name="test-pool")
    page = await step(console, page, "mfa")
    page = await step(console, page, "clients", mfa="OPTIONAL", factors="totp")
    page = await step(console, page, "review", client_name="kong-api")

    assert "set-user-pool-mfa-config" in page.text

    made = await step(console, page, "create")
    pool_id = re.findall(r"/pools/([^?]*)", made.location)[0]
    mfa = await console.site.call("GetUserPoolMfaConfig", UserPoolId=pool_id)
    clients = await console.site.call("ListUserPoolClients", UserPoolId=pool_id)

    assert mfa["MfaConfiguration"] == "OPTIONAL"
    assert [c["ClientName"] for c in clients["UserPoolClients"]] == ["kong-api"]


async def test_what_only_the_operation_refuses_leads_back_to_its_step(
    console: Console,
) -> None:
    page = await console.get("/create-pool")
    page = await step(console, page, "defaults", pool_name="test-pool")
    page = await step(console, page, "mfa")
    page = await step(console, page, "review", mfa="ON")
    page = await step(console, page, "create")

    assert heading(page) == "MFA and verifications"
    assert "required when MFA is required/optional" in error_at(page, "factors")


@pytest.mark.spec("cognito#4.2")
async def test_the_pages_client_is_made(console: Console, demo: Demo) -> None:
    base = f"/pools/{demo.pool_id}/clients"
    fields = shown_fields(await console.get(f"{base}/new"))
    three = ["email", "given_name", "family_name"]
    made = await console.post(
        f"{base}/new", {**fields, "client_name": "kong", "read": three, "write": three}
    )
    page = await console.follow(made)
    client_id = re.findall(r"client=(\w+)", made.location)[0]
    found = await console.site.call(
        "DescribeUserPoolClient", UserPoolId=demo.pool_id, ClientId=client_id
    )
    client = found["UserPoolClient"]

    assert client_id in page.text
    assert client["RefreshTokenValidity"] == 30
    assert client["ReadAttributes"] == sorted(three)
    assert client["WriteAttributes"] == sorted(three)
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert "ExplicitAuthFlows" not in client
    assert "ClientSecret" not in client


async def test_the_api_judges_a_client_at_its_fields(
    console: Console, demo: Demo
) -> None:
    path = f"/pools/{demo.pool_id}/clients/new"
    fields = shown_fields(await console.get(path))
    nameless = await console.post(path, {**fields, "client_name": "", "secret": "on"})
    endless = await console.post(
        path, {**fields, "client_name": "a", "refresh_days": "4000"}
    )
    unknown = await console.post(
        path, {**fields, "client_name": "a", "write": ["email"]}
    )
    only = await console.post(
        path, {**fields, "client_name": "a", "go": "only-required"}
    )

    assert "at 'clientName' failed" in error_at(nameless, "client_name")
    assert 'name="secret" type="checkbox" value="on" checked' in nameless.text
    assert error_at(endless, "refresh_days") == "Invalid range for token validity."
    assert "Invalid write attributes" in error_at(unknown, "attributes")
    assert sorted(shown_fields(only)["read"]) == ["email", "family_name", "given_name"]


@pytest.mark.spec("cognito#4.3")
async def test_app_client_settings_take_the_pages_urls_with_their_quotes(
    console: Console, demo: Demo
) -> None:
    path = f"/pools/{demo.pool_id}/client-settings/{demo.client_id}"
    fields = shown_fields(await console.get(path))
    saved = await console.post(path, {**fields, "callback_urls": SEED_URLS})
    page = await console.follow(saved)
    found = await console.site.call(
        "DescribeUserPoolClient", UserPoolId=demo.pool_id, ClientId=demo.client_id
    )
    client = found["UserPoolClient"]

    assert "Quotation marks around the URLs were left out." in page.text
    assert client["CallbackURLs"] == [
        "https://kong-ee:8446/default",
        "https://kong-ee:8447/default/",
        "https://kong-ee:8447/default/auth",
        "https://kong-ee:8443/cognito",
    ]
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["ReadAttributes"] == ["email", "family_name", "given_name"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"


@pytest.mark.spec("cognito#4.3")
async def test_http_is_refused_at_the_field_and_nothing_typed_is_lost(
    console: Console, demo: Demo
) -> None:
    path = f"/pools/{demo.pool_id}/client-settings/{demo.client_id}"
    typed = "“http://kong-ee:8443/cognito”"
    fields = shown_fields(await console.get(path))
    page = await console.post(path, {**fields, "callback_urls": typed})
    scoped = await console.post(path, {**fields, "scopes": []})

    assert error_at(page, "callback_urls") == (
        "http://kong-ee:8443/cognito cannot use the HTTP protocol."
    )
    assert shown_fields(page)["callback_urls"] == typed
    assert "are required if user pool client" in error_at(scoped, "flows")


async def test_one_client_has_its_settings_at_once_and_several_are_listed(
    console: Console, demo: Demo
) -> None:
    path = f"/pools/{demo.pool_id}/client-settings"
    one = await console.get(path)
    await console.site.call(
        "CreateUserPoolClient", UserPoolId=demo.pool_id, ClientName="second"
    )
    two = await console.get(path)

    assert one.location == f"/console{path}/{demo.client_id}"
    assert two.text.count(f"/console{path}/") == 2


@pytest.mark.spec("cognito#4.5")
async def test_a_domain_is_looked_up_then_taken(console: Console, demo: Demo) -> None:
    made = await console.site.call("CreateUserPool", PoolName="other")
    pool_id = made["UserPool"]["Id"]
    path = f"/pools/{pool_id}/domain"
    free = await console.post(path, {"domain": "kongdemo", "go": "check"})
    taken = await console.post(path, {"domain": "demo", "go": "check"})
    refused = await console.post(path, {"domain": "demo", "go": "save"})
    reserved = await console.post(path, {"domain": "my-aws", "go": "check"})
    wrong = await console.post(path, {"domain": "Kong_Demo", "go": "check"})
    saved = await console.post(path, {"domain": "kongdemo", "go": "save"})

    assert "This domain is available" in free.text
    assert 'value="kongdemo"' in free.text
    assert error_at(taken, "domain") == "This domain is not available"
    assert error_at(refused, "domain") == (
        "Domain already associated with another user pool."
    )
    assert error_at(reserved, "domain") == "Domain cannot contain reserved word: aws"
    assert "at 'domain' failed to satisfy constraint" in error_at(wrong, "domain")
    assert "https://kongdemo.auth.localhost:9443" in (await console.follow(saved)).text


async def test_a_client_is_deleted_after_a_question(
    console: Console, demo: Demo
) -> None:
    base = f"/pools/{demo.pool_id}/clients"
    question = await console.get(f"{base}/delete?client={demo.client_id}")
    gone = await console.post(f"{base}/delete", {"client": demo.client_id})

    assert "Delete kong-api?" in question.text
    assert "No app client yet" in (await console.follow(gone)).text
