"""
The `Session` of a challenge: sealed state that the caller carries.

It holds who is signing in, through which client, which question was asked and what is needed to
judge its answer. Nothing is stored until somebody answers; then wrong answers are counted and a
right one uses the session up.

Spec: cognito §3.5 (texts), §3.7.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from ostiary.jose.errors import JoseError
from ostiary.model.pool import ChallengeUse, Pool, User, UserStatus
from ostiary.userpool import messages
from ostiary.userpool.auth.outcome import Request
from ostiary.userpool.identifiers import hash_token, new_uuid
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services

_PREFIX: Final = "AYABe"
_PURPOSE: Final = "session of a challenge"
# Names are filled up to a multiple of this, or a session's length would tell the username behind
# an alias from an invented one.
_NAME_BYTES: Final = 128
MAX_TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    What a session says.

    Args:
        mark: What it rests on (`find_mark`); when that changes, the question is over.
        asked: The question's name, a challenge's.
        username: The user's, or an invented one where nobody may learn that there is none.
        hosted: Asked on our own pages. Its answer is given there: a session of the pages is none
            of the API, whose tokens may do more than the pages' client may.
        data: What the question's own room needs. It is sealed, so it may be secret.
    """

    id: str
    pool_id: str
    client_id: str
    username: str
    mark: str
    asked: str
    expires_at: float
    hosted: bool = False
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)  # Any: JSON


def find_mark(user: User) -> str:
    """What a question to a user rests on: who they are, their password, state and factors."""
    resting_on = (
        user.sub,
        user.password.argon2 if user.password else "",
        user.status.value,
        user.enabled,
        user.factors.sms,
        user.factors.email,
        user.factors.software_token,
        user.factors.sealed_totp,
    )
    return hashlib.sha256(repr(resting_on).encode()).hexdigest()


def issue_session(
    request: Request,
    who: User | str,
    asked: str,
    data: Mapping[str, Any] | None = None,  # Any: JSON
) -> str:
    """
    A session for a question that is asked now.

    Args:
        who: Whom it is asked; a name alone where nobody is known, or nothing rests on them yet.
    """
    services = request.services
    lifetime_s = request.client.settings.AuthSessionValidity * 60
    state = {
        "id": new_uuid(services.config.entropy),
        "pool_id": request.pool.id,
        "client_id": request.client.id,
        "username": who if isinstance(who, str) else who.username,
        "mark": "" if isinstance(who, str) else find_mark(who),
        "asked": asked,
        "expires_at": services.now() + lifetime_s,
        "hosted": request.hosted,
        "data": dict(data or {}),
    }
    return _seal(services, state)


def check_unchanged(user: User, state: State) -> None:
    """
    Refuse an answer when what its question rests on has changed meanwhile.

    Raises:
        AccountError: NotAuthorizedException or PasswordResetRequiredException.
    """
    if not user.enabled:
        raise AccountError("NotAuthorizedException", messages.USER_DISABLED)
    if user.status is UserStatus.RESET_REQUIRED:
        raise AccountError("PasswordResetRequiredException", messages.RESET_REQUIRED)
    if not hmac.compare_digest(find_mark(user), state.mark):
        raise AccountError("NotAuthorizedException", messages.SESSION_WRONG)


def reissue_session(
    services: Services,
    state: State,
    data: Mapping[str, Any],  # Any: JSON
    *,
    user: User | None = None,
) -> str:
    """
    The session of a step further on: the same sign-in, another session.

    Args:
        user: As this step has changed them.
    """
    fresh = {
        **asdict(state),
        **({"mark": find_mark(user)} if user is not None else {}),
        "id": new_uuid(services.config.entropy),
        "data": {**state.data, **data},
    }
    return _seal(services, fresh)


def encode_padded(state: Mapping[str, Any]) -> bytes:  # Any: JSON
    """A state as JSON whose length does not follow its `username`."""
    text = json.dumps(state, ensure_ascii=False)
    name = json.dumps(state["username"], ensure_ascii=False)
    return text.encode() + b" " * (-len(name.encode()) % _NAME_BYTES)


def _seal(services: Services, state: Mapping[str, Any]) -> str:  # Any: JSON
    sealed = services.vault.wrap(encode_padded(state), purpose=_PURPOSE)
    return _PREFIX + base64.urlsafe_b64encode(sealed).decode("ascii")


def _open(services: Services, session: str | None) -> State:
    wrong = AccountError("NotAuthorizedException", messages.SESSION_WRONG)
    if session is None or not session.startswith(_PREFIX):
        raise wrong
    try:
        sealed = base64.b64decode(
            session.removeprefix(_PREFIX), altchars=b"-_", validate=True
        )
        text = services.vault.unwrap(sealed, purpose=_PURPOSE)
    except (JoseError, ValueError) as error:
        raise wrong from error
    return State(**json.loads(text))


def _check(services: Services, state: State, questions: tuple[str, ...]) -> None:
    if state.asked not in questions:
        raise AccountError("NotAuthorizedException", messages.SESSION_WRONG)
    if services.now() >= state.expires_at:
        raise AccountError("NotAuthorizedException", messages.SESSION_EXPIRED)


def open_session(request: Request, session: str | None, *questions: str) -> State:
    """
    What a session says, if it is for this pool, client and one of these questions.

    Raises:
        AccountError: NotAuthorizedException: not ours, another's, or over.
    """
    state = _open(request.services, session)
    asked_by = (state.pool_id, state.client_id, state.hosted)
    if asked_by != (request.pool.id, request.client.id, request.hosted):
        raise AccountError("NotAuthorizedException", messages.SESSION_WRONG)
    _check(request.services, state, questions)
    return state


async def open_session_of_any_client(
    services: Services, session: str, *questions: str
) -> tuple[State, Pool, User]:
    """
    What a session says where the call names neither pool nor client, and whom it is about.

    Raises:
        AccountError: NotAuthorizedException: not ours, over, or about nobody.
    """
    state, store = _open(services, session), services.config.store
    _check(services, state, questions)
    pool = await store.load_pool(state.pool_id)
    user = await store.load_user(pool_id=state.pool_id, username=state.username)
    if pool is None or user is None or state.hosted:
        raise AccountError("NotAuthorizedException", messages.SESSION_WRONG)
    check_unchanged(user, state)
    return state, pool, user


async def count_try(services: Services, state: State) -> None:
    """
    Count an answer before it is looked at.

    Raises:
        AccountError: The session is used up, or was answered wrongly too often.
    """

    def rule(use: ChallengeUse) -> tuple[ChallengeUse, bool]:
        if use.spent or use.tries >= MAX_TRIES:
            return use, False
        return ChallengeUse(tries=use.tries + 1), True

    allowed = await services.config.store.use_challenge(
        hash_token(state.id), expires_at=state.expires_at, rule=rule
    )
    if not allowed:
        raise AccountError("NotAuthorizedException", messages.SESSION_SPENT)


async def spend(services: Services, state: State) -> None:
    """
    Use a session up: of any number of right answers, one goes on.

    Raises:
        AccountError: It was used up before.
    """

    def rule(use: ChallengeUse) -> tuple[ChallengeUse, bool]:
        return ChallengeUse(tries=use.tries, spent=True), not use.spent

    first = await services.config.store.use_challenge(
        hash_token(state.id), expires_at=state.expires_at, rule=rule
    )
    if not first:
        raise AccountError("NotAuthorizedException", messages.SESSION_SPENT)
