"""
Why somebody may not go on, in words: one page for every standing. Pure.

Spec: portal §§2.4, 5.2 (honest pending and forbidden pages), 6.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ostiary.portal.config import Portal
from ostiary.portal.people import Standing, Visitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A page: its status and words, and the one thing to do next."""

    status: int
    title: str
    text: str
    action_url: str | None = None
    action_label: str | None = None


_WORDS: Final[Mapping[Standing, tuple[int, str, str]]] = {
    "approved": (
        403,
        "You may not open this page",
        "You are signed in, but this page is for developers with another role. Whoever runs this portal can give it to you.",
    ),
    "pending": (
        403,
        "Your registration waits for approval",
        "You are signed in and registered as {who}. Somebody who runs this portal has to approve you first; then reload this page.",
    ),
    "rejected": (
        403,
        "You cannot use this portal",
        "The registration of {who} was not approved. Whoever runs this portal can tell you more.",
    ),
    "revoked": (
        403,
        "You cannot use this portal any more",
        "The access of {who} was withdrawn. Whoever runs this portal can tell you more.",
    ),
    "unverified": (
        403,
        "Your address is not verified yet",
        "Open the link in the mail that was sent to {who}.",
    ),
    "unknown": (
        403,
        "You are not registered here yet",
        "The identity provider knows you as {who}, but nobody has registered here with that. One form is left.",
    ),
    "no_claim": (
        403,
        "The identity provider does not say who you are",
        "This portal looks for the claim {claim}, and your sign-in has none. Whoever runs this portal must ask for a scope that holds it.",
    ),
    "address_not_verified": (
        403,
        "The identity provider has not verified your address",
        "This portal knows developers by their e-mail address, and the provider does not say that yours was verified (claim email_verified). Verify it there and sign in again.",
    ),
    "signed_out": (
        401,
        "Please sign in",
        "This page is for developers who are signed in.",
    ),
}


# Where people sign in here: whoever reads this has given the right password, and no session began.
_OWN_WORDS: Final[Mapping[Standing, tuple[int, str, str]]] = {
    "pending": (
        403,
        "Your registration waits for approval",
        "You are registered as {who}. Somebody who runs this portal has to approve you first; you get a mail then.",
    ),
    "unverified": (
        403,
        "Your address is not verified yet",
        "Open the link in the mail that was sent to {who}, or let us send it again.",
    ),
}


def explain(visitor: Visitor, portal: Portal, *, base: str) -> Told:
    """What to tell a visitor who may not go on. `base` is the path of the portal's pages."""
    words = _WORDS[visitor.standing]
    if portal.own is not None:
        words = _OWN_WORDS.get(visitor.standing, words)
    status, title, text = words
    who = visitor.developer.email if visitor.developer else None
    if who is None and visitor.signed_in is not None:
        who = visitor.signed_in.value
    # Not `format`: a name may hold braces.
    text = text.replace("{claim}", ".".join(portal.claim)).replace("{who}", who or "?")
    url, label = base, "To the portal's home"
    match visitor.standing:
        case "unknown":
            url, label = f"{base}/register", "Register"
        case "signed_out" if portal.has_sign_in:
            url, label = f"{base}/login", "Sign in"
        case "unverified":
            url, label = f"{base}/account/resend-verification", "Send the mail again"
        case "no_claim" | "address_not_verified":
            url, label = f"{base}/logout", "Sign out"
    return Told(
        status=status, title=title, text=text, action_url=url, action_label=label
    )
