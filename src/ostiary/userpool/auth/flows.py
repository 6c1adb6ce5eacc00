"""
The flows of InitiateAuth, and the answers of RespondToAuthChallenge: which room judges which.

Spec: cognito §3.5 (refusals), §3.6, §3.7.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from ostiary.model.pool import User, UserStatus
from ostiary.model.pool_settings import ClientSettings
from ostiary.userpool import messages, migration
from ostiary.userpool.auth import choice, custom, devices, factors, passkeys, steps
from ostiary.userpool.auth.completion import complete
from ostiary.userpool.auth.guesses import (
    count_guess,
    count_guess_of_nobody,
    forget_guesses,
)
from ostiary.userpool.auth.outcome import Outcome, Request
from ostiary.userpool.auth.password_verifier import NAME as PASSWORD_VERIFIER
from ostiary.userpool.auth.password_verifier import ask_verifier, check_answer
from ostiary.userpool.auth.refreshing import refresh
from ostiary.userpool.auth.secret_hash import check_secret_hash
from ostiary.userpool.auth.sessions import (
    State,
    check_unchanged,
    count_try,
    open_session,
    spend,
)
from ostiary.userpool.identifiers import hash_token
from ostiary.userpool.lookup import find_user
from ostiary.userpool.nobody import invent_user, invent_username, is_invented
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import client_secrets
from ostiary.userpool.signing_in import prove_password

Begin = Callable[[Request], Awaitable[Outcome]]
Judge = Callable[[Request, User, State], Awaitable[Outcome]]
_INVALID: Final = "InvalidParameterException"
_SRP: Final = "USER_SRP_AUTH"
_CHOICE: Final = "USER_AUTH"
_ALLOWED_BY: Final[Mapping[str, frozenset[str]]] = {
    "USER_PASSWORD_AUTH": frozenset({"ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"}),
    "ADMIN_USER_PASSWORD_AUTH": frozenset(
        {"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"}
    ),
    _SRP: frozenset({"ALLOW_USER_SRP_AUTH"}),
    "CUSTOM_AUTH": frozenset({"ALLOW_CUSTOM_AUTH", "CUSTOM_AUTH_FLOW_ONLY"}),
    "REFRESH_TOKEN_AUTH": frozenset({"ALLOW_REFRESH_TOKEN_AUTH"}),
    "USER_AUTH": frozenset({"ALLOW_USER_AUTH"}),
}
_SAME_AS: Final = {
    "ADMIN_NO_SRP_AUTH": "ADMIN_USER_PASSWORD_AUTH",
    "REFRESH_TOKEN": "REFRESH_TOKEN_AUTH",
}
_OF_ADMINS: Final = frozenset({"ADMIN_USER_PASSWORD_AUTH"})
# What a client without a list, or with words of the old kind, may do in any case.
_USUAL: Final = frozenset({_SRP, "CUSTOM_AUTH", "REFRESH_TOKEN_AUTH"})


def is_flow_allowed(settings: ClientSettings, flow: str) -> bool:
    """Tell whether a client may use a flow."""
    listed = frozenset(settings.ExplicitAuthFlows or ())
    if listed & _ALLOWED_BY.get(flow, frozenset()):
        return True
    if any(word.startswith("ALLOW_") for word in listed):
        return False
    if "CUSTOM_AUTH_FLOW_ONLY" in listed and flow == _SRP:
        return False
    return flow in _USUAL


def _need(request: Request, name: str) -> str:
    value = request.parameters.get(name)
    if not value:
        raise AccountError(_INVALID, messages.PARAMETER_MISSING.format(name))
    return value


async def _check_hash(request: Request, name: str, *others: str) -> None:
    if request.hosted:
        return
    secrets = client_secrets(request.client, request.services.vault)
    if not secrets:
        return
    user = await find_user(request.services, request.pool, name)
    names = {name, *others}
    if user is not None:
        names.add(user.username)
    elif request.hides_existence:
        names.add(invent_username(request.services, request.pool, name))
    check_secret_hash(
        request.client, secrets, request.parameters.get("SECRET_HASH"), names
    )


def _check_confirmed(request: Request, user: User | None) -> None:
    """
    Say that a user is not confirmed, where that may be said before they have proven anything.

    Raises:
        AccountError: UserNotConfirmedException.
    """
    waits = user is not None and user.status is UserStatus.UNCONFIRMED
    if waits and not request.hides_existence:
        raise AccountError("UserNotConfirmedException", messages.NOT_CONFIRMED)


async def _by_password(request: Request) -> Outcome:
    name = _need(request, "USERNAME")
    await _check_hash(request, name)
    password = _need(request, "PASSWORD")
    found = await find_user(
        request.services, request.pool, name
    ) or await migration.migrate(
        request.services,
        request.pool,
        name,
        password=password,
        client_id=request.client.id,
        metadata=request.metadata,
    )
    _check_confirmed(request, found)
    await steps.ask_pre_authentication(request, found, name)
    user = await prove_password(
        request.services,
        request.pool,
        name=name,
        password=password,
        hides_existence=request.hides_existence,
    )
    return await steps.go_on(
        request, user, device_key=request.parameters.get("DEVICE_KEY")
    )


async def _by_srp(request: Request) -> Outcome:
    name = _need(request, "USERNAME")
    await _check_hash(request, name)
    public = _need(request, "SRP_A")
    found = await find_user(request.services, request.pool, name)
    _check_confirmed(request, found)
    await steps.ask_pre_authentication(request, found, name)
    return await ask_verifier(
        request,
        name,
        public,
        flow=_SRP,
        device_key=request.parameters.get("DEVICE_KEY"),
    )


async def _by_custom(request: Request) -> Outcome:
    name = _need(request, "USERNAME")
    await _check_hash(request, name)
    return await custom.begin(request, name)


async def _by_choice(request: Request) -> Outcome:
    name = _need(request, "USERNAME")
    await _check_hash(request, name)
    found = await find_user(request.services, request.pool, name)
    await steps.ask_pre_authentication(request, found, name)
    if request.parameters.get(
        "PREFERRED_CHALLENGE"
    ) == choice.BY_PASSWORD and request.parameters.get("PASSWORD"):
        if choice.BY_PASSWORD not in choice.find_first_factors(request.pool, None):
            raise AccountError(_INVALID, messages.FLOW_DISABLED_OTHER)
        return await steps.go_on(request, await choice.prove(request, name))
    return await choice.begin(request, name)


_BEGINNINGS: Final[Mapping[str, Begin]] = {
    "USER_PASSWORD_AUTH": _by_password,
    "ADMIN_USER_PASSWORD_AUTH": _by_password,
    _SRP: _by_srp,
    "CUSTOM_AUTH": _by_custom,
    "REFRESH_TOKEN_AUTH": refresh,
    "USER_AUTH": _by_choice,
}


async def initiate(request: Request, flow: str) -> Outcome:
    """
    Begin to sign in.

    Raises:
        AccountError: The flow is not the client's, or what the flow's room says.
    """
    flow = _SAME_AS.get(flow, flow)
    if request.by_admin and flow == "USER_PASSWORD_AUTH":
        raise AccountError(_INVALID, messages.FLOW_ADMIN)
    if flow in _OF_ADMINS and not request.by_admin:
        raise AccountError(_INVALID, messages.FLOW_ADMIN)
    if not is_flow_allowed(request.client.settings, flow):
        text = messages.FLOW_DISABLED.get(flow, messages.FLOW_DISABLED_OTHER)
        raise AccountError(_INVALID, text)
    return await _BEGINNINGS[flow](request)


async def _use_code(request: Request, user: User, state: State, code: str) -> None:
    """
    Judge a code that was sent, and use its session up.

    Raises:
        AccountError: It is wrong, or too many were.
    """
    await count_try(request.services, state)
    await count_guess(request.services, user)
    if not factors.is_code_right(request, state, code):
        raise AccountError("CodeMismatchException", messages.CODE_STATE)
    await spend(request.services, state)
    await forget_guesses(request.services, user)


async def _judge_code(request: Request, user: User, state: State) -> Outcome:
    code = _need(request, factors.ANSWER_OF[state.asked])
    await _use_code(request, user, state, code)
    key = state.data.get("device_key")
    return await complete(request, user, device_key=key)


async def _judge_first_code(request: Request, user: User, state: State) -> Outcome:
    """A code that stands for the password: the user's state is still to be looked at."""
    code = _need(request, factors.ANSWER_OF[state.asked])
    await _use_code(request, user, state, code)
    return await steps.go_on(request, user)


