"""What the hosted pages and OAuth endpoints refuse, remember and forget."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.contract.pool_kit import (
    CALLBACK,
    PASSWORD,
    Demo,
    PoolSite,
    build_demo,
    open_site,
    query_of,
)

from ostiary.jose.jwt import read_unverified_claims

VERIFIER = "v" * 43
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())
    .rstrip(b"=")
    .decode()
)
SIGN_IN = {"username": "ada@example.org", "password": PASSWORD}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[PoolSite]:
    async with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
async def demo(site: PoolSite) -> Demo:
    return await build_demo(site)


async def code_of(demo: Demo, **query: str) -> str:
    """A code for a browser that is signed in."""
    answer = await demo.browser.get(f"/oauth2/authorize?{demo.query(**query)}")

    assert answer.status == 302, answer.text

    return query_of(answer.location)["code"]


@pytest.mark.spec("RFC6749#4.1.2")
async def test_a_code_used_twice_revokes_what_the_first_use_gave(demo: Demo) -> None:
    code = query_of((await demo.confirm()).location)["code"]
    tokens = (await demo.exchange(code)).json()
    again = await demo.exchange(code)

    assert again.status == 400
    assert again.json() == {"error": "invalid_grant"}

    refreshed = await demo.token(
        {
            "grant_type": "refresh_token",
            "client_id": demo.client_id,
            "refresh_token": tokens["refresh_token"],
        }
    )

    assert refreshed.json() == {"error": "invalid_grant"}

    info = await demo.site.browser().get(
        "/oauth2/userInfo", authorization=f"Bearer {tokens['access_token']}"
    )

    assert info.status == 401


@pytest.mark.spec("RFC6749#4.1.2")
async def test_of_parallel_exchanges_of_one_code_one_wins(demo: Demo) -> None:
    code = query_of((await demo.confirm()).location)["code"]
    answers = await asyncio.gather(*(demo.exchange(code) for _ in range(8)))

    assert sorted(a.status for a in answers) == [200] + [400] * 7


@pytest.mark.spec("RFC6749#4.1.2")
async def test_a_code_dies_after_five_minutes(site: PoolSite, demo: Demo) -> None:
    code = query_of((await demo.confirm()).location)["code"]
    site.clock.pass_s(300)

    assert (await demo.exchange(code)).json() == {"error": "invalid_grant"}


@pytest.mark.spec("RFC7636#4.6")
@pytest.mark.parametrize(
    ("challenge", "verifier", "status"),
    [
        (CHALLENGE, VERIFIER, 200),
        (CHALLENGE, "w" * 43, 400),
        (CHALLENGE, "", 400),
        ("", VERIFIER, 400),
    ],
)
async def test_pkce_is_demanded_where_it_was_begun_and_only_there(
    demo: Demo, challenge: str, verifier: str, status: int
) -> None:
    await demo.confirm()
    method = "S256" if challenge else ""
    code = await code_of(demo, code_challenge=challenge, code_challenge_method=method)

    assert (await demo.exchange(code, code_verifier=verifier)).status == status


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": f"{CALLBACK}/"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"code": "00000000-0000-4000-8000-000000000000"}, "invalid_grant"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_secret": "surprise"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
        ({"grant_type": ""}, "invalid_request"),
    ],
)
@pytest.mark.spec("RFC6749#5.2")
async def test_a_wrong_exchange_is_named(
    demo: Demo, changes: dict[str, str], error: str
) -> None:
    code = query_of((await demo.confirm()).location)["code"]
    answer = await demo.exchange(**{"code": code, **changes})

    assert answer.status == 400
    assert answer.json() == {"error": error}
    assert answer.header("cache-control") == "no-store"


@pytest.mark.spec("RFC6749#3.2")
async def test_a_repeated_parameter_is_refused(site: PoolSite, demo: Demo) -> None:
    answer = await site.browser().request(
        "POST",
        "/oauth2/token",
        body=f"grant_type=a&grant_type=b&client_id={demo.client_id}".encode(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )

    assert answer.json() == {"error": "invalid_request"}


@pytest.mark.parametrize(
    ("method", "content_type", "status"),
    [
        ("POST", "application/json", 400),
        ("GET", "application/x-www-form-urlencoded", 405),
    ],
)
async def test_the_token_endpoint_takes_posted_forms_only(
    site: PoolSite, demo: Demo, method: str, content_type: str, status: int
) -> None:
    answer = await site.browser().request(
        method, "/oauth2/token", body=b"{}", headers={"content-type": content_type}
    )

    assert answer.status == status
    assert status == 400 or answer.body == b""


@pytest.mark.parametrize("path", ["/oauth2/authorize", "/logout", "/confirmUser"])
async def test_a_scanner_s_head_request_changes_nothing(demo: Demo, path: str) -> None:
    await demo.confirm()
    answer = await demo.browser.request("HEAD", f"{path}?{demo.query()}")

    assert answer.status == 405
    assert "cognito" in demo.browser.cookies


async def test_a_second_press_of_the_button_still_ends_at_the_client(
    site: PoolSite, demo: Demo
) -> None:
    page = await demo.sign_up()
    cookies = dict(demo.browser.cookies)
    await demo.browser.submit(page, {"code": site.mailer.last_code()})
    demo.browser.cookies = cookies
    again = await demo.browser.submit(page, {"code": site.mailer.last_code()})

    assert again.location.startswith(CALLBACK)


async def test_the_link_of_a_mail_confirms_and_signs_nobody_in(
    site: PoolSite, demo: Demo
) -> None:
    await demo.sign_up()
    (user,) = (await site.call("ListUsers", UserPoolId=demo.pool_id))["Users"]
    link = f"/confirmUser/?client_id={demo.client_id}&user_name={user['Username']}"
    wrong = await site.browser().get(f"{link}&confirmation_code=x")

    assert wrong.status == 400

    done = await site.browser().get(
        f"{link}&confirmation_code={site.mailer.last_code()}"
    )

    assert done.status == 200
    assert "Your registration has been confirmed!" in done.text
    assert all(k != "set-cookie" for k, _ in done.headers)


@pytest.mark.spec("RFC6749#2.3.1")
@pytest.mark.parametrize("way", ["basic", "post", "none", "wrong", "both"])
async def test_a_confidential_client_proves_itself(site: PoolSite, way: str) -> None:
    demo = await build_demo(site, GenerateSecret=True)
    described = await site.call(
        "DescribeUserPoolClient", UserPoolId=demo.pool_id, ClientId=demo.client_id
    )
    secret = described["UserPoolClient"]["ClientSecret"]
    code = query_of((await demo.confirm()).location)["code"]
    basic = base64.b64encode(f"{demo.client_id}:{secret}".encode()).decode()
    fields = {
        "grant_type": "authorization_code",
        "client_id": demo.client_id,
        "code": code,
        "redirect_uri": CALLBACK,
    }
    match way:
        case "basic":
            del fields["client_id"]
            answer = await demo.token(fields, authorization=f"Basic {basic}")
        case "post":
            answer = await demo.token(fields | {"client_secret": secret})
        case "none":
            answer = await demo.token(fields)
        case "wrong":
            answer = await demo.token(fields | {"client_secret": secret[::-1]})
        case _:
            both = fields | {"client_secret": secret}
            answer = await demo.token(both, authorization=f"Basic {basic}")
    expected = {
        "basic": None,
        "post": None,
        "none": "invalid_client",
        "wrong": "invalid_client",
        "both": "invalid_request",
    }[way]

    assert answer.json().get("error") == expected


@pytest.mark.spec("RFC6749#6")
async def test_a_refresh_keeps_who_and_when_and_needs_its_client(
    site: PoolSite, demo: Demo
) -> None:
    first = (
        await demo.exchange(query_of((await demo.confirm()).location)["code"])
    ).json()
    site.clock.pass_s(1000)
    fields = {
        "grant_type": "refresh_token",
        "client_id": demo.client_id,
        "refresh_token": first["refresh_token"],
    }
    second = (await demo.token(fields)).json()
    before, after = (read_unverified_claims(t["id_token"]) for t in (first, second))

    assert "refresh_token" not in second
    assert after["auth_time"] == before["auth_time"]
    assert after["origin_jti"] == before["origin_jti"]
    assert after["jti"] != before["jti"]
    assert "nonce" not in after

    site.clock.pass_s(30 * 86400)

    assert (await demo.token(fields)).json() == {"error": "invalid_grant"}


@pytest.mark.spec("RFC7009#2")
async def test_revoking_a_refresh_token_ends_its_access_tokens_here(
    site: PoolSite, demo: Demo
) -> None:
    tokens = (
        await demo.exchange(query_of((await demo.confirm()).location)["code"])
    ).json()
    fields = {"token": tokens["refresh_token"], "client_id": demo.client_id}
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}

    assert (await site.browser().get("/oauth2/userInfo", **bearer)).status == 200

    done = await site.browser().post("/oauth2/revoke", fields)

    assert (done.status, done.body) == (200, b"")
    assert (await site.browser().get("/oauth2/userInfo", **bearer)).status == 401
    assert (await site.browser().post("/oauth2/revoke", fields)).status == 200

    unknown = await site.browser().post("/oauth2/revoke", fields | {"client_id": "no"})

    assert (unknown.status, unknown.json()) == (401, {"error": "invalid_client"})

    access = fields | {"token": tokens["access_token"]}
    refused = await site.browser().post("/oauth2/revoke", access)

    assert refused.json() == {"error": "unsupported_token_type"}


async def test_userinfo_says_what_is_wrong_with_a_token(
    site: PoolSite, demo: Demo
) -> None:
    none = await site.browser().get("/oauth2/userInfo")

    assert none.status == 400
    assert "Bad OAuth2 request at UserInfo Endpoint" in none.header("www-authenticate")

    bad = await site.browser().get("/oauth2/userInfo", authorization="Bearer a.b.c")

    assert bad.status == 401
    assert bad.json()["error"] == "invalid_token"

    await demo.confirm()
    code = await code_of(demo, scope="aws.cognito.signin.user.admin")
    tokens = (await demo.exchange(code)).json()

    assert "id_token" not in tokens

    narrow = await site.browser().get(
        "/oauth2/userInfo", authorization=f"Bearer {tokens['access_token']}"
    )

    assert narrow.status == 403


async def test_a_live_session_gives_a_code_silently_for_one_hour(
    site: PoolSite, demo: Demo
) -> None:
    await demo.confirm()

    assert await code_of(demo, prompt="none")

    forced = await demo.browser.get(f"/oauth2/authorize?{demo.query(prompt='login')}")

    assert forced.location.startswith("/login?")

    site.clock.pass_s(3600)
    stale = await demo.browser.get(f"/oauth2/authorize?{demo.query(prompt='none')}")

    assert query_of(stale.location) == {
        "state": "a state+/=%",
        "error": "login_required",
    }


@pytest.mark.spec("OIDC-Core#3.1.2.1")
async def test_max_age_asks_again(site: PoolSite, demo: Demo) -> None:
    await demo.confirm()
    site.clock.pass_s(60)

    assert await code_of(demo, max_age="60")

    answer = await demo.browser.get(f"/oauth2/authorize?{demo.query(max_age='59')}")

    assert answer.location.startswith("/login?")


async def test_the_session_cookie_is_guarded_and_fresh_at_each_sign_in(
    demo: Demo,
) -> None:
    done = await demo.confirm()
    cookie = next(v for k, v in done.headers if k == "set-cookie" and "cognito=" in v)

    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=3600" in cookie

    before = demo.browser.cookies["cognito"]
    page = await demo.browser.get(f"/login?{demo.query()}")
    await demo.browser.submit(page, SIGN_IN)

    assert demo.browser.cookies["cognito"] != before


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


async def test_codes_expire_and_their_tries_are_counted(
    site: PoolSite, demo: Demo
) -> None:
    page = await demo.sign_up()
    right = site.mailer.last_code()
    wrong = "000000" if right != "000000" else "000001"
    for _ in range(15):
        answer = await demo.browser.submit(page, {"code": wrong})
    answer = await demo.browser.submit(page, {"code": right})

    assert "Attempt limit exceeded" in answer.text


async def test_an_old_code_is_refused(site: PoolSite, demo: Demo) -> None:
    await demo.sign_up()
    code = site.mailer.last_code()
    site.clock.pass_s(86400)
    page = await demo.browser.get(f"/confirm?{demo.query()}")
    answer = await demo.browser.submit(
        page, {"username": "ada@example.org", "code": code}
    )

    assert "Invalid code provided, please request a code again." in answer.text


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
