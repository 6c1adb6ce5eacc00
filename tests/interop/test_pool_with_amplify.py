"""Our user pool and Amplify Auth, version 6, in a page of a real Chromium."""

from __future__ import annotations

import asyncio
import http.server
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.async_api import Page

from ostiary.cli.demo.browser import launch_browser
from ostiary.testing import LocalUserPool
from tests.interop.install import FOLDER
from tests.interop.pool_clients import NEW_PASSWORD, PASSWORD, App, Json, make_app

MAIL = "ada@example.org"
HTML = '<!doctype html><html lang="en"><title>starting</title><script src="app.js"></script></html>'


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, without a word on standard error."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        del format, args


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page with Amplify in it, on an origin that counts as secure."""
    folder = tmp_path_factory.mktemp("amplify")
    packages = FOLDER / "node_modules" / "@esbuild"
    esbuild = next(packages.glob("*/bin/esbuild"))  # that of this machine
    subprocess.run(
        [
            *(str(esbuild), str(FOLDER / "amplify_app.mjs"), "--bundle"),
            *("--minify", "--log-level=error", f"--outfile={folder / 'app.js'}"),
        ],
        check=True,
        cwd=FOLDER,
        timeout=60,
    )
    (folder / "index.html").write_text(HTML)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@asynccontextmanager
async def open_page(site: str, ca_file: Path) -> AsyncIterator[Page]:
    async with launch_browser(ca_file=ca_file) as browser:
        page = await browser.new_page()
        await page.goto(site)
        await page.wait_for_function("document.title === 'ready'")
        yield page


def settings(app: App, **oauth: Any) -> Json:
    found: Json = {
        "userPoolId": app.pool_id,
        "userPoolClientId": app.client_id,
        "userPoolEndpoint": app.pool.endpoint_url,
    }
    if oauth:
        found["loginWith"] = {"oauth": oauth}
    return found


async def configure(page: Page, found: Json) -> None:
    await page.evaluate(
        "found => { sessionStorage.setItem('configuration', JSON.stringify(found));"
        " window.ostiary.configure(found) }",
        found,
    )


async def call(page: Page, name: str, given: Json | None = None) -> Any:
    done = await page.evaluate(
        "([name, given]) => window.ostiary.call(name, ...(given ? [given] : []))",
        [name, given],
    )
    assert "error" not in done, (name, done)
    return done["value"]


async def refused(page: Page, name: str, given: Json | None = None) -> str:
    done = await page.evaluate(
        "([name, given]) => window.ostiary.call(name, ...(given ? [given] : []))",
        [name, given],
    )
    return f"{done['error']}: {done['message']}"


async def sign_up(page: Page, app: App) -> None:
    step = await call(
        page,
        "signUp",
        {
            "username": "ada",
            "password": PASSWORD,
            "options": {"userAttributes": {"email": MAIL}},
        },
    )
    assert step["nextStep"]["signUpStep"] == "CONFIRM_SIGN_UP"
    code = await asyncio.to_thread(app.pool.wait_for_code, MAIL)
    done = await call(
        page, "confirmSignUp", {"username": "ada", "confirmationCode": code}
    )
    assert done["isSignUpComplete"] is True


async def sign_in(page: Page, password: str = PASSWORD, **options: Any) -> Json:
    given: Json = {"username": "ada", "password": password}
    if options:
        given["options"] = options
    found: Json = (await call(page, "signIn", given))["nextStep"]
    return found


@pytest.fixture
def app(user_pool: LocalUserPool) -> App:
    return make_app(user_pool, mfa="OPTIONAL")


async def test_amplify_signs_up_and_in_by_srp_and_refreshes(
    site: str, app: App
) -> None:
    async with open_page(site, app.pool.ca_file) as page:
        await configure(page, settings(app))
        await sign_up(page, app)
        wrong = await refused(
            page, "signIn", {"username": "ada", "password": "Wr0ng!pass"}
        )
        step = await sign_in(page)
        session = await call(page, "fetchAuthSession")
        renewed = await call(page, "fetchAuthSession", {"forceRefresh": True})
        user = await call(page, "getCurrentUser")
        attributes = await call(page, "fetchUserAttributes")

    assert wrong == "NotAuthorizedException: Incorrect username or password."
    assert step["signInStep"] == "DONE"
    assert session["tokens"]["idToken"]["payload"]["email"] == MAIL
    assert (
        renewed["tokens"]["accessToken"]["payload"]["jti"]
        != session["tokens"]["accessToken"]["payload"]["jti"]
    )
    assert user["username"] == "ada"
    assert attributes["email_verified"] == "true"


async def test_amplify_sets_up_an_authenticator_and_answers_with_it(
    site: str, app: App
) -> None:
    async with open_page(site, app.pool.ca_file) as page:
        await configure(page, settings(app))
        await sign_up(page, app)
        await sign_in(page)
        secret = (await call(page, "setUpTOTP"))["sharedSecret"]
        now = await asyncio.to_thread(app.pool.now)
        code = pyotp.TOTP(secret).at(int(now))
        await call(page, "verifyTOTPSetup", {"code": code})
        await call(page, "updateMFAPreference", {"totp": "PREFERRED"})
        preference = await call(page, "fetchMFAPreference")
        await call(page, "signOut")
        await asyncio.to_thread(app.pool.advance, 60)
        asked = await sign_in(page)
        now = await asyncio.to_thread(app.pool.now)
        answer = pyotp.TOTP(secret).at(int(now))
        done = await call(page, "confirmSignIn", {"challengeResponse": answer})

    assert preference == {"enabled": ["TOTP"], "preferred": "TOTP"}
    assert asked["signInStep"] == "CONFIRM_SIGN_IN_WITH_TOTP_CODE"
    assert done["isSignedIn"] is True


async def test_amplify_takes_a_new_password_and_recovers_a_forgotten_one(
    site: str, app: App
) -> None:
    client = app.pool.client()
    client.admin_create_user(
        UserPoolId=app.pool_id,
        Username="ada",
        TemporaryPassword=PASSWORD,
        MessageAction="SUPPRESS",
        UserAttributes=[
            {"Name": "email", "Value": MAIL},
            {"Name": "email_verified", "Value": "true"},
        ],
    )
    async with open_page(site, app.pool.ca_file) as page:
        await configure(page, settings(app))
        asked = await sign_in(page)
        await call(page, "confirmSignIn", {"challengeResponse": NEW_PASSWORD})
        await call(page, "signOut", {"global": True})
        await call(page, "resetPassword", {"username": "ada"})
        code = await asyncio.to_thread(app.pool.wait_for_code, MAIL)
        await call(
            page,
            "confirmResetPassword",
            {"username": "ada", "confirmationCode": code, "newPassword": PASSWORD},
        )
        step = await sign_in(page)

    assert asked["signInStep"] == "CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED"
    assert step["signInStep"] == "DONE"


async def test_amplify_signs_in_by_choice_with_a_mailed_code(
    site: str, user_pool: LocalUserPool
) -> None:
    app = make_app(
        user_pool,
        settings={
            "Policies": {
                "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}
            }
        },
    )
    async with open_page(site, app.pool.ca_file) as page:
        await configure(page, settings(app))
        await sign_up(page, app)
        given = {
            "username": "ada",
            "options": {
                "authFlowType": "USER_AUTH",
                "preferredChallenge": "EMAIL_OTP",
            },
        }
        asked = (await call(page, "signIn", given))["nextStep"]
        code = (await asyncio.to_thread(app.pool.messages, MAIL))[-1].code
        done = await call(page, "confirmSignIn", {"challengeResponse": code})

    assert asked["signInStep"] == "CONFIRM_SIGN_IN_WITH_EMAIL_CODE"
    assert done["isSignedIn"] is True


async def test_amplify_goes_to_the_hosted_pages_and_comes_back_signed_in(
    site: str, user_pool: LocalUserPool
) -> None:
    app = make_app(
        user_pool,
        CallbackURLs=[site],
        LogoutURLs=[site],
        AllowedOAuthFlows=["code"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthScopes=[
            "openid",
            "email",
            "profile",
            "aws.cognito.signin.user.admin",
        ],
        SupportedIdentityProviders=["COGNITO"],
    )
    app.pool.client().create_user_pool_domain(Domain="amplify", UserPoolId=app.pool_id)
    hosted = app.pool.hosted_url("amplify")
    async with open_page(site, app.pool.ca_file) as page:
        await configure(
            page,
            settings(
                app,
                domain=hosted.removeprefix("https://"),
                scopes=["openid", "email", "profile", "aws.cognito.signin.user.admin"],
                redirectSignIn=[site],
                redirectSignOut=[site],
                responseType="code",
            ),
        )
        await sign_up(page, app)
        await page.evaluate("window.ostiary.call('signInWithRedirect')")
        await page.wait_for_url(f"{hosted}/login?**")
        form = page.locator('form[name="cognitoSignInForm"]:visible')
        await form.locator('[name="username"]').fill("ada")
        await form.locator('[name="password"]').fill(PASSWORD)
        await form.locator('[name="signInSubmitButton"]').click()
        await page.wait_for_url(f"{site}**")
        await page.wait_for_function(
            "window.ostiary && window.ostiary.told.includes('signedIn')"
        )
        session = await call(page, "fetchAuthSession")
        await page.evaluate("window.ostiary.call('signOut')")
        await page.wait_for_url(site)

    assert session["tokens"]["idToken"]["payload"]["email"] == MAIL
    assert session["tokens"]["accessToken"]["payload"]["version"] == 2


async def test_amplify_registers_a_passkey_and_signs_in_with_it(
    site: str, user_pool: LocalUserPool
) -> None:
    app = make_app(
        user_pool,
        settings={
            "Policies": {
                "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}
            }
        },
    )
    app.pool.client().set_user_pool_mfa_config(
        UserPoolId=app.pool_id,
        WebAuthnConfiguration={
            "RelyingPartyId": "localhost",
            "UserVerification": "required",
        },
    )
    async with open_page(site, app.pool.ca_file) as page:
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("WebAuthn.enable")
        await devtools.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        await configure(page, settings(app))
        await sign_up(page, app)
        await sign_in(page)
        await call(page, "associateWebAuthnCredential")
        listed = await call(page, "listWebAuthnCredentials")
        await call(page, "signOut")
        given = {
            "username": "ada",
            "options": {
                "authFlowType": "USER_AUTH",
                "preferredChallenge": "WEB_AUTHN",
            },
        }
        done = await call(page, "signIn", given)

    assert [c["relyingPartyId"] for c in listed["credentials"]] == ["localhost"]
    assert done["isSignedIn"] is True
