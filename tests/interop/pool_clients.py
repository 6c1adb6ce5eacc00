"""A user pool of its own for the clients of Cognito, and how their processes are run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from ostiary.testing import LocalUserPool
from tests.interop.install import FOLDER, NODE

Json = dict[str, Any]
PASSWORD = "Passw0rd!x"
NEW_PASSWORD = "An0ther!pass"
ALL_FLOWS = [
    "ALLOW_USER_SRP_AUTH",
    "ALLOW_USER_PASSWORD_AUTH",
    "ALLOW_ADMIN_USER_PASSWORD_AUTH",
    "ALLOW_CUSTOM_AUTH",
    "ALLOW_REFRESH_TOKEN_AUTH",
    "ALLOW_USER_AUTH",
]
DEVICES = {
    "ChallengeRequiredOnNewDevice": True,
    "DeviceOnlyRememberedOnUserPrompt": False,
}
RUN_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A pool and an app client in it."""

    pool: LocalUserPool
    pool_id: str
    client_id: str
    client_secret: str | None = None

    @property
    def named(self) -> Json:
        """What client programs are told."""
        return {
            "endpoint": self.pool.endpoint_url,
            "region": self.pool.region,
            "poolId": self.pool_id,
            "clientId": self.client_id,
            "clientSecret": self.client_secret,
            "issuer": self.pool.issuer(self.pool_id),
            "password": PASSWORD,
            "newPassword": NEW_PASSWORD,
        }


def make_app(
    pool: LocalUserPool,
    *,
    secret: bool = False,
    mfa: str = "OFF",
    settings: Json | None = None,
    **client: Any,
) -> App:
    """A pool where people sign up with a mailed code, and a client that may use every flow."""
    cognito = pool.client()
    made = cognito.create_user_pool(
        PoolName="clients", AutoVerifiedAttributes=["email"], **(settings or {})
    )
    pool_id = made["UserPool"]["Id"]
    if mfa != "OFF":
        cognito.set_user_pool_mfa_config(
            UserPoolId=pool_id,
            MfaConfiguration=mfa,
            SoftwareTokenMfaConfiguration={"Enabled": True},
        )
    made = cognito.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="app",
        GenerateSecret=secret,
        ExplicitAuthFlows=ALL_FLOWS,
        **client,
    )
    kept = made["UserPoolClient"]
    return App(
        pool=pool,
        pool_id=pool_id,
        client_id=kept["ClientId"],
        client_secret=kept.get("ClientSecret"),
    )


def run_node(script: str, given: Json) -> Json:
    """What a script prints: one JSON object, its last line."""
    done = subprocess.run(
        [str(NODE), str(FOLDER / script), json.dumps(given)],
        cwd=FOLDER,
        check=False,
        capture_output=True,
        text=True,
        timeout=RUN_S,
    )
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    found: Json = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def run_aws(app: App, *words: str, refused: bool = False) -> Any:
    """What the AWS command line prints."""
    environ = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "thing",
        "AWS_DEFAULT_REGION": app.pool.region,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    done = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "awscli", "cognito-idp", *words),
            *("--endpoint-url", app.pool.endpoint_url, "--output", "json"),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        env=environ,
    )
    if refused:
        assert done.returncode != 0
        return done.stderr.strip()
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout) if done.stdout.strip() else None
