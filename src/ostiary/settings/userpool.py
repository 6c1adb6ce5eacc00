"""
Settings of the user pool and of its mail: one table. Pure.

Spec: gateway §5.7 (mail); the rest is ours.
"""

from __future__ import annotations

from pydantic import ConfigDict, Field

from ostiary.model.entity import Entity
from ostiary.settings.listen import parse_listen
from ostiary.settings.values import Credentials, DatabaseUrl, Listen, Switch, Triggers


class UserpoolSettings(Entity):
    """What the user pool goes by, with defaults and what they mean."""

    model_config = ConfigDict(hide_input_in_errors=True)  # some are secrets

    userpool: Switch = Field(
        default=False, description="Run a user pool beside the gateway."
    )
    userpool_listen: Listen = Field(
        parse_listen("127.0.0.1:9229, 127.0.0.1:9443 ssl"),
        description="Where the user pool listens; the TLS port serves the hosted pages.",
    )
    userpool_issuer_base: str | None = Field(
        None,
        description="What issuers start with; `https://cognito-idp.localhost:<TLS port>` when unset.",
    )
    userpool_domain_suffix: str = Field(
        "auth.localhost", description="Hosted pages live at `<prefix>.<this>`."
    )
    userpool_domain_port: int | None = Field(
        None,
        description="Port in hosted URLs; the TLS port when unset, 443 to leave it out.",
    )
    userpool_region: str = Field(
        "ap-southeast-1", description="Region of pools whose caller names none."
    )
    userpool_database: DatabaseUrl | None = Field(
        None,
        repr=False,
        description="`sqlite:////FILE` or `postgresql://USER:PASSWORD@HOST/NAME` in libpq's form; "
        "a file in the prefix when unset. A server elsewhere must prove itself unless `sslmode` is "
        "said (`?sslmode=verify-full&sslrootcert=FILE`); `passfile=FILE` hides the password.",
    )
    userpool_ssl_cert: str | None = Field(
        None, description="Certificate file of the user pool; `ssl_cert` when unset."
    )
    userpool_ssl_cert_key: str | None = Field(
        None, description="Key file of that certificate."
    )
    userpool_strict: Switch = Field(
        default=False, description="Copy Cognito where the lenient default is kinder."
    )
    userpool_triggers: Triggers = Field(
        (),
        description="What runs for triggers: `NAME=URL` or `NAME=module:function`, comma-separated; "
        "NAME is the last part of the ARN in a pool's `LambdaConfig`. A URL is posted the event.",
    )
    userpool_testing: Switch = Field(
        default=False,
        description="Endpoints for tests: read mail, move the clock, break things, start over. "
        "Mail is kept instead of sent. Only where the user pool listens on loopback alone.",
    )
    userpool_seed: str | None = Field(
        None,
        description="A YAML file of pools, clients and users that are made at start unless they are there.",
    )
    userpool_credentials: Credentials = Field(
        (),
        repr=False,
        description="`ACCESS_KEY_ID:SECRET_ACCESS_KEY`, comma-separated: with any, signatures of the user "
        "pool's API are verified. Any signature is accepted when unset.",
    )
    userpool_client_rate: float = Field(
        0,
        ge=0,
        description="Requests a second that each app client's name may come in: API calls, `/oauth2/authorize`, "
        "`/oauth2/token`, `/oauth2/revoke`, `/oauth2/userInfo`, and forms of the hosted pages. Whoever knows a name can "
        "use it up, as far as `userpool_address_rate` lets them. Each process counts for itself; 0 for any number.",
    )
    userpool_address_rate: float = Field(
        0,
        ge=0,
        description="As many of the same requests a second from each address. All who come through one reverse "
        "proxy have its address; 0 for any number.",
    )
    userpool_console: Switch = Field(
        default=True,
        description="Serve the console at `/console`. Where the user pool listens on loopback alone and "
        "has no `userpool_credentials`, it is open there; else it asks for the token that `ostiary userpool console-token` prints.",
    )
    userpool_mailbox_url: str | None = Field(
        None,
        description="Where the console's link to the mailbox leads; with `userpool_testing` it has its own.",
    )
    userpool_sms_domain: str = Field(
        "sms.localhost",
        description="Short messages are mailed to `<number>@<this>`, as gateways to SMS take them.",
    )
    smtp_host: str = Field(
        "localhost", description="Where the user pool hands its mail to."
    )
    smtp_port: int = Field(25, description="Port of the mail server.")
    smtp_starttls: Switch = Field(
        default=False, description="Ask the mail server for STARTTLS."
    )
    smtp_ssl: Switch = Field(
        default=False, description="Speak TLS to the mail server from the start."
    )
    smtp_username: str | None = Field(None, description="User at the mail server.")
    smtp_password: str | None = Field(
        None, repr=False, description="Password at the mail server."
    )
    smtp_sender: str = Field(
        "no-reply@verificationemail.com", description="Sender of the user pool's mail."
    )
