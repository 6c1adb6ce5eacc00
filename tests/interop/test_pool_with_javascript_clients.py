"""Our user pool and the JavaScript programs that know Cognito, under Node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ostiary.testing import LocalUserPool, running_user_pool
from tests.interop.pool_clients import (
    DEVICES,
    PASSWORD,
    App,
    Json,
    make_app,
    run_node,
)

MAIL = "ada@example.org"


def granted(app: App) -> Json:
    """The tokens of somebody who has signed in."""
    client = app.pool.client()
    client.admin_create_user(
        UserPoolId=app.pool_id, Username="ada", MessageAction="SUPPRESS"
    )
    client.admin_set_user_password(
        UserPoolId=app.pool_id, Username="ada", Password=PASSWORD, Permanent=True
    )
    reply = client.initiate_auth(
        ClientId=app.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD},
    )
    found: Json = reply["AuthenticationResult"]
    return found


def test_amazon_cognito_identity_js_lives_a_whole_life(
    user_pool: LocalUserPool,
) -> None:
    app = make_app(user_pool, mfa="OPTIONAL")
    found = run_node("identity_js.mjs", app.named)

    assert found["unconfirmed"] == "UserNotConfirmedException: User is not confirmed."
    assert found["wrong"] == "NotAuthorizedException: Incorrect username or password."
    assert (found["id"]["email"], found["id"]["email_verified"]) == (MAIL, True)
    assert found["access"]["client_id"] == app.client_id
    assert set(found["attributes"]) == {"sub", "email", "email_verified"}
    assert (found["renewed"], found["changed"]) == (True, "SUCCESS")
    assert found["asked"] == "SOFTWARE_TOKEN_MFA"
    assert found["signedIn"] is True
    assert "Access Token has been revoked" in found["signedOut"]


def test_a_device_that_amazon_cognito_identity_js_remembers_replaces_the_factor(
    user_pool: LocalUserPool,
) -> None:
    app = make_app(user_pool, mfa="OPTIONAL", settings={"DeviceConfiguration": DEVICES})
    found = run_node("identity_js.mjs", app.named)

    assert found["asked"] is None
    assert found["signedIn"] is True


def test_the_aws_sdk_for_javascript_reads_what_we_answer(
    user_pool: LocalUserPool,
) -> None:
    app = make_app(user_pool)
    found = run_node("sdk_js.mjs", app.named)

    assert (found["id"]["email"], found["user"]) == (MAIL, "ada")
    assert (found["created"], found["listed"]) == (True, True)
    assert found["refused"] == "UserNotFoundException: User does not exist."
    assert found["invalid"].startswith("InvalidParameterException: 1 validation error")
    assert found["revoked"] == "NotAuthorizedException: Access Token has been revoked"


def test_aws_jwt_verify_takes_our_tokens_and_no_others(
    user_pool: LocalUserPool,
) -> None:
    app = make_app(user_pool)
    tokens = granted(app)
    found = run_node(
        "verify_js.mjs",
        {
            **app.named,
            "idToken": tokens["IdToken"],
            "accessToken": tokens["AccessToken"],
        },
    )

    assert found["id"]["token_use"] == "id"
    assert found["access"]["token_use"] == "access"
    assert found["another"].startswith("JwtInvalidAudienceError")
    assert found["changed"].startswith("JwtInvalidSignatureError")


@pytest.fixture
def aws_named() -> Iterator[LocalUserPool]:
    """A pool whose issuers have Amazon's names, for verifiers that know no others."""
    issuer = "https://cognito-idp.eu-west-1.amazonaws.com"
    with running_user_pool(settings={"userpool_issuer_base": issuer}) as pool:
        yield pool


def test_aws_jwt_verify_for_cognito_takes_tokens_with_amazon_s_names(
    aws_named: LocalUserPool,
) -> None:
    app = make_app(aws_named)
    tokens = granted(app)
    found = run_node(
        "verify_js.mjs",
        {
            **app.named,
            "awsNames": True,
            "idToken": tokens["IdToken"],
            "accessToken": tokens["AccessToken"],
        },
    )

    assert found["id"]["iss"].startswith("https://cognito-idp.eu-west-1.amazonaws.com/")
    assert found["access"]["client_id"] == app.client_id
    assert found["another"].startswith("CognitoJwtInvalidClientIdError")
    assert found["changed"].startswith("JwtInvalidSignatureError")
    assert found["swapped"].startswith("CognitoJwtInvalidTokenUseError")
