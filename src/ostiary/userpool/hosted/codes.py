"""The pages that ask for a code, and for which kind of code it shall be."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from ostiary.model.pool import User
from ostiary.userpool import messages
from ostiary.userpool.auth import factors
from ostiary.userpool.auth.flows import respond
from ostiary.userpool.auth.outcome import Challenge
from ostiary.userpool.auth.sessions import reissue_session, spend
from ostiary.userpool.decoy import write_in_vain
from ostiary.userpool.hosted.engine import build_request
from ostiary.userpool.hosted.proceeding import (
    CHOOSE,
    CODE,
    begin_again,
    load_step,
    proceed,
)
from ostiary.userpool.hosted.step import Step, keep_step
from ostiary.userpool.hosted.visit import Visit
from ostiary.userpool.refusal import AccountError
from ostiary.web.replies import redirect

_MOST_SENT: Final = 5
_TYPED_WRONG: Final = frozenset({"CodeMismatchException", "ExpiredCodeException"})
_DIGITS: Final = {factors.SMS: 6, factors.TOTP: 6}


def _show(visit: Visit, step: Step, *, error: str = "", notice: str = "") -> Response:
    asked = step.state.asked
    shown = step.state.data.get("shown") or {}
    can_choose = step.user is not None and len(factors.find_factors(step.user)) > 1
    return visit.show(
        "code.html",
        action=visit.url(CODE),
        step=step.mark,
        kind="app" if asked == factors.TOTP else "sent",
        medium=shown.get("CODE_DELIVERY_DELIVERY_MEDIUM", ""),
        destination=shown.get("CODE_DELIVERY_DESTINATION", ""),
        digits=_DIGITS.get(asked, 8),
        resend_action=visit.url("/mfa/resend") if asked in factors.CODED else None,
        other_action=visit.url("/mfa/other")
        if can_choose and not step.state.data.get("first")
        else None,
        start_over_action=visit.url("/startOver"),
        error=error,
        notice=notice,
    )


async def get_code(visit: Visit) -> Response:
    """Ask for the code."""
    step = await load_step(visit, CODE)
    if isinstance(step, Response):
        return step
    notice = messages.CODE_SENT if step.state.data.get("sends") else ""
    return _show(visit, step, notice=notice)


async def post_code(visit: Visit) -> Response:
    """Judge the code; the engine counts the wrong ones."""
    step = await load_step(visit, CODE)
    if isinstance(step, Response):
        return step
    asked, code = step.state.asked, visit.form.get("code", "").strip()
    if not code:
        return _show(visit, step, error=messages.CODE_WRONG)
    given = {"USERNAME": step.username, factors.ANSWER_OF[asked]: code}
    try:
        outcome = await respond(build_request(visit, given), asked, step.session)
    except AccountError as error:
        if error.code not in _TYPED_WRONG:
            return begin_again(visit, error)
        used = error.message == messages.TOTP_USED
        text = messages.APP_CODE_USED if used else messages.CODE_WRONG
        return _show(visit, step, error=text)
    return await proceed(visit, outcome)


async def post_resend(visit: Visit) -> Response:
    """Send another code in place of the last one; a few times at most."""
    step = await load_step(visit, CODE)
    if isinstance(step, Response):
        return step
    sends = int(step.state.data.get("sends") or 0) + 1
    if sends >= _MOST_SENT or step.state.asked not in factors.CODED:
        return _show(visit, step, error=messages.TRIES_EXCEEDED)
    try:
        session = await _send_again(visit, step, sends)
    except AccountError as error:
        return begin_again(visit, error)
    response = redirect(visit.url(CODE))
    keep_step(visit, response, session)
    return response


async def _send_again(visit: Visit, step: Step, sends: int) -> str:
    state, data = step.state, {"sends": sends}
    await spend(visit.services, state)
    if step.user is None:  # a stranger's code was never sent, and looks no different
        await write_in_vain(visit.services, state.pool_id, state.username)
        return reissue_session(visit.services, state, data)
    is_first = bool(state.data.get("first"))
    try:
        asked = await factors.ask_factor(
            build_request(visit, {}),
            step.user,
            state.asked,
            device_key=state.data.get("device_key"),
            first=is_first,
            more=data,
        )
    except AccountError:
        if not (is_first and visit.hides_existence):
            raise
        return reissue_session(visit.services, state, data)
    return asked.session or ""


def _describe(name: str, user: User) -> dict[str, str]:
    sent = factors.find_destination(user, name) if name in factors.CODED else None
    return {
        "value": name,
        "kind": {factors.SMS: "sms", factors.EMAIL: "email"}.get(name, "app"),
        "destination": sent.masked if sent else "",
    }


async def get_choice(visit: Visit) -> Response:
    """Ask which factor it shall be."""
    step = await load_step(visit, CHOOSE)
    if isinstance(step, Response):
        return step
    return _show_choice(visit, step)


def _show_choice(visit: Visit, step: Step, *, error: str = "") -> Response:
    user = step.user
    ways = [_describe(n, user) for n in factors.find_factors(user)] if user else []
    return visit.show(
        "choose.html",
        action=visit.url(CHOOSE),
        step=step.mark,
        ways=ways,
        start_over_action=visit.url("/startOver"),
        error=error,
    )


async def post_choice(visit: Visit) -> Response:
    """Ask for the chosen factor."""
    step = await load_step(visit, CHOOSE)
    if isinstance(step, Response):
        return step
    given = {"USERNAME": step.username, "ANSWER": visit.form.get("factor", "")}
    request = build_request(visit, given)
    if not given["ANSWER"]:
        return _show_choice(visit, step, error=messages.WAY_MISSING)
    try:
        outcome = await respond(request, step.state.asked, step.session)
    except AccountError as error:
        if error.code == "MFAMethodNotFoundException":
            return _show_choice(visit, step, error=messages.WAY_MISSING)
        return begin_again(visit, error)
    return await proceed(visit, outcome)


async def post_other(visit: Visit) -> Response:
    """Go from one factor's page back to the choice among all."""
    step = await load_step(visit, CODE)
    if isinstance(step, Response):
        return step
    user = step.user
    names = factors.find_factors(user) if user else ()
    if user is None or len(names) < 2 or step.state.data.get("first"):
        return redirect(visit.url(CODE))
    try:
        await spend(visit.services, step.state)
    except AccountError as error:
        return begin_again(visit, error)
    key = step.state.data.get("device_key")
    asked: Challenge = factors.ask_choice(build_request(visit, {}), user, names, key)
    return await proceed(visit, asked)
