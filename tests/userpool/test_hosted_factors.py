"""Hosted sign-in beyond the password: codes, apps, choices, new passwords, triggers."""

from __future__ import annotations

import re

import pytest

from tests.userpool.factors_kit import SMS, TOTP_ON
from tests.userpool.hosted_people import Lobby, read_errors
from tests.userpool.people_kit import ADA, MAIL, NEW, PHONE
from tests.userpool.pool_kit import Answer

OVER = "This sign-in took too long or was tried too often. Please start again."
WRONG_CODE = "Invalid verification code provided, please try again."
MAILED = {
    "MfaConfiguration": "OPTIONAL",
    "EmailMfaConfiguration": {"Message": "Your code is {####}.", "Subject": "Code"},
    "SoftwareTokenMfaConfiguration": {"Enabled": True},
    "SmsMfaConfiguration": SMS,
}


def heading(page: Answer) -> str:
    found = re.search(r"<h1>([^<]*)</h1>", page.text)
    return found.group(1) if found else f"no page: {page.status} {page.location}"


def secret_of(page: Answer) -> str:
    found = re.search(r'id="totp-secret">([^<]*)<', page.text)
    assert found is not None, page.text
    return found.group(1).replace(" ", "")


async def test_without_more_to_ask_a_password_is_enough(lobby: Lobby) -> None:
    await lobby.build()
    await lobby.stage.add_user()

    assert (await lobby.claims(await lobby.sign_in()))["email"] == MAIL


# A temporary password


async def test_a_temporary_password_is_replaced_on_the_way(lobby: Lobby) -> None:
    await lobby.build(Schema=[{"Name": "given_name", "Required": True}])
    page = await lobby.sign_in(await lobby.stage.invite())

    assert heading(page) == "Change your password"
    assert 'name="requiredAttributes[given_name]"' in page.text
    assert 'name="requiredAttributes[email]"' not in page.text

    done = await lobby.submit(
        page,
        password=NEW,
        confirmPassword=NEW,
        **{"requiredAttributes[given_name]": "Ada"},
    )

    assert (await lobby.claims(done))["cognito:username"]
    assert "sign-in-step" not in lobby.browser.cookies

    again = await lobby.sign_in(NEW)

    assert "code=" in again.location
    assert (await lobby.stage.admin("AdminGetUser"))["UserStatus"] == "CONFIRMED"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"confirmPassword": NEW + "x"}, "The two passwords differ."),
        (
            {"password": "short", "confirmPassword": "short"},
            "Password did not conform with policy: Password not long enough",
        ),
        (
            {"requiredAttributes[given_name]": " "},
            "Invalid attributes given, given_name is missing",
        ),
    ],
)
async def test_a_new_password_page_tells_what_is_wrong_as_often_as_it_is(
    lobby: Lobby, fields: dict[str, str], text: str
) -> None:
    await lobby.build(Schema=[{"Name": "given_name", "Required": True}])
    page = await lobby.sign_in(await lobby.stage.invite())
    right = {
        "password": NEW,
        "confirmPassword": NEW,
        "requiredAttributes[given_name]": "Ada",
    }
    for _ in range(5):
        page = await lobby.submit(page, **{**right, **fields})

        assert text in page.text
        assert 'aria-invalid="true"' in page.text

    assert "code=" in (await lobby.submit(page, **right)).location


async def test_who_must_reset_the_password_is_led_to_where_that_is_done(
    lobby: Lobby,
) -> None:
    await lobby.build()
    await lobby.stage.add_user()
    await lobby.stage.admin("AdminResetUserPassword")
    page = await lobby.sign_in()

    assert heading(page) == "Forgot your password?"
    assert read_errors(page) == "Password reset required for the user"
    assert f'value="{ADA}"' in page.text
    assert "sign-in-step" not in lobby.browser.cookies


# Codes that are sent


@pytest.mark.parametrize(
    ("setting", "where", "digits"),
    [
        ("SMSMfaSettings", "by text message to <strong>+*******9934<", 6),
        ("EmailMfaSettings", "by email to <strong>a***@e***<", 8),
    ],
)
async def test_a_sent_code_is_asked_for(
    lobby: Lobby, setting: str, where: str, digits: int
) -> None:
    await lobby.build()
    await lobby.set_mfa(**MAILED)
    await lobby.stage.add_user(phone_number=PHONE)
    await lobby.prefer(setting, preferred=setting)
    page = await lobby.sign_in()

    assert heading(page) == "Enter your code"
    assert where in page.text
    assert f"{digits} digits." in page.text
    assert len(lobby.stage.code()) == digits

    wrong = await lobby.submit(page, code="0" * digits)

    assert read_errors(wrong) == WRONG_CODE
    assert "code=" in (await lobby.submit(wrong, code=lobby.stage.code())).location


