"""Our user pool and the Python programs that know Cognito: pycognito and the AWS command line."""

from __future__ import annotations

import pyotp
import pytest
from botocore.exceptions import ClientError
from pycognito import Cognito
from pycognito.aws_srp import AWSSRP, generate_hash_device
from pycognito.exceptions import SoftwareTokenMFAChallengeException

from ostiary.testing import LocalUserPool
from tests.interop.pool_clients import (
    DEVICES,
    NEW_PASSWORD,
    PASSWORD,
    App,
    make_app,
    run_aws,
)

MAIL = "ada@example.org"


def pycognito_of(app: App, username: str | None = "ada") -> Cognito:
    return Cognito(
        app.pool_id,
        app.client_id,
        user_pool_region=app.pool.region,
        username=username,
        client_secret=app.client_secret,
        access_key="any",
        secret_key="thing",
        boto3_client_kwargs={"endpoint_url": app.pool.endpoint_url},
    )


def sign_up(app: App) -> Cognito:
    person = pycognito_of(app)
    person.set_base_attributes(email=MAIL)
    person.register("ada", PASSWORD)
    person.confirm_sign_up(app.pool.wait_for_code(MAIL), username="ada")
    return person


@pytest.mark.parametrize("secret", [False, True])
def test_pycognito_signs_up_signs_in_by_srp_refreshes_and_leaves(
    user_pool: LocalUserPool, secret: bool
) -> None:
    app = make_app(user_pool, secret=secret)
    person = sign_up(app)
    person.authenticate(password=PASSWORD)

    assert person.id_claims["email"] == MAIL  # verified with the pool's keys
    assert person.access_claims["client_id"] == app.client_id
    first = person.access_token
    person.renew_access_token()
    assert person.access_token != first
    person.update_profile({"nickname": "A"})
    assert person.get_user().nickname == "A"
    person.change_password(PASSWORD, NEW_PASSWORD)
    left = pycognito_of(app)
    left.access_token = person.access_token
    person.logout()
    with pytest.raises(ClientError, match="Access Token has been revoked"):
        left.get_user()
    pycognito_of(app).authenticate(password=NEW_PASSWORD)


def test_pycognito_recovers_a_forgotten_password(user_pool: LocalUserPool) -> None:
    app = make_app(user_pool)
    person = sign_up(app)
    person.initiate_forgot_password()
    code = app.pool.messages(MAIL)[-1].code
    person.confirm_forgot_password(code, NEW_PASSWORD)
    person.authenticate(password=NEW_PASSWORD)

    assert person.id_claims["email_verified"] is True


def test_pycognito_answers_with_an_authenticator_app(user_pool: LocalUserPool) -> None:
    app = make_app(user_pool, mfa="OPTIONAL")
    person = sign_up(app)
    person.authenticate(password=PASSWORD)
    secret = person.associate_software_token()
    assert person.verify_software_token(
        pyotp.TOTP(secret).at(int(app.pool.now())), "phone"
    )
    person.set_user_mfa_preference(
        sms_mfa=False, software_token_mfa=True, preferred="SOFTWARE_TOKEN"
    )
    app.pool.advance(60)

    with pytest.raises(SoftwareTokenMFAChallengeException) as asked:
        pycognito_of(app).authenticate(password=PASSWORD)
    again = pycognito_of(app)
    code = pyotp.TOTP(secret).at(int(app.pool.now()))
    again.respond_to_software_token_mfa_challenge(code, asked.value.get_tokens())
    assert again.access_token


def test_pycognito_s_device_stands_for_the_second_factor(
    user_pool: LocalUserPool,
) -> None:
    app = make_app(user_pool, settings={"DeviceConfiguration": DEVICES})
    sign_up(app)
    client = app.pool.client()

    def srp(**device: str) -> AWSSRP:
        return AWSSRP(
            username="ada",
            password=PASSWORD,
            pool_id=app.pool_id,
            client_id=app.client_id,
            client=client,
            **device,
        )

    result = srp().authenticate_user()["AuthenticationResult"]
    named = result["NewDeviceMetadata"]
    password, verifier = generate_hash_device(
        named["DeviceGroupKey"], named["DeviceKey"]
    )
    client.confirm_device(
        AccessToken=result["AccessToken"],
        DeviceKey=named["DeviceKey"],
        DeviceSecretVerifierConfig=verifier,
    )
    again = srp(
        device_key=named["DeviceKey"],
        device_group_key=named["DeviceGroupKey"],
        device_password=password,
    ).authenticate_user()

    assert "NewDeviceMetadata" not in again["AuthenticationResult"]


def test_the_aws_command_line_runs_a_pool(user_pool: LocalUserPool) -> None:
    app = make_app(user_pool)
    pool = ("--user-pool-id", app.pool_id)
    run_aws(
        app,
        *("sign-up", "--client-id", app.client_id, "--username", "ada"),
        *("--password", PASSWORD, "--user-attributes", f"Name=email,Value={MAIL}"),
    )
    code = app.pool.wait_for_code(MAIL)
    run_aws(
        app,
        *("confirm-sign-up", "--client-id", app.client_id, "--username", "ada"),
        *("--confirmation-code", code),
    )
    run_aws(app, "create-group", *pool, "--group-name", "admins")
    run_aws(
        app,
        *("admin-add-user-to-group", *pool, "--username", "ada"),
        *("--group-name", "admins"),
    )
    granted = run_aws(
        app,
        *("initiate-auth", "--auth-flow", "USER_PASSWORD_AUTH"),
        *("--client-id", app.client_id),
        *("--auth-parameters", f"USERNAME=ada,PASSWORD={PASSWORD}"),
    )["AuthenticationResult"]
    user = run_aws(app, "get-user", "--access-token", granted["AccessToken"])
    listed = run_aws(app, "list-users", *pool, "--filter", f'email = "{MAIL}"')
    members = run_aws(app, "list-users-in-group", *pool, "--group-name", "admins")

    assert user["Username"] == "ada"
    assert [u["UserStatus"] for u in listed["Users"]] == ["CONFIRMED"]
    assert [u["Username"] for u in members["Users"]] == ["ada"]


def test_the_aws_command_line_pages_and_is_refused_in_aws_s_words(
    user_pool: LocalUserPool,
) -> None:
    app = make_app(user_pool)
    pool = ("--user-pool-id", app.pool_id)
    for number in range(5):
        app.pool.client().admin_create_user(
            UserPoolId=app.pool_id, Username=f"u{number}", MessageAction="SUPPRESS"
        )
    listed = run_aws(app, "list-users", *pool, "--page-size", "2")
    said = run_aws(app, "admin-get-user", *pool, "--username", "nobody", refused=True)

    assert [u["Username"] for u in listed["Users"]] == [f"u{n}" for n in range(5)]
    assert "(UserNotFoundException)" in said
    assert "User does not exist." in said
