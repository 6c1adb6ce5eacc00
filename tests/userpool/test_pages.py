"""How the hosted pages look to browsers, scrapers and attackers."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.userpool.hosted_kit import SIGN_IN
from tests.userpool.pool_kit import (
    CALLBACK,
    PASSWORD,
    Demo,
    PoolSite,
    build_demo,
    open_site,
    query_of,
)


async def test_the_login_page_keeps_the_contract_of_scrapers(demo: Demo) -> None:
    query = demo.query()
    page = await demo.browser.get(f"/login?{query}")
    text = page.text
    action = f"/login?{query}".replace("&", "&amp;").replace("'", "&#39;")

    assert f'<form action="{action}" method="POST" name="cognitoSignInForm">' in text
    assert re.search(r'<input type="hidden" name="_csrf" value="[0-9a-f-]{36}">', text)
    assert 'name="cognitoAsfData"' in text
    assert re.search(r'id="signInFormUsername" name="username"', text)
    assert re.search(r'id="signInFormPassword" name="password"', text)
    assert '<input name="signInSubmitButton" type="submit" value="Sign in"' in text
    assert demo.browser.cookies["XSRF-TOKEN"] in text
    assert "<script" not in text


async def test_the_policy_lets_the_form_end_at_the_client_and_nowhere_else(
    demo: Demo,
) -> None:
    policy = (await demo.browser.get(f"/login?{demo.query()}")).header(
        "content-security-policy"
    )

    assert "form-action 'self' https://kong-ee.localhost:8443;" in policy
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    ("headers", "spoiled"),
    [
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({}, True),
    ],
)
async def test_a_form_from_elsewhere_signs_nobody_in(
    demo: Demo, headers: dict[str, str], spoiled: bool
) -> None:
    await demo.confirm()
    demo.browser.cookies.pop("cognito")
    page = await demo.browser.get(f"/login?{demo.query()}")
    token = re.search(r'name="_csrf" value="([^"]*)"', page.text)
    assert token is not None
    fields = {"_csrf": "0" * 36 if spoiled else token.group(1), **SIGN_IN}
    answer = await demo.browser.post(f"/login?{demo.query()}", fields, **headers)

    assert answer.status == 403
    assert "cognito" not in demo.browser.cookies


async def test_wrong_password_and_unknown_name_look_alike(demo: Demo) -> None:
    await demo.confirm()
    for name in ("ada@example.org", "nobody@example.org"):
        page = await demo.browser.get(f"/login?{demo.query()}")
        answer = await demo.browser.submit(
            page, {"username": name, "password": "wrong"}
        )

        assert answer.status == 200
        assert "Incorrect username or password." in answer.text
        assert 'id="loginErrorMessage"' in answer.text


async def test_guessing_is_slowed_and_a_right_password_clears_it(
    site: PoolSite, demo: Demo
) -> None:
    await demo.confirm()
    page = await demo.browser.get(f"/login?{demo.query()}")
    wrong = SIGN_IN | {"password": "wrong"}
    for _ in range(5):
        await demo.browser.submit(page, wrong)
    locked = await demo.browser.submit(page, SIGN_IN)

    assert "Password attempts exceeded" in locked.text

    site.clock.pass_s(1)

    assert (await demo.browser.submit(page, SIGN_IN)).status == 302
    assert "Incorrect" in (await demo.browser.submit(page, wrong)).text


async def test_an_unconfirmed_person_is_led_to_the_code_page(
    site: PoolSite, demo: Demo
) -> None:
    await demo.sign_up()
    demo.browser = site.browser()
    page = await demo.browser.get(f"/login?{demo.query()}")
    answer = await demo.browser.submit(page, SIGN_IN)

    assert answer.location.startswith("/confirm?")

    page = await demo.browser.get(answer.location)
    token = re.search(r'name="_csrf" value="([^"]*)"', page.text)
    assert token is not None
    resent = await demo.browser.post(
        f"/resendcode?{demo.query()}", {"_csrf": token.group(1)}
    )

    assert "We have sent a new code." in resent.text

    old, new = (re.findall(r"\d{6}", m.text)[0] for m in site.mailer.sent)

    assert (
        "Invalid verification code"
        in (await demo.browser.submit(resent, {"code": old})).text
    )
    assert (await demo.browser.submit(resent, {"code": new})).location.startswith(
        CALLBACK
    )


async def test_a_code_typed_in_another_browser_confirms_but_signs_nobody_in(
    site: PoolSite, demo: Demo
) -> None:
    await demo.sign_up()
    other = site.browser()
    page = await other.get(f"/confirm?{demo.query()}")
    answer = await other.submit(
        page, {"username": "ada@example.org", "code": site.mailer.last_code()}
    )

    assert answer.status == 200
    assert "Your account is confirmed. Please sign in." in answer.text
    assert "cognito" not in other.cookies


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("password", "short", "Password not long enough"),
        ("password", "nouppercase1!", "Password must have uppercase characters"),
        (
            "requiredAttributes[email]",
            "not an address",
            "Invalid email address format.",
        ),
        (
            "requiredAttributes[given_name]",
            " ",
            "given_name: The attribute is required",
        ),
    ],
)
async def test_a_bad_sign_up_is_shown_beside_its_field(
    site: PoolSite, demo: Demo, field: str, value: str, message: str
) -> None:
    page = await demo.browser.get(f"/signup?{demo.query()}")
    fields = {
        "requiredAttributes[email]": "bo@example.org",
        "requiredAttributes[given_name]": "Bo",
        "requiredAttributes[family_name]": "B",
        "password": PASSWORD,
    }
    answer = await demo.browser.submit(page, fields | {field: value})

    assert answer.status == 200
    assert message in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert PASSWORD not in answer.text
    assert site.mailer.sent == []


async def test_an_address_can_be_signed_up_once(demo: Demo) -> None:
    await demo.confirm()
    page = await demo.browser.get(f"/signup?{demo.query()}")
    answer = await demo.browser.submit(
        page,
        {
            "requiredAttributes[email]": "ADA@example.org",
            "requiredAttributes[given_name]": "A",
            "requiredAttributes[family_name]": "L",
            "password": PASSWORD,
        },
    )

    assert "An account with the given email already exists." in answer.text


async def test_a_forgotten_password_is_replaced_with_a_mailed_code(
    site: PoolSite, demo: Demo
) -> None:
    await demo.confirm()
    demo.browser = site.browser()
    page = await demo.browser.get(f"/forgotPassword?{demo.query()}")
    reset = await demo.browser.submit(page, {"username": "ada@example.org"})
    await site.settle()
    fields = {
        "username": "ada@example.org",
        "confirmation_code": site.mailer.last_code(),
        "password": "An0ther!pw",
        "confirmPassword": "An0ther!pw",
    }

    assert (
        "The two passwords differ."
        in (await demo.browser.submit(reset, fields | {"confirmPassword": "x"})).text
    )

    done = await demo.browser.submit(reset, fields)

    assert "Your password is changed. Please sign in." in done.text
    assert "Incorrect" in (await demo.browser.submit(done, SIGN_IN)).text

    new = SIGN_IN | {"password": "An0ther!pw"}

    assert (await demo.browser.submit(done, new)).status == 302


async def test_asking_for_a_reset_tells_nothing_of_who_exists(
    site: PoolSite, demo: Demo
) -> None:
    await demo.confirm()
    sent = len(site.mailer.sent)
    page = await demo.browser.get(f"/forgotPassword?{demo.query()}")
    known = await demo.browser.submit(page, {"username": "ada@example.org"})
    unknown = await demo.browser.submit(page, {"username": "bob@example.org"})
    await site.settle()

    assert known.text.replace("ada@", "bob@") == unknown.text
    assert len(site.mailer.sent) == sent + 1


@pytest.mark.parametrize(
    ("query", "location"),
    [
        (
            {"logout_uri": "https://kong-ee.localhost:8446/default"},
            "https://kong-ee.localhost:8446/default",
        ),
        (
            {"logout_uri": "kong-ee.localhost:8446/default"},
            "https://kong-ee.localhost:8446/default",
        ),
        (
            {
                "post_logout_redirect_uri": "https://kong-ee.localhost:8446/default",
                "state": "s",
            },
            "https://kong-ee.localhost:8446/default?state=s",
        ),
        (
            {"logout_uri": "https://evil.example/"},
            "/error?error=Required+String+parameter+%27redirect_uri%27+is+not+present",
        ),
        ({"redirect_uri": CALLBACK, "response_type": "code"}, "/login?"),
        ({"redirect_uri": "https://evil.example/"}, "/error?error=redirect_mismatch"),
    ],
)
async def test_signing_out_ends_the_session_and_goes_only_to_known_places(
    demo: Demo, query: dict[str, str], location: str
) -> None:
    await demo.confirm()
    kept = dict(demo.browser.cookies)
    answer = await demo.browser.get(
        f"/logout?{urlencode({'client_id': demo.client_id, **query})}"
    )

    assert answer.status == 302
    assert answer.location.startswith(location)
    assert "cognito" not in demo.browser.cookies

    demo.browser.cookies = kept
    stale = await demo.browser.get(f"/oauth2/authorize?{demo.query(prompt='none')}")

    assert query_of(stale.location)["error"] == "login_required"


async def test_strict_mode_copies_cognito_to_the_letter(tmp_path: Path) -> None:
    async with open_site(tmp_path, strict=True) as site:
        demo = await build_demo(site)
        answer = await demo.browser.get(
            f"/logout?client_id={demo.client_id}"
            "&logout_uri=kong-ee.localhost:8446/default"
        )

        assert answer.location.startswith("/error?")

        code = query_of((await demo.confirm()).location)["code"]

        assert (await demo.exchange(code)).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": f"{CALLBACK}/x"}, "redirect_mismatch"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"client_id": "nobody"}, "invalid_request"),
        ({"client_id": ""}, "invalid_request"),
    ],
)
@pytest.mark.spec("RFC6749#4.1.2.1")
async def test_without_a_proven_redirect_uri_the_error_stays_here(
    demo: Demo, changes: dict[str, str], error: str
) -> None:
    answer = await demo.browser.get(f"/oauth2/authorize?{demo.query(**changes)}")

    assert answer.status == 302
    assert answer.location.startswith(f"/error?error={error}&client_id=")

    shown = await demo.browser.get(answer.location)

    assert shown.status == 400
    assert "An error was encountered with the requested page." in shown.text
    assert error in shown.text


async def test_the_error_page_shows_no_text_of_others(demo: Demo) -> None:
    shown = await demo.browser.get("/error?error=Call+555-0100+now")

    assert "555" not in shown.text


async def test_the_domain_is_found_by_host_by_path_or_by_client(
    site: PoolSite, demo: Demo
) -> None:
    base = site.browser(host="127.0.0.1:9000")

    by_path = await base.get(f"/_domain/demo/oauth2/authorize?{demo.query()}")
    assert by_path.location.startswith("/_domain/demo/login?")
    page = await base.get(by_path.location)
    assert '<form action="/_domain/demo/login?' in page.text

    by_client = await base.get(f"/oauth2/authorize?{demo.query()}")
    assert by_client.location.startswith("/login?")

    nowhere = await site.browser(host="other.auth.localhost").get("/login")
    assert nowhere.status == 404


async def test_discovery_is_complete_and_an_unknown_pool_is_named(
    site: PoolSite, demo: Demo
) -> None:
    base = site.browser(host="cognito-idp.localhost:9443")
    answer = await base.get(f"/{demo.pool_id}/.well-known/openid-configuration")
    document = answer.json()

    assert list(document) == sorted(document)
    assert document["userinfo_endpoint"] == (
        "https://demo.auth.localhost:9443/oauth2/userInfo"
    )
    assert document["issuer"] == f"https://cognito-idp.localhost:9443/{demo.pool_id}"
    assert answer.header("access-control-allow-origin") == "*"

    unknown = await base.get("/ap-southeast-1_x/.well-known/jwks.json")

    assert unknown.status == 400
    assert unknown.json() == {"message": "User pool ap-southeast-1_x does not exist."}


async def test_the_store_and_the_log_hold_no_secret_in_the_clear(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_site(tmp_path) as site:
        demo = await build_demo(site, GenerateSecret=True)
        described = await site.call(
            "DescribeUserPoolClient", UserPoolId=demo.pool_id, ClientId=demo.client_id
        )
        secret = described["UserPoolClient"]["ClientSecret"]
        code = query_of((await demo.confirm()).location)["code"]
        tokens = (await demo.exchange(code, client_secret=secret)).json()
        secrets = [
            PASSWORD,
            secret,
            code,
            site.mailer.last_code(),
            tokens["refresh_token"],
            tokens["access_token"],
            demo.browser.cookies["cognito"],
            '"d":',
        ]
    kept = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    for text in secrets:
        assert text.encode() not in kept
        assert text not in caplog.text


async def test_health_says_ok(site: PoolSite) -> None:
    assert (await site.browser(host="127.0.0.1").get("/health")).json() == {
        "status": "ok"
    }


async def test_a_mail_that_fails_is_told_and_can_be_sent_again(
    site: PoolSite, demo: Demo
) -> None:
    site.mailer.broken = True
    page = await demo.browser.get(f"/signup?{demo.query()}")
    answer = await demo.browser.submit(
        page,
        {
            "requiredAttributes[email]": "ada@example.org",
            "requiredAttributes[given_name]": "A",
            "requiredAttributes[family_name]": "L",
            "password": PASSWORD,
        },
    )

    assert "We could not send the mail just now." in answer.text
    assert 'name="resend"' in answer.text


@pytest.mark.parametrize("host", ["[", "a b", "", "[::1", "x@demo.auth.localhost"])
@pytest.mark.parametrize("query", ["", "%ff=%ff", "a=1&" * 200, "client_id=%00"])
async def test_strange_hosts_and_queries_never_break_the_site(
    site: PoolSite, demo: Demo, host: str, query: str
) -> None:
    for path in ("/login", "/oauth2/authorize", "/logout", "/error", "/nowhere"):
        answer = await site.browser(host=host).get(f"{path}?{query}")

        assert answer.status in {302, 400, 404}