@pytest.fixture
async def mailed(lobby: Lobby) -> Lobby:
    """Somebody whose second factor is a mailed code."""
    await lobby.build()
    await lobby.set_mfa(**MAILED)
    await lobby.stage.add_user()
    await lobby.prefer("EmailMfaSettings", preferred="EmailMfaSettings")
    return lobby


async def test_nothing_of_the_sign_in_is_in_an_address(mailed: Lobby) -> None:
    answer = await mailed.post_password()

    assert answer.location == f"/mfa?{mailed.query}"
    assert "cognito" not in mailed.browser.cookies
    cookie = next(v for k, v in answer.headers if v.startswith("sign-in-step="))
    assert "HttpOnly" in cookie
    assert "Secure" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=180" in cookie


async def test_a_reload_sends_no_second_code(mailed: Lobby) -> None:
    await mailed.sign_in()
    sent = len(mailed.stage.site.mailer.sent)
    page = await mailed.browser.get(f"/mfa?{mailed.query}")

    assert heading(page) == "Enter your code"
    assert len(mailed.stage.site.mailer.sent) == sent


async def test_three_wrong_codes_end_the_sign_in(mailed: Lobby) -> None:
    page = await mailed.sign_in()
    code = mailed.stage.code()
    for _ in range(3):
        page = await mailed.submit(page, code="00000000")
    page = await mailed.submit(page, code=code)

    assert (heading(page), read_errors(page)) == ("Sign in", OVER)
    assert "sign-in-step" not in mailed.browser.cookies


async def test_an_empty_code_is_no_try(mailed: Lobby) -> None:
    page = await mailed.sign_in()
    for _ in range(4):
        page = await mailed.submit(page, code=" ")

        assert read_errors(page) == WRONG_CODE

    assert "code=" in (await mailed.submit(page, code=mailed.stage.code())).location


async def test_who_takes_too_long_starts_again(mailed: Lobby) -> None:
    page = await mailed.sign_in()
    mailed.stage.site.clock.pass_s(180)
    late = await mailed.submit(page, code=mailed.stage.code())

    assert (heading(late), read_errors(late)) == ("Sign in", OVER)
    assert (
        heading(await mailed.follow(await mailed.browser.get(f"/mfa?{mailed.query}")))
        == "Sign in"
    )


async def test_another_code_takes_the_first_one_s_place(mailed: Lobby) -> None:
    page = await mailed.sign_in()
    first = mailed.stage.code()
    page = await mailed.submit_form(page, "cognitoResendForm")

    assert "We have sent a new code." in page.text
    assert mailed.stage.code() != first
    assert read_errors(await mailed.submit(page, code=first)) == WRONG_CODE
    assert "code=" in (await mailed.submit(page, code=mailed.stage.code())).location


async def test_codes_are_sent_again_a_few_times_only(mailed: Lobby) -> None:
    page = await mailed.sign_in()
    for _ in range(5):
        page = await mailed.submit_form(page, "cognitoResendForm")

    assert read_errors(page) == "Attempt limit exceeded, please try after some time."
    assert len(mailed.stage.site.mailer.sent) == 5
    assert "code=" in (await mailed.submit(page, code=mailed.stage.code())).location


async def test_a_form_of_an_earlier_step_is_no_answer(mailed: Lobby) -> None:
    earlier = await mailed.sign_in()
    later = await mailed.sign_in()
    for _ in range(4):
        page = await mailed.submit(earlier, code="00000000")

        assert (heading(page), read_errors(page)) == ("Enter your code", "")

    assert "code=" in (await mailed.submit(later, code=mailed.stage.code())).location


async def test_a_code_form_from_elsewhere_counts_for_nothing(mailed: Lobby) -> None:
    page = await mailed.sign_in()
    mailed.browser.extra = {"sec-fetch-site": "cross-site"}
    answer = await mailed.browser.submit(page, {"code": mailed.stage.code()})

    assert answer.location == f"/mfa?{mailed.query}"

    mailed.browser.extra = {}

    assert "code=" in (await mailed.submit(page, code=mailed.stage.code())).location


async def test_who_comes_back_to_a_taken_step_goes_on_to_the_client(
    mailed: Lobby,
) -> None:
    page = await mailed.sign_in()
    code = mailed.stage.code()
    await mailed.submit(page, code=code)

    assert "code=" in (await mailed.submit(page, code=code)).location
    assert (
        "code="
        in (
            await mailed.follow(await mailed.browser.get(f"/mfa?{mailed.query}"))
        ).location
    )


