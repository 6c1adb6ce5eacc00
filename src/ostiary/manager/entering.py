"""
Admins sign in at their provider: out by a button, back by its answer.

Everything that can go wrong has a page of its own with what to do about it, and no page leads on
by itself to the provider: nobody goes in circles.

Spec: portal §2.7, §2.4 (outcomes); decisions D5, 0047.
"""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import quote, unquote

from starlette.responses import Response

from ostiary.http.head import Fields
from ostiary.manager.config import Person, ProviderDoor
from ostiary.manager.gate import read_address
from ostiary.manager.reception import Arrived, Reception
from ostiary.manager.signing_in import (
    HOME,
    read_next,
    show_onward,
    tell_audit,
    tell_failure,
)
from ostiary.manager.visit import Refused as AdminRefused
from ostiary.manager.visit import Visit
from ostiary.model.workspaces import DEFAULT_WORKSPACE
from ostiary.ports.admin_client import Operator
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.signin.values import Allowed, Refused, SendAway, Step
from ostiary.web.cookies import delete_cookie, read_cookie, set_cookie
from ostiary.web.replies import redirect

_LOG: Final = logging.getLogger(__name__)
# Where somebody wanted to go; Lax, since they come back from another site.
_NEXT: Final = "ostiary-manager-next"
_NEXT_S: Final = 900
_SIGN_IN: Final = "/auth/sign-in"
# What the Admin API does not take of an arrival.
_NOT_TAKEN: Final = {400: "no_name", 503: "store_away"}
# (status, title, text, what to do)
_PAGES: Final = {
    "claim_missing": (
        403,
        "Your provider did not say who you are",
        "It knows you, but what it told the Manager has no claim {claim}, by which admins are known here.",
        "Whoever runs the gateway can see to that: the client at the provider must be given this claim, and the scopes in admin_gui_auth_conf must ask for it.",
    ),
    "unverified": (
        403,
        "Your e-mail address is not verified",
        "Admins are known by an address here, and your provider does not say that it has verified yours.",
        "Verify it at the provider, then sign in again.",
    ),
    "unknown": (
        403,
        "You are no admin here",
        "Your provider knows you, but nobody has invited you.",
        "Ask whoever runs the gateway to invite you under Admins, with the address or name that your provider knows you by.",
    ),
    "refused": (
        403,
        "You may not sign in",
        "Your access as an admin was taken back.",
        "Ask whoever runs the gateway.",
    ),
    "no_roles": (
        403,
        "You have no role here",
        "Your provider knows you, but none of your groups is a role of this gateway, so that there is nothing you may see.",
        "Ask whoever runs the gateway: groups are called <workspace>:<role>, as default:read-only, or are listed under Groups with their roles.",
    ),
    "taken": (
        403,
        "Somebody else has your name",
        "You are no admin yet, and an RBAC user or another admin is called as you would be.",
        "Ask whoever runs the gateway to invite you under another name.",
    ),
    "no_name": (
        403,
        "Your name cannot be a name here",
        "Admins are known by the claim {claim} here, and what your provider says there has commas, control characters or too many letters.",
        "Ask whoever runs the gateway to choose another claim (admin_claim), such as sub or email.",
    ),
    "store_away": (
        503,
        "The database cannot be reached",
        "The gateway could not look up who you are, so nobody can sign in now.",
        "Try again in a moment. What went wrong is in the gateway's error log.",
    ),
    "provider_unreachable": (
        502,
        "Your provider cannot be reached",
        "The Manager could not talk to it, so nobody can sign in there now.",
        "Try again in a moment. What went wrong is in the gateway's error log.",
    ),
    "login_expired": (
        400,
        "That took too long",
        "A sign-in has to be finished within some minutes.",
        "Sign in again.",
    ),
    "callback_mismatch": (
        400,
        "This sign-in is not this browser's",
        "It was begun in another browser or finished before, or the browser did not keep the cookie of it.",
        "Sign in again from here. If that does not help, see that the Manager is opened at {home}.",
    ),
    "login_failed": (
        400,
        "The provider did not sign you in",
        "You may have cancelled, or it does not let you use the Manager. What it said is in the gateway's error log.",
        "Sign in again, or ask whoever runs the gateway.",
    ),
}  # fmt: skip


def _show_problem(visit: Visit, code: str, fields: Fields = ()) -> Response:
    """The page of what went wrong, with a button that begins anew."""
    known = code if code in _PAGES else "login_failed"
    status, title, text, advice = _PAGES[known]
    reception = visit.gate.reception
    assert reception is not None
    said = {
        "claim": ".".join(reception.provider.claim),
        "home": reception.provider.home,
    }
    response = visit.show(
        "manager-not-signed-in.html",
        status=status,
        title=title,
        text=text.replace("{claim}", said["claim"]),
        advice=advice.replace("{home}", said["home"]),
        again=_SIGN_IN,
    )
    if status == 503:
        response.headers["Retry-After"] = "1"
    return _with_cookies(response, fields)


