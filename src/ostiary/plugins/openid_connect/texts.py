"""What people read when sign-in refuses them: one heading and one explanation per reason."""

from __future__ import annotations

from typing import Final

_WHO: Final = "Whoever runs this service needs to look at this."
_LOOPS = {
    "token_over": (
        "the access that the identity provider gave had already ended. "
        "Its tokens may live too short, or its clock may differ from ours."
    ),
    "refresh_refused": "the identity provider did not renew the access that it had just given.",
    "timed_out": "each session had run out of time at once.",
    "not_stored": "none of the sessions was found in the store where sessions are kept.",
    "ended": "each session was ended at once: by a sign-out somewhere else, or by the provider.",
    "unreadable": (
        "the session could not be read again. Several servers may share this "
        "address without sharing their keys."
    ),
    "refused": "each session was refused at once.",
}

PAGES: Final[dict[str, tuple[str, str]]] = {
    **{
        f"loop_{cause}": (
            "The sign-in does not last",
            f"The sign-in succeeded several times, but {text} {_WHO}",
        )
        for cause, text in _LOOPS.items()
    },
    "unauthorized": (
        "Please sign in",
        "This page is for signed-in people only, and this request carried no valid sign-in.",
    ),
    "session_expired": (
        "Your session has ended",
        (
            "You were signed in, but not any more: the session ran out of time or was ended. "
            "What you just sent was not processed. Please sign in again."
        ),
    ),
    "forbidden": (
        "You may not open this page",
        (
            "You are signed in, but your account lacks something that this page asks for. "
            "Whoever runs this service can grant it."
        ),
    ),
    "foreign_page": (
        "You may not open this from another site",
        "A page of another site tried to open a connection in your name. Nothing was sent.",
    ),
    "login_failed": (
        "Sign-in failed",
        "The identity provider did not complete the sign-in. Nothing was changed; you can try again.",
    ),
    "login_expired": (
        "The sign-in took too long",
        "For your safety a started sign-in is valid for a short time only. Please start again.",
    ),
    "callback_mismatch": (
        "This sign-in does not belong here",
        (
            "The answer from the identity provider does not match a sign-in that this browser started, "
            "or it was used before. If you did not follow a link from somebody else, just sign in again."
        ),
    ),
    "loop_detected": (
        "This browser does not keep the sign-in",
        (
            "The sign-in succeeded several times, but the session cookie never came back. "
            "Cookies may be blocked for this site, or the page was opened over http instead of https."
        ),
    ),
    "provider_unreachable": (
        "The identity provider cannot be reached",
        (
            "Sign-in needs the identity provider, and it does not answer as it should. "
            "Please try again in a moment."
        ),
    ),
    "session_too_large": (
        "The sign-in does not fit into cookies",
        (
            "The identity provider issued tokens that are too large for a cookie session. "
            "Whoever runs this service needs to look at this."
        ),
    ),
    "store_unavailable": (
        "Sign-in is not available right now",
        "Your session cannot be checked at the moment. Please try again in a few seconds.",
    ),
}