async def test_another_browser_has_no_part_in_it(mailed: Lobby) -> None:
    page = await mailed.sign_in()
    mailed.browser.cookies.pop("sign-in-step")
    other = await mailed.submit(page, code=mailed.stage.code())

    assert (heading(other), read_errors(other)) == ("Sign in", OVER)


async def test_another_client_s_pages_do_not_take_it(mailed: Lobby) -> None:
    page = await mailed.sign_in()
    code, before = mailed.stage.code(), mailed.stage.client_id
    described = await mailed.stage.sdk.call(
        "DescribeUserPoolClient", UserPoolId=mailed.stage.pool_id, ClientId=before
    )
    settings = {
        k: v
        for k, v in described["UserPoolClient"].items()
        if k.startswith(("Allowed", "Callback", "Supported"))
    }
    mailed.stage.client_id = await mailed.stage.add_client(**settings)
    text = page.text.replace(before, mailed.stage.client_id)
    other = await mailed.submit(Answer(200, [], text.encode()), code=code)

    assert (heading(other), read_errors(other)) == ("Sign in", OVER)


async def test_starting_over_forgets_the_step(mailed: Lobby) -> None:
    page = await mailed.sign_in()
    page = await mailed.submit_form(page, "cognitoStartOverForm")

    assert heading(page) == "Sign in"
    assert "sign-in-step" not in mailed.browser.cookies


async def test_no_tokens_of_the_api_are_made_on_the_way(mailed: Lobby) -> None:
    store = mailed.stage.site.config.store
    made: list[object] = []
    original = store.add_refresh_token

    async def note(token: object) -> None:
        made.append(token)
        await original(token)  # type: ignore[arg-type] # as it came

    store.add_refresh_token = note  # type: ignore[method-assign] # to listen
    page = await mailed.sign_in()
    await mailed.submit(page, code=mailed.stage.code())

    assert made == []


# A choice


async def test_several_factors_are_a_choice_and_may_be_changed(lobby: Lobby) -> None:
    await lobby.build()
    await lobby.set_mfa(**MAILED)
    await lobby.stage.add_user(phone_number=PHONE)
    await lobby.prefer("SMSMfaSettings", "EmailMfaSettings")
    page = await lobby.sign_in()

    assert heading(page) == "Choose how to go on"
    assert "+*******9934" in page.text
    assert "a***@e***" in page.text
    for factor in ("", "SOFTWARE_TOKEN_MFA", "NONSENSE"):
        wrong = await lobby.submit(page, factor=factor)

        assert read_errors(wrong) == "Please choose one of these ways."

    page = await lobby.submit(page, factor="SMS_MFA")

    assert "by text message" in page.text

    page = await lobby.submit_form(page, "cognitoOtherForm")

    assert heading(page) == "Choose how to go on"

    page = await lobby.submit(page, factor="EMAIL_OTP")

    assert "by email" in page.text
    assert "code=" in (await lobby.submit(page, code=lobby.stage.code())).location


async def test_a_single_factor_is_no_choice(mailed: Lobby) -> None:
    page = await mailed.sign_in()

    assert "cognitoOtherForm" not in page.text
    target = f"/mfa/other?{mailed.query}"
    hidden = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', page.text))
    answer = await mailed.browser.post(target, hidden)

    assert answer.location == f"/mfa?{mailed.query}"


# Authenticator apps


async def test_an_app_is_set_up_where_the_pool_wants_one(lobby: Lobby) -> None:
    await lobby.build()
    await lobby.set_mfa(**TOTP_ON)
    await lobby.stage.add_user()
    page = await lobby.sign_in()

    assert heading(page) == "Set up an authenticator app"
    assert "<svg" in page.text
    assert "default-src 'none'" in page.header("content-security-policy")
    secret = secret_of(page)
    assert re.fullmatch("[A-Z2-7]{52}", secret)
    assert secret_of(await lobby.browser.get(f"/mfa/setup?{lobby.query}")) == secret

    wrong = await lobby.submit(page, code="000000")

    assert "This is not the code that the app shows now." in read_errors(wrong)
    assert secret_of(wrong) == secret

    done = await lobby.submit(wrong, code=lobby.stage.app_code(secret))

    assert "code=" in done.location

    lobby.stage.site.clock.pass_s(30)
    page = await lobby.sign_in()

    assert "Open your authenticator app" in page.text
    assert "cognitoResendForm" not in page.text
    assert (
        "code="
        in (await lobby.submit(page, code=lobby.stage.app_code(secret))).location
    )


