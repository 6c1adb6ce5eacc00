"""
The mails of a portal whose files do not say them: subjects, headings, and bodies in HTML. Pure.

The names of the files are Kong's. `{{email.doubt}}` and `{{email.review}}` are ours.

Spec: portal §1.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

ContractEvent = Literal[
    "application-service-requested", "application-service-pending", "application-service-approved",
    "application-service-rejected", "application-service-revoked",
]  # fmt: skip
AccountEvent = Literal[
    "invite", "request-access", "approved-access", "developer-rejected", "developer-revoked",
    "account-verification", "account-verification-approved", "account-verification-pending",
    "password-reset", "password-reset-success", "address-change", "address-changed",
]  # fmt: skip
Event = AccountEvent | ContractEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """
    A mail before its values are filled in.

    `layout` is what stands around the body, with `{*page.body*}` in it; None is our own.
    """

    subject: str
    body: str
    heading: str = ""
    layout: str | None = None


_APPLICATION: Final = '<p><a href="{{portal.url}}/applications/view?id={{email.application_id}}">{{email.application_name}}</a></p>'
_SIGN_IN: Final = '<p><a href="{{portal.url}}/login">Sign in</a></p>'
_NOT_YOU: Final = (
    "<p>It was not you? Then say so here, and the registration is deleted:"
    ' <a href="{{email.invalidate_url}}">This was not me</a></p>'
)
TEXTS: Final[Mapping[Event, Template]] = {
    "invite": Template(
        subject="You are invited to {{portal.name}}",
        heading="You are invited",
        body="<p>You are invited to register at {{portal.name}}:</p>"
        '<p><a href="{{portal.url}}/register">Register</a></p>',
    ),
    "request-access": Template(
        subject="{{email.developer_email}} asks for access to {{portal.name}}",
        heading="Somebody asks for access",
        body="<p>{{email.developer_name}} ({{email.developer_email}}) has registered at {{portal.name}} and waits for "
        "approval.</p><p>{{email.doubt}}</p><p>{{email.review}}</p>",
    ),
    "approved-access": Template(
        subject="Welcome to {{portal.name}}",
        heading="Welcome",
        body="<p>Hello {{email.developer_name}},</p><p>your registration at {{portal.name}} was approved.</p>"
        + _SIGN_IN,
    ),
    "developer-rejected": Template(
        subject="Your registration at {{portal.name}}",
        heading="Your registration was not approved",
        body="<p>Hello {{email.developer_name}},</p><p>your registration at {{portal.name}} was not approved. Whoever "
        "runs the portal can tell you more.</p>",
    ),
    "developer-revoked": Template(
        subject="Your access to {{portal.name}}",
        heading="Your access was withdrawn",
        body="<p>Hello {{email.developer_name}},</p><p>your access to {{portal.name}} was withdrawn. Whoever runs the "
        "portal can tell you more.</p>",
    ),
    "account-verification": Template(
        subject="Please verify your address for {{portal.name}}",
        heading="Verify your address",
        body="<p>Hello {{email.developer_name}},</p><p>somebody has registered at {{portal.name}} with this address. "
        'Verify that it is yours:</p><p><a href="{{email.verify_url}}">Verify my address</a></p>'
        + _NOT_YOU,
    ),
    "account-verification-approved": Template(
        subject="Welcome to {{portal.name}}",
        heading="Your address is verified",
        body="<p>Hello {{email.developer_name}},</p><p>your address is verified, and your account at {{portal.name}} is "
        "ready.</p>" + _SIGN_IN,
    ),
    "account-verification-pending": Template(
        subject="Your registration at {{portal.name}}",
        heading="Your address is verified",
        body="<p>Hello {{email.developer_name}},</p><p>your address is verified. Somebody who runs {{portal.name}} has "
        "to approve your registration; another mail will follow.</p>",
    ),
    "password-reset": Template(
        subject="Reset your password for {{portal.name}}",
        heading="Reset your password",
        body="<p>Hello {{email.developer_name}},</p><p>somebody asked for a new password for your account at "
        "{{portal.name}}. Choose one within {{email.token_exp}}:</p>"
        '<p><a href="{{email.reset_url}}">Choose a new password</a></p>'
        "<p>It was not you? Then there is nothing to do: your password stays as it is.</p>",
    ),
    "password-reset-success": Template(
        subject="Your password for {{portal.name}} was changed",
        heading="Your password was changed",
        body="<p>Hello {{email.developer_name}},</p><p>the password of your account at {{portal.name}} was changed. If "
        "that was not you, tell whoever runs the portal.</p>" + _SIGN_IN,
    ),
    "address-change": Template(
        subject="Please verify your new address for {{portal.name}}",
        heading="Verify your new address",
        body="<p>Hello {{email.developer_name}},</p><p>this shall be the address of your account at {{portal.name}}. "
        'Verify that it is yours:</p><p><a href="{{email.verify_url}}">Verify my address</a></p>'
        "<p>It was not you? Then there is nothing to do: without that, nothing is changed.</p>",
    ),
    "address-changed": Template(
        subject="Your address for {{portal.name}} was changed",
        heading="Your address was changed",
        body="<p>Hello {{email.developer_name}},</p><p>your account at {{portal.name}} has another address now, and this "
        "one is not used any more. If that was not you, tell whoever runs the portal.</p>",
    ),
    "application-service-requested": Template(
        subject="{{email.application_name}} asks for a service in {{email.workspace}}",
        heading="An application asks for a service",
        body="<p>The application {{email.application_name}} of {{email.developer_name}} ({{email.developer_email}}) asks "
        "for access to a service of the workspace {{email.workspace}}.</p><p>{{email.review}}</p>",
    ),
    "application-service-pending": Template(
        subject="{{email.application_name}}: your request waits for approval",
        heading="Your request waits for approval",
        body="<p>Hello {{email.developer_name}},</p><p>your application {{email.application_name}} has asked for access to "
        "a service. Another mail will follow when that is decided.</p>" + _APPLICATION,
    ),
    "application-service-approved": Template(
        subject="{{email.application_name}}: access is granted",
        heading="Access is granted",
        body="<p>Hello {{email.developer_name}},</p><p>your application {{email.application_name}} may call the service "
        "that it asked for.</p>" + _APPLICATION,
    ),
    "application-service-rejected": Template(
        subject="{{email.application_name}}: access is not granted",
        heading="Access is not granted",
        body="<p>Hello {{email.developer_name}},</p><p>the request of your application {{email.application_name}} for a "
        "service was rejected. Whoever runs the portal can tell you more.</p>" + _APPLICATION,
    ),
    "application-service-revoked": Template(
        subject="{{email.application_name}}: access has ended",
        heading="Access has ended",
        body="<p>Hello {{email.developer_name}},</p><p>your application {{email.application_name}} may no longer call a "
        "service that it had access to. Whoever runs the portal can tell you more.</p>" + _APPLICATION,
    ),
}  # fmt: skip

LAYOUT: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{page.heading}}</title></head><body>'
    '<main style="max-width:36em;margin:0 auto;padding:1.5em;font-family:sans-serif;line-height:1.5">'
    '<h1 style="font-size:1.3em">{{page.heading}}</h1>{*page.body*}'
    '<p style="color:#666;font-size:.85em">{{portal.name}}: {{portal.url}}</p></main></body></html>'
)
