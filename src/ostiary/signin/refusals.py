"""Every refusal that sign-in can give, built in one place so that words and codes stay the same."""

from __future__ import annotations

from ostiary.http.head import Fields
from ostiary.signin.party import Client, Party
from ostiary.signin.values import Refused, SendAway

NO_STORE = (b"Cache-Control", b"no-store")

# What made people sign in again and again, by the word for it.
LOOPS = {
    "token_over": "The identity provider hands out access tokens that have ended already",
    "refresh_refused": "The identity provider does not renew the access that it just gave",
    "timed_out": "Every new session has run out of time at once",
    "not_stored": "No new session is found where sessions are stored",
    "ended": "Every new session is ended at once",
    "unreadable": "No new session can be read: it was made with another key",
    "refused": "Every new session is refused at once",
}


def unauthorized(
    party: Party,
    client: Client | None,
    *,
    detail: str,
    error: str | None = None,
    login_url: str | None = None,
    fields: Fields = (),
) -> Refused | SendAway:
    """401, or the configured redirect."""
    if client is not None and client.unauthorized_redirect_uri:
        return SendAway(
            status=302,
            location=client.unauthorized_redirect_uri,
            why="unauthorized",
            fields=(*fields, NO_STORE),
        )
    message = party.config.unauthorized_error_message or "Unauthorized"
    if party.config.display_errors:
        message = f"{message} ({detail})"
    return Refused(
        status=401,
        code="unauthorized",
        message=message,
        detail=detail,
        error=error if party.config.expose_error_code else None,
        challenge=True,
        login_url=login_url,
        fields=(*fields, NO_STORE),
    )


def forbidden(
    party: Party,
    client: Client | None,
    *,
    detail: str,
    error: str | None,
    fields: Fields = (),
) -> Refused | SendAway:
    """403, or the configured redirect."""
    if client is not None and client.forbidden_redirect_uri:
        return SendAway(
            status=302,
            location=client.forbidden_redirect_uri,
            why="forbidden",
            fields=(*fields, NO_STORE),
        )
    message = party.config.forbidden_error_message or "Forbidden"
    if party.config.display_errors:
        message = f"{message} ({detail})"
    return Refused(
        status=403,
        code="forbidden",
        message=message,
        detail=detail,
        error=error if party.config.expose_error_code else None,
        challenge=error is not None,
        fields=(*fields, NO_STORE),
    )


def unexpected(
    party: Party, client: Client | None, *, code: str, detail: str, fields: Fields = ()
) -> Refused | SendAway:
    """500, or the configured redirect: the provider cannot be reached, or we are at fault."""
    if client is not None and client.unexpected_redirect_uri:
        return SendAway(
            status=302,
            location=client.unexpected_redirect_uri,
            why=code,
            fields=(*fields, NO_STORE),
        )
    message = "An unexpected error occurred"
    if party.config.display_errors:
        message = f"{message} ({detail})"
    return Refused(
        status=500,
        code=code,
        message=message,
        detail=detail,
        fields=(*fields, NO_STORE),
    )


def store_down(detail: str) -> Refused:
    """503: a session cannot be judged now, which is never read as "no session" (decision D6)."""
    return Refused(
        status=503,
        code="store_unavailable",
        message="Sign-in is not available at the moment",
        detail=detail,
        retry_after_s=5,
        fields=(NO_STORE,),
    )


def bad_logout_token(detail: str) -> Refused:
    """400: a logout token that orders nothing (Back-Channel Logout 1.0 §2.8)."""
    return Refused(
        status=400,
        code="invalid_logout_token",
        message="invalid_request",
        detail=detail,
        fields=(NO_STORE,),
    )


def bad_callback(
    code: str, detail: str, *, login_url: str | None, fields: Fields = ()
) -> Refused:
    """400: an answer that belongs to no sign-in of this browser. Never an automatic restart (D5)."""
    messages = {
        "callback_mismatch": "This sign-in does not belong to this browser, or was finished before",
        "login_expired": "The sign-in took too long",
        "login_failed": "The sign-in could not be completed",
    }
    return Refused(
        status=400,
        code=code,
        message=messages.get(code, messages["login_failed"]),
        detail=detail,
        login_url=login_url,
        fields=(*fields, NO_STORE),
    )


def loop(
    cause: str | None, detail: str, *, login_url: str | None, fields: Fields
) -> Refused:
    """400: signing in leads to signing in. Without a cause the browser kept no session."""
    told = LOOPS.get(cause or "")
    message = told or "This browser does not keep the session cookie"
    return Refused(
        status=400,
        code=f"loop_{cause}" if told else "loop_detected",
        message=message,
        detail=f"{detail}: {told}" if told else f"{detail} left no session cookie",
        login_url=login_url,
        fields=(*fields, NO_STORE),
    )