async def test_a_code_of_an_app_works_once(lobby: Lobby) -> None:
    await lobby.build()
    await lobby.set_mfa(**TOTP_ON)
    await lobby.stage.add_user()
    page = await lobby.sign_in()
    secret = secret_of(page)
    code = lobby.stage.app_code(secret)
    await lobby.submit(page, code=code)
    page = await lobby.submit(await lobby.sign_in(), code=code)

    assert read_errors(page) == (
        "This code was used already. Please wait for the next one."
    )


async def test_guessing_an_app_s_first_code_ends_the_sign_in(lobby: Lobby) -> None:
    await lobby.build()
    await lobby.set_mfa(**TOTP_ON)
    await lobby.stage.add_user()
    page = await lobby.sign_in()
    for _ in range(4):
        page = await lobby.submit(page, code="000000")

    assert (heading(page), read_errors(page)) == ("Sign in", OVER)


async def test_who_cannot_set_anything_up_is_told(lobby: Lobby) -> None:
    await lobby.build(AutoVerifiedAttributes=["email", "phone_number"])
    await lobby.set_mfa(MfaConfiguration="ON", SmsMfaConfiguration=SMS)
    await lobby.stage.add_user()

    assert heading(await lobby.sign_in()) == "A phone number is needed"


async def test_a_new_password_and_an_app_are_asked_for_in_a_row(lobby: Lobby) -> None:
    await lobby.build()
    await lobby.set_mfa(**TOTP_ON)
    page = await lobby.sign_in(await lobby.stage.invite())
    page = await lobby.submit(page, password=NEW, confirmPassword=NEW)

    assert heading(page) == "Set up an authenticator app"
    assert (
        "code="
        in (
            await lobby.submit(page, code=lobby.stage.app_code(secret_of(page)))
        ).location
    )


# A code in place of the password

PASSWORDLESS = {
    "Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}
}


async def send_code(lobby: Lobby, name: str = ADA) -> Answer:
    page = await lobby.browser.get(f"/login?{lobby.query}")

    assert "Email me a code instead" in page.text

    return await lobby.submit(page, username=name, first_factor="EMAIL_OTP")


async def test_a_mailed_code_stands_for_the_password(lobby: Lobby) -> None:
    await lobby.build(**PASSWORDLESS)
    await lobby.stage.add_user()
    page = await send_code(lobby)

    assert "a***@e***" in page.text
    assert "code=" in (await lobby.submit(page, code=lobby.stage.code())).location


async def test_a_stranger_gets_the_same_page_and_no_code(lobby: Lobby) -> None:
    await lobby.build(**PASSWORDLESS)
    await lobby.stage.add_user()
    sent = len(lobby.stage.site.mailer.sent)
    page = await send_code(lobby, "nobody@example.org")

    assert heading(page) == "Enter your code"
    assert "n***@" in page.text
    assert len(lobby.stage.site.mailer.sent) == sent

    page = await lobby.submit_form(page, "cognitoResendForm")

    assert "We have sent a new code." in page.text
    assert read_errors(await lobby.submit(page, code="00000000")) == WRONG_CODE


async def test_whether_anybody_is_there_may_be_told(lobby: Lobby) -> None:
    await lobby.build(client={"PreventUserExistenceErrors": "LEGACY"}, **PASSWORDLESS)

    assert read_errors(await send_code(lobby, "nobody")) == (
        "No code can be sent to this account."
    )


async def test_after_a_first_code_the_second_factor_is_still_asked_for(
    lobby: Lobby,
) -> None:
    await lobby.build(**PASSWORDLESS)
    await lobby.set_mfa(**MAILED)
    await lobby.stage.add_user(phone_number=PHONE)
    await lobby.prefer("SMSMfaSettings", preferred="SMSMfaSettings")
    page = await lobby.submit(await send_code(lobby), code=lobby.stage.code())

    assert "by text message" in page.text
    assert "code=" in (await lobby.submit(page, code=lobby.stage.code())).location


async def test_a_pool_without_such_codes_offers_and_takes_none(lobby: Lobby) -> None:
    await lobby.build()
    await lobby.stage.add_user()
    page = await lobby.browser.get(f"/login?{lobby.query}")

    assert "first_factor" not in page.text
    answer = await lobby.submit(page, username=ADA, first_factor="EMAIL_OTP")

    assert read_errors(answer) == "Incorrect username or password."
