"""
Where a person goes after signing out.

Cognito has two forms: back to a registered sign-out URL, or to the sign-in page for a
registered callback. Outside strict mode, OpenID Connect's own parameters work too, and a
sign-out URL that lost its scheme is completed; both only reach registered URLs.

Spec: OpenID Connect RP-Initiated Logout 1.0 §2, §3.
"""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.oidc.op.authorize import build_redirect
from ostiary.oidc.op.client import Client
from ostiary.oidc.op.parameters import Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveTo:
    """Send the browser to a registered sign-out URL."""

    location: str
    completed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInAgain:
    """Send the browser to the sign-in page with the same parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutMistake:
    """Show an error page: there is nowhere safe to go."""

    message: str


def decide_logout(
    parameters: Parameters, client: Client | None, *, strict: bool
) -> LeaveTo | SignInAgain | LogoutMistake:
    """Classify a logout request. The session ends whichever way it goes."""
    if client is None:
        missing = parameters.get("client_id") is None
        return LogoutMistake(
            message="Required String parameter 'client_id' is not present"
            if missing
            else "Client does not exist."
        )
    wanted = (
        None if "logout_uri" in parameters.repeated else parameters.get("logout_uri")
    )
    state = parameters.get("state")
    if wanted in client.logout_uris:
        return LeaveTo(location=wanted or "")
    if not strict:
        completed = f"https://{wanted}"
        if wanted is not None and completed in client.logout_uris:
            return LeaveTo(location=completed, completed=True)
        standard = parameters.get("post_logout_redirect_uri")
        if standard is not None and standard in client.logout_uris:
            with_state = build_redirect(standard, (("state", state),))
            return LeaveTo(location=with_state if state else standard)
    redirect_uri = parameters.get("redirect_uri")
    if redirect_uri is None:
        return LogoutMistake(
            message="Required String parameter 'redirect_uri' is not present"
        )
    if redirect_uri not in client.redirect_uris:
        return LogoutMistake(message="redirect_mismatch")
    return SignInAgain()
