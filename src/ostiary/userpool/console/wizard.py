"""
"Create a user pool", step by step.

What was chosen travels with the form, sealed: the server remembers nothing, and two tabs are two
wizards. A step is left only when the API's model has nothing against what stands on it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from ostiary.jose.errors import JoseError
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.console.calls import check_members
from ostiary.userpool.console.forms import Form, Sheet, place_error
from ostiary.userpool.console.visit import HOME, Visit
from ostiary.userpool.console.wizard_fields import (
    BY_KEY,
    CUSTOM_ROWS,
    REQUIRABLE,
    STEP_OF,
    STEPS,
    TAG_ROWS,
    TRIGGERS,
    guide_form,
    usual_form,
)
from ostiary.userpool.console.wizard_input import (
    FIELDS,
    build_pool_input,
    plan_after,
)
from ostiary.web.replies import redirect

_PURPOSE: Final = "console wizard"
_NUMBERS: Final = ("minimum_length", "temporary_days")
_ANY_POOL: Final = "region_000000000"
_KEYS: Final = tuple(step.key for step in STEPS)


def _seal(visit: Visit, form: Form) -> str:
    text = json.dumps({k: v for k, v in form.values.items() if k in STEP_OF})
    sealed = visit.services.vault.wrap(text.encode(), purpose=_PURPOSE)
    return base64.urlsafe_b64encode(sealed).decode("ascii")


def _unseal(visit: Visit, text: str) -> Form:
    """What was chosen so far; the usual where that cannot be read any more."""
    try:
        sealed = base64.b64decode(text, altchars=b"-_", validate=True)
        kept = json.loads(visit.services.vault.unwrap(sealed, purpose=_PURPOSE))
    except (JoseError, ValueError):
        return usual_form()
    return Form({name: tuple(values) for name, values in kept.items()})


def _merge(kept: Form, posted: Form, step: str) -> Form:
    """What was chosen, with this step's fields as they are now: an unticked box is gone."""
    values = {k: v for k, v in kept.values.items() if k not in BY_KEY[step].fields}
    now = {name: posted.all(name) for name in BY_KEY[step].fields if posted.all(name)}
    return Form({**values, **now})


def _judge(form: Form) -> dict[str, str]:
    """All that the API's model has against what was chosen, by field."""
    errors = {
        name: "This must be a whole number."
        for name in _NUMBERS
        if not form.get(name).removeprefix("-").isdecimal()
    }
    inputs = [("CreateUserPool", build_pool_input(form))]
    inputs += [
        (call.operation, {"UserPoolId": _ANY_POOL, **call.given})
        for call in plan_after(form)
    ]
    for operation, given in inputs:
        try:
            check_members(operation, given)
        except ApiError as error:
            errors = place_error(error.message, FIELDS) | errors
    return errors


def _show(
    visit: Visit,
    form: Form,
    key: str,
    *,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    errors = errors or {}
    given = build_pool_input(form)
    visit.calls.clear()
    visit.note("CreateUserPool", given)
    for call in plan_after(form):
        visit.note(call.operation, {"UserPoolId": "the new pool's id", **call.given})
    here = _KEYS.index(key)
    return visit.show(
        f"console-wizard-{key}.html",
        status=status,
        sheet=Sheet(form=form, errors=errors),
        region=visit.region,
        step=BY_KEY[key],
        steps=STEPS,
        before=_KEYS[here - 1] if here else "",
        state=_seal(visit, form),
        wrong_steps={STEP_OF[name] for name in errors if name in STEP_OF},
        requirable=REQUIRABLE,
        triggers=TRIGGERS,
        custom_rows=range(1, CUSTOM_ROWS + 1),
        tag_rows=range(1, TAG_ROWS + 1),
        given=given,
    )


async def get_wizard(visit: Visit) -> Response:
    """The first step."""
    return _show(visit, usual_form(), "name")


async def _create(visit: Visit, form: Form) -> Response:
    try:
        made = await visit.run_as_given("CreateUserPool", build_pool_input(form))
    except ApiError as error:
        errors = place_error(error.message, FIELDS)
        return _show_wrong(visit, form, errors, fallback="review")
    pool_id = made["UserPool"]["Id"]
    for call in plan_after(form):
        given = {"UserPoolId": pool_id, **call.given}
        try:
            await visit.run_as_given(call.operation, given)
        except ApiError as error:
            text = f"The user pool {pool_id} was created. {error.message}"
            raise ApiError(error.code, text) from error
    return redirect(f"{HOME}/pools/{pool_id}?done=pool-created")


def _show_wrong(
    visit: Visit, form: Form, errors: Mapping[str, str], *, fallback: str
) -> Response:
    """The first step with a mistake on it, or another where none stands at a field."""
    wrong = {STEP_OF[name] for name in errors if name in STEP_OF}
    key = next((key for key in _KEYS if key in wrong), fallback)
    return _show(visit, form, key, errors=errors, status=400)


async def post_wizard(visit: Visit) -> Response:
    """Leave a step: on, back, to another one, or to the end."""
    step = visit.form.get("step")
    if step not in BY_KEY:
        return await get_wizard(visit)
    form = _merge(_unseal(visit, visit.form.get("state")), visit.form, step)
    go = visit.form.get("go")
    target = go if go in BY_KEY or go == "create" else _following(step)
    if target in BY_KEY and _KEYS.index(target) < _KEYS.index(step):
        return _show(visit, form, target)
    errors = _judge(form)
    here = {name: text for name, text in errors.items() if STEP_OF.get(name) == step}
    if here:
        return _show(visit, form, step, errors=here, status=400)
    if go == "defaults":
        return _show(visit, guide_form(form), "review")
    if errors and target in {"review", "create"}:
        return _show_wrong(visit, form, errors, fallback="review")
    return (
        await _create(visit, form) if target == "create" else _show(visit, form, target)
    )


def _following(step: str) -> str:
    return _KEYS[min(_KEYS.index(step) + 1, len(_KEYS) - 1)]