async def _judge_totp(request: Request, user: User, state: State) -> Outcome:
    if state.data.get("verified"):
        await spend(request.services, state)
        return await complete(request, user)
    code = _need(request, factors.ANSWER_OF[state.asked])
    await count_try(request.services, state)
    await factors.use_totp(request, user, code)
    await spend(request.services, state)
    return await complete(request, user, device_key=state.data.get("device_key"))


async def _judge_passkey(request: Request, user: User, state: State) -> Outcome:
    await spend(request.services, state)
    is_strong = await choice.check_passkey(request, user, state)
    return await steps.go_on(request, user, is_strong=is_strong)


async def _judge_set_up(request: Request, user: User, state: State) -> Outcome:
    if not state.data.get("verified"):
        raise AccountError("NotAuthorizedException", messages.SESSION_WRONG)
    await spend(request.services, state)
    return await complete(request, user)


async def _judge_choice_of_factor(
    request: Request, user: User, state: State
) -> Outcome:
    wanted = {"EMAIL_MFA": factors.EMAIL}.get(
        _need(request, "ANSWER"), request.parameters["ANSWER"]
    )
    if wanted not in factors.find_factors(user):
        raise AccountError("MFAMethodNotFoundException", messages.MFA_MISSING)
    await spend(request.services, state)
    key = state.data.get("device_key")
    return await factors.ask_factor(request, user, wanted, device_key=key)