def _with_cookies(response: Response, fields: Fields) -> Response:
    cookies = [(n, v) for n, v in fields if n.lower() == b"set-cookie"]
    response.raw_headers.extend((b"set-cookie", value) for _, value in cookies)
    return response


async def get_provider(visit: Visit) -> Response:
    """Send somebody to their provider."""
    reception = visit.gate.reception
    wanted = read_next(visit.query("next"))
    if reception is None or visit.person is not None:
        return redirect(wanted if reception is not None else HOME)
    if not reception.is_home(visit.request) or not visit.gate.may_sign_in(
        visit.request
    ):
        # Cookies of this name would not be there when the provider sends them back.
        return visit.show(
            "manager-elsewhere.html",
            url=f"{reception.provider.home}{_SIGN_IN}?next={quote(wanted, safe='/')}",
            home=reception.provider.home,
        )
    step = await reception.begin(visit.request, _SIGN_IN)
    if not isinstance(step, SendAway):
        return _refuse(visit, step)
    response = _with_cookies(redirect(step.location), step.fields)
    set_cookie(
        response,
        _NEXT,
        quote(wanted, safe=""),
        path="/",
        max_age_s=_NEXT_S,
        secure=visit.is_encrypted,
    )
    return response


def _refuse(visit: Visit, step: Step) -> Response:
    if isinstance(step, Refused):
        code = step.code
        if step.status >= 500:
            code = "provider_unreachable"
        _LOG.warning("the Manager: a sign-in failed: %s", step.code)
        return _show_problem(visit, code, step.fields)
    return _show_problem(visit, "login_failed", getattr(step, "fields", ()))


async def get_answer(visit: Visit) -> Response:
    """Take somebody back whom their provider sends, and let them in if they are an admin."""
    reception = visit.gate.reception
    if reception is None or not visit.gate.is_answer(visit.request):
        return redirect(_SIGN_IN)
    step = await reception.finish(visit.request)
    if not isinstance(step, Allowed):
        if visit.person is not None:
            # The back button, after a sign-in: nothing of it is wrong, and nothing is left to do.
            return _with_cookies(redirect(HOME), getattr(step, "fields", ()))
        return _refuse(visit, step)
    arrived = reception.read(step)
    if not isinstance(arrived, Arrived):
        _LOG.warning("the Manager: a sign-in failed: %s", arrived)
        await tell_failure(visit)
        return _show_problem(visit, arrived, step.downstream_fields)
    try:
        found = await _arrive(visit, reception, arrived)
    except StoreUnavailable:
        found = "store_away"
    if isinstance(found, str):
        _LOG.warning("the Manager: somebody whom the provider knows is refused: %s", found)  # fmt: skip
        if found != "store_away":
            await tell_failure(visit)
        return _show_problem(visit, found, step.downstream_fields)
    wanted = read_next(_read_wanted(visit))
    response = show_onward(visit, wanted, f"Welcome, {found.name}")
    await visit.gate.remember(
        visit.request, response, found, reception.keep_hint(arrived.id_token)
    )
    delete_cookie(response, _NEXT, path="/", secure=visit.is_encrypted)
    await tell_audit(visit, found, "GET")
    _LOG.info("the Manager: %s signed in at the provider", found.id)
    return _with_cookies(response, step.downstream_fields)


def _read_wanted(visit: Visit) -> str:
    return unquote(read_cookie(visit.request, _NEXT) or "")


async def _arrive(visit: Visit, reception: Reception, arrived: Arrived) -> Person | str:
    """The admin that somebody is, with the roles that they have now; else why not."""
    provider = reception.provider
    operator = Operator(
        site="kong-manager", client_ip=read_address(visit.request) or "127.0.0.1"
    )
    body = {
        "known_by": "email" if provider.is_by_email else "username",
        "value": arrived.value,
        "email": arrived.email,
        "groups": arrived.groups,
        "may_create": provider.auto_create,
        "rbac_token_enabled": provider.rbac_token_enabled,
    }
    reply = await visit.config.admin.call(
        operator, "POST", "/admins/arrivals", body=body
    )
    if reply.status in _NOT_TAKEN:
        return _NOT_TAKEN[reply.status]
    if not reply.is_good:
        raise AdminRefused(reply)
    outcome: str = reply.value["outcome"]
    if outcome != "admitted":
        return outcome
    door = visit.config.door
    assert isinstance(door, ProviderDoor)
    person = await door.people.load(DEFAULT_WORKSPACE, reply.value["user"])
    return person or "refused"
