"""
CUSTOM_AUTH: three triggers decide what is asked, ask it, and judge the answer.

The history of what was asked travels in the sealed session.

Spec: cognito §3.7, §3.13.
"""

from __future__ import annotations

from typing import Any, Final

from ostiary.model.pool import User
from ostiary.userpool import messages
from ostiary.userpool.auth import steps
from ostiary.userpool.auth.outcome import Challenge, Outcome, Request
from ostiary.userpool.auth.password_verifier import NAME as PASSWORD_VERIFIER
from ostiary.userpool.auth.password_verifier import ask_verifier
from ostiary.userpool.auth.sessions import State, issue_session
from ostiary.userpool.identifiers import hash_token
from ostiary.userpool.lookup import find_user
from ostiary.userpool.nobody import invent_user, invent_username
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.triggers import (
    Json,
    Occasion,
    has_trigger,
    run_trigger,
    user_attributes,
)

CUSTOM: Final = "CUSTOM_CHALLENGE"
FLOW: Final = "CUSTOM_AUTH"
SRP_START: Final = "SRP_A"
_DEFINE: Final = "DefineAuthChallenge"
_CREATE: Final = "CreateAuthChallenge"
_VERIFY: Final = "VerifyAuthChallengeResponse"
_NEEDED: Final = (_DEFINE, _CREATE, _VERIFY)
History = list[dict[str, Any]]  # Any: JSON


def _wrong() -> AccountError:
    return AccountError("NotAuthorizedException", messages.SIGN_IN_WRONG)


def _occasion(
    request: Request, trigger: str, user: User | None, name: str, asked: Json
) -> Occasion:
    return Occasion(
        pool=request.pool,
        source=f"{trigger}_Authentication",
        username=user.username if user else name,
        client_id=request.client.id,
        attributes=user_attributes(user) if user else {},
        request={
            **asked,
            "userNotFound": user is None,
            "clientMetadata": dict(request.metadata) or None,
        },
    )


async def _ask_trigger(
    request: Request, trigger: str, user: User | None, name: str, asked: Json
) -> Json:
    answer = await run_trigger(
        request.services, trigger, _occasion(request, trigger, user, name, asked)
    )
    if answer is None:
        raise AccountError("InvalidParameterException", messages.CUSTOM_UNCONFIGURED)
    return answer


async def begin(request: Request, name: str) -> Outcome:
    """
    The first question, or the password's where the caller begins with SRP.

    Raises:
        AccountError: A trigger is missing, refused, failed, or wants nobody in.
    """
    if not all(has_trigger(request.pool, trigger) for trigger in _NEEDED):
        raise AccountError("InvalidParameterException", messages.CUSTOM_UNCONFIGURED)
    user = await find_user(request.services, request.pool, name)
    if user is None and not request.hides_existence:
        raise AccountError("UserNotFoundException", messages.USER_MISSING)
    history: History = []
    if request.parameters.get("CHALLENGE_NAME") == SRP_START:
        history.append(
            {
                "challengeName": SRP_START,
                "challengeResult": True,
                "challengeMetadata": None,
            }
        )
    return await _decide(request, user, name, history)


async def _decide(
    request: Request, user: User | None, name: str, history: History
) -> Outcome:
    """What DefineAuthChallenge wants next."""
    answer = await _ask_trigger(request, _DEFINE, user, name, {"session": history})
    if answer.get("failAuthentication"):
        raise _wrong()
    if answer.get("issueTokens"):
        if user is None:
            raise _wrong()
        return await steps.go_on(request, user)
    wanted = answer.get("challengeName")
    if wanted == PASSWORD_VERIFIER and request.parameters.get("SRP_A"):
        asked = await ask_verifier(
            request, name, request.parameters["SRP_A"], flow=FLOW
        )
        block = hash_token(asked.parameters["SECRET_BLOCK"])
        data = {"history": history, "name": name, "block": block}
        who = user or invent_user(request.services, request.pool, name)
        session = issue_session(request, who, PASSWORD_VERIFIER, data)
        return Challenge(name=asked.name, parameters=asked.parameters, session=session)
    if wanted != CUSTOM:
        raise _wrong()
    return await _ask(request, user, name, history)


async def _ask(
    request: Request, user: User | None, name: str, history: History
) -> Challenge:
    made = await _ask_trigger(
        request, _CREATE, user, name, {"challengeName": CUSTOM, "session": history}
    )
    public = made.get("publicChallengeParameters")
    username = (
        user.username if user else invent_username(request.services, request.pool, name)
    )
    shown = {
        str(k): str(v) for k, v in (public if isinstance(public, dict) else {}).items()
    }
    data = {
        "history": history,
        "name": name,
        "private": made.get("privateChallengeParameters") or {},
        "metadata": made.get("challengeMetadata"),
    }
    return Challenge(
        name=CUSTOM,
        parameters={**shown, "USERNAME": username},
        session=issue_session(
            request,
            user or invent_user(request.services, request.pool, name),
            CUSTOM,
            data,
        ),
    )


async def take_answer(request: Request, user: User | None, state: State) -> Outcome:
    """
    Let the trigger judge an answer, and go on as DefineAuthChallenge wants.

    Raises:
        AccountError: As `begin`.
    """
    answer = request.parameters.get("ANSWER")
    if answer is None:
        text = messages.PARAMETER_MISSING.format("ANSWER")
        raise AccountError("InvalidParameterException", text)
    name = str(state.data["name"])
    judged = await _ask_trigger(
        request,
        _VERIFY,
        user,
        name,
        {
            "privateChallengeParameters": state.data["private"],
            "challengeAnswer": answer,
        },
    )
    return await _record(
        request,
        user,
        state,
        CUSTOM,
        right=judged.get("answerCorrect") is True and user is not None,
        metadata=state.data["metadata"],
    )


async def take_password(
    request: Request, user: User | None, state: State, *, right: bool
) -> Outcome:
    """Go on after the password's question, as DefineAuthChallenge wants."""
    return await _record(
        request, user, state, PASSWORD_VERIFIER, right=right, metadata=None
    )


async def _record(
    request: Request,
    user: User | None,
    state: State,
    challenge: str,
    *,
    right: bool,
    metadata: object,
) -> Outcome:
    entry = {
        "challengeName": challenge,
        "challengeResult": right,
        "challengeMetadata": metadata,
    }
    history = [*state.data["history"], entry]
    return await _decide(request, user, str(state.data["name"]), history)