async def _judge_new_password(request: Request, user: User, state: State) -> Outcome:
    if user.status is not UserStatus.FORCE_CHANGE_PASSWORD:
        raise AccountError("NotAuthorizedException", messages.SESSION_WRONG)
    await count_try(request.services, state)
    outcome = await steps.take_new_password(request, user, state)
    await spend(request.services, state)
    return outcome


async def _judge_device(request: Request, user: User, state: State) -> Outcome:
    await spend(request.services, state)
    return await devices.ask_device_verifier(request, user, state)


async def _judge_device_proof(request: Request, user: User, state: State) -> Outcome:
    await spend(request.services, state)
    key = await devices.check_device_answer(request, user, state)
    return await complete(request, user, source="AuthenticateDevice", device_key=key)


_JUDGES: Final[Mapping[str, Judge]] = {
    factors.SMS: _judge_code,
    factors.EMAIL: _judge_code,
    factors.SMS_FIRST: _judge_first_code,
    factors.TOTP: _judge_totp,
    passkeys.NAME: _judge_passkey,
    factors.SETUP: _judge_set_up,
    factors.SELECT: _judge_choice_of_factor,
    steps.NEW_PASSWORD: _judge_new_password,
    devices.ASK: _judge_device,
    devices.VERIFY: _judge_device_proof,
}


async def respond(request: Request, question: str, session: str | None) -> Outcome:
    """
    Judge an answer, and go on.

    Raises:
        AccountError: The session is not for this question, or the answer is wrong.
    """
    name = _need(request, "USERNAME")
    await _check_hash(request, name)
    if question == PASSWORD_VERIFIER:
        return await _answer_verifier(request, session)
    if question in {choice.SELECT, choice.BY_PASSWORD, choice.BY_SRP}:
        return await _answer_choice(request, question, session)
    # An authenticator that was just set up may be answered under either name.
    asked = {question}
    if question == factors.TOTP:
        asked.add(factors.SETUP)
    state = open_session(request, session, *asked)
    user = await request.services.config.store.load_user(
        pool_id=request.pool.id, username=state.username
    )
    if question == custom.CUSTOM:
        await spend(request.services, state)
        return await custom.take_answer(request, user, state)
    judge = _JUDGES.get(question)
    if judge is None:
        raise AccountError(_INVALID, messages.CHALLENGE_MISMATCH)
    named = await find_user(request.services, request.pool, name)
    if is_invented(state.username):
        return await _judge_nobody(request, name, named, state)
    if user is None:
        raise AccountError("NotAuthorizedException", messages.SESSION_WRONG)
    is_first = bool(state.data.get("first")) or state.asked == passkeys.NAME
    try:
        check_unchanged(user, state)
    except AccountError:
        if is_first and request.hides_existence:
            # Nothing is proven yet, so nothing is told of what has become of the user.
            return await _refuse_answer(request, user, state)
        await count_try(request.services, state)  # says so if it was answered already
        raise
    if named is None or named.username != user.username:
        raise AccountError("NotAuthorizedException", messages.SESSION_WRONG)
    if state.data.get("first"):
        return await _judge_first_code(request, user, state)
    return await judge(request, user, state)


async def _judge_nobody(
    request: Request, name: str, named: User | None, state: State
) -> Outcome:
    """
    Refuse the answer to a question that was only pretended.

    Args:
        named: Who has the name after all, and was only pretended to be asked.

    Raises:
        AccountError: Always.
    """
    # Our own pages do not ask for the name again, and give back what the session says.
    typed = name.strip() if request.hosted else name
    nobody = invent_user(request.services, request.pool, typed)
    if state.username != nobody.username:
        raise AccountError("NotAuthorizedException", messages.SESSION_WRONG)
    return await _refuse_answer(request, named or nobody, state)


async def _refuse_answer(request: Request, who: User, state: State) -> Outcome:
    """
    Refuse in the order and words of a wrong answer.

    Raises:
        AccountError: Always.
    """
    if state.asked == passkeys.NAME:
        nobody = invent_user(request.services, request.pool, who.sub)
        return await _judge_passkey(request, nobody, state)
    _need(request, factors.ANSWER_OF[state.asked])
    await count_try(request.services, state)
    if is_invented(who.username):
        await count_guess_of_nobody(request.services, who)
    else:
        await count_guess(request.services, who)
    raise AccountError("CodeMismatchException", messages.CODE_STATE)


async def _answer_verifier(request: Request, session: str | None) -> Outcome:
    if session is None:
        settings = request.client.settings
        allowed = {flow for flow in (_SRP, _CHOICE) if is_flow_allowed(settings, flow)}
        user, device_key = await check_answer(request, frozenset(allowed))
        return await steps.go_on(
            request,
            user,
            device_key=request.parameters.get("DEVICE_KEY") or device_key,
        )
    state = open_session(request, session, PASSWORD_VERIFIER)
    await spend(request.services, state)
    block = request.parameters.get("PASSWORD_CLAIM_SECRET_BLOCK", "")
    same = hmac.compare_digest(hash_token(block), str(state.data["block"]))
    user, _ = await check_answer(request, frozenset({custom.FLOW}))
    if user.username != state.username or not same:
        raise AccountError("NotAuthorizedException", messages.SESSION_WRONG)
    return await custom.take_password(request, user, state, right=True)


async def _answer_choice(
    request: Request, question: str, session: str | None
) -> Outcome:
    state = open_session(request, session, question)
    name = str(state.data["name"])
    wanted = _need(request, "ANSWER") if question == choice.SELECT else question
    user = await find_user(request.services, request.pool, name)
    if wanted not in choice.find_offered(request, user):
        raise AccountError(_INVALID, messages.FLOW_DISABLED_OTHER)
    await spend(request.services, state)
    if wanted == choice.BY_PASSWORD and request.parameters.get("PASSWORD"):
        return await steps.go_on(request, await choice.prove(request, name))
    return await choice.ask(request, user, name, wanted)
