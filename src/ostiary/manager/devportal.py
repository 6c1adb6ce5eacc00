"""
A workspace's Developer Portal: switched on and off, and configured; the words are the page's.

What is secret in the Auth Config is masked where it is shown, and kept where the mask comes back.

Spec: portal §§1.2, 4.1 (Dev Portal › Overview, Settings); the page "OpenID Connect with Amazon
Cognito", section Dev Portal Integration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

from ostiary.manager.forms import Form, Sheet
from ostiary.manager.masking import find_masks, mask, unmask
from ostiary.manager.placing import flatten
from ostiary.manager.schema import Field, pick, read_fields
from ostiary.manager.stamps import CHANGED, build_stamp
from ostiary.manager.visit import Refused, Visit
from ostiary.ports.admin_client import AdminReply

Json = dict[str, Any]  # Any: JSON
OPENID_CONNECT: Final = "openid-connect"
# Those that a workspace may say otherwise of: checked, not checked, or as the node has it.
SWITCHES: Final[tuple[tuple[str, str, str], ...]] = (
    ("portal_auto_approve", "Auto approve", "New developers need nobody's approval."),
    ("portal_oidc_auto_register", "Register at the first login", "Whoever the provider knows is registered when they sign in for the first time."),
    ("portal_oidc_trust_email", "Trust addresses of the provider", "Take an e-mail address for verified where the provider says nothing of it (no claim email_verified)."),
    ("portal_email_verification", "Verify e-mail addresses", "Whoever registers uses a mailed link before anything else. Needs a mail server."),
    ("portal_access_request_email", "Mail admins about requests for access", ""),
    ("portal_approved_email", "Mail developers when they are approved", ""),
    ("portal_invite_email", "Mail invitations", ""),
    ("portal_application_request_email", "Mail admins about requests of applications", ""),
    ("portal_application_status_email", "Mail developers about their applications", ""),
    ("portal_reset_email", "Mail links to reset a password", "Without, only an admin can give somebody a new one."),
    ("portal_reset_success_email", "Mail developers when their password was reset", ""),
    ("portal_rejected_email", "Mail developers when they are rejected", ""),
    ("portal_revoked_email", "Mail developers when their access is withdrawn", ""),
)  # fmt: skip
_CHOICES: Final = {"": None, "on": True, "off": False}
_TEXTS: Final = (
    "portal_auth_password_complexity", "portal_emails_from", "portal_emails_reply_to",
)  # fmt: skip
_NUMBERS: Final = ("portal_auth_login_attempts", "portal_token_exp")
_SESSION_CONF: Final = "portal_session_conf"
_AUTH_CONF: Final = "portal_auth_conf"
_LISTS: Final = ("portal_smtp_admin_emails", "portal_cors_origins")
_PLUGINS: Final = "portal_developer_credentials"
# An empty box is what the node has, so that none at all needs a word.
_NO_PLUGINS: Final = "none"


async def _load(visit: Visit) -> Json:
    found: Json = await visit.get("workspaces", visit.workspace)
    return found


async def get_overview(visit: Visit) -> Response:
    """Whether there is a portal, where it is, and who waits."""
    row = await _load(visit)
    return visit.show(
        "manager-portal.html",
        here="portal",
        row=row,
        config=row["config"],
        portal_url=visit.config.portal_url(row["name"]),
        counts=await _count(visit),
    )


async def _count(visit: Visit) -> dict[str, int]:
    found: dict[str, int] = {}
    for status, name in (("1", "waiting"), ("0", "approved")):
        told = await visit.look("developers", status=status, size="1")
        found[name] = 0 if told is None else told["total"]
    return found


async def post_overview(visit: Visit) -> Response:
    """Switch the portal on or off."""
    is_on = visit.form.get("portal") == "true"
    reply = await _save(visit, {"portal": is_on})
    if not reply.is_good:
        raise Refused(reply)
    return visit.go("portal", done="portal-on" if is_on else "portal-off")


async def _save(visit: Visit, config: Json) -> AdminReply:
    name = visit.workspace
    return await visit.call("PATCH", "workspaces", name, body={"config": config})


async def get_settings(visit: Visit) -> Response:
    """How developers sign in, what they are asked for, and which mails are sent."""
    row = await _load(visit)
    form = _fill(row["config"], await _load_conf_fields(visit))
    return _show_settings(visit, row, Sheet(form=form))


async def _load_conf_fields(visit: Visit) -> tuple[Field, ...]:
    """What the plugin's schema says of an Auth Config: which fields are secret."""
    try:
        told = read_fields(await visit.schema("plugins", OPENID_CONNECT))
    except Refused:  # a node without the plugin: names say it then
        return ()
    return pick(told, "config")[0].fields


def _show_settings(
    visit: Visit, row: Json, sheet: Sheet, status: int = 200
) -> Response:
    return visit.show(
        "manager-portal-settings.html",
        status=status,
        here="portal-settings",
        sheet=sheet,
        switches=SWITCHES,
        redirect_uri=visit.config.portal_callback(row["name"]),
        portal_url=visit.config.portal_url(row["name"]),
        warns_of_tls=_is_unverified(row["config"]),
        stamp=sheet.form.get("stamp") or build_stamp(row["config"]),
    )


def _is_unverified(config: Mapping[str, Any]) -> bool:
    conf = read_conf(config.get("portal_auth_conf"))
    return conf is not None and conf.get("ssl_verify") is False


def _fill(config: Mapping[str, Any], fields: Sequence[Field]) -> Form:
    """What is there as a form."""
    values: dict[str, tuple[str, ...]] = {
        "portal_auth": (config.get("portal_auth") or "",),
        "portal_auth_conf": (show_conf(config.get("portal_auth_conf"), fields),),
        _SESSION_CONF: (show_conf(config.get(_SESSION_CONF)),),
        "portal_developer_meta_fields": (
            _pretty(config.get("portal_developer_meta_fields")),
        ),
    }
    for name in _TEXTS:
        values[name] = (config.get(name) or "",)
    for name in _NUMBERS:
        said = config.get(name)
        values[name] = ("" if said is None else str(said),)
    for name in _LISTS:
        values[name] = (", ".join(config.get(name) or ()),)
    plugins = config.get(_PLUGINS)
    values[_PLUGINS] = (_NO_PLUGINS if plugins == [] else ", ".join(plugins or ()),)
    for name, _, _ in SWITCHES:
        said = config.get(name)
        values[name] = ("" if said is None else "on" if said else "off",)
    return Form(values)


def _pretty(text: str | None) -> str:
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return text or ""
    return "" if found is None else json.dumps(found, indent=4, ensure_ascii=False)


def read_conf(text: str | None) -> Json | None:
    """The record of a text; None for every other text."""
    try:
        found = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def show_conf(text: str | None, fields: Sequence[Field] = ()) -> str:
    """An Auth Config as it may be seen: its secrets are masks."""
    found = read_conf(text)
    if found is None:
        return ""
    return json.dumps(mask(found, fields), indent=4, ensure_ascii=False)


async def post_settings(visit: Visit) -> Response:
    """Save Changes."""
    row = await _load(visit)
    form = visit.form
    errors: dict[str, tuple[str, ...]] = {}
    fields = await _load_conf_fields(visit)
    config: Json = {
        "portal_auth": form.get("portal_auth") or None,
        _AUTH_CONF: _read_record(form, _AUTH_CONF, row["config"], fields, errors),
        _SESSION_CONF: _read_record(form, _SESSION_CONF, row["config"], (), errors),
        "portal_developer_meta_fields": form.text(
            "portal_developer_meta_fields"
        ).strip()
        or None,
        **{name: form.get(name) or None for name in _TEXTS},
        **{name: _read_number(form.get(name)) for name in _NUMBERS},
        **{name: _split(form.get(name)) for name in _LISTS},
        _PLUGINS: _read_plugins(form.get(_PLUGINS)),
        **{name: _CHOICES.get(form.get(name)) for name, _, _ in SWITCHES},
    }
    if form.get("stamp") != build_stamp(row["config"]):
        errors[""] = (CHANGED,)
    if errors:
        status = 409 if "" in errors else 400
        return _show_settings(visit, row, Sheet(form=form, errors=errors), status)
    reply = await _save(visit, config)
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    if not reply.is_good:
        sheet = Sheet(form=form, errors=_place(reply))
        return _show_settings(visit, row, sheet, reply.status)
    return visit.go("portal", "settings", done="saved")


def _read_record(
    form: Form,
    name: str,
    config: Json,
    fields: Sequence[Field],
    errors: dict[str, tuple[str, ...]],
) -> str | None:
    """A record that was typed, with its secrets; those that cannot be told apart are errors."""
    typed = form.text(name).strip()
    if not typed:
        return None
    conf = read_conf(typed)
    if conf is None:
        errors[name] = (_explain(typed),)
        return None
    old = read_conf(config.get(name)) or {}
    found: Json = unmask(conf, old, mask(old, fields))
    if left := find_masks(found):
        errors[name] = tuple(f"{path}: type this secret again" for path in left)
    return json.dumps(found)


def _read_number(typed: str) -> int | str | None:
    """What is no number goes on as it was typed: the Admin API says what is wrong with it."""
    if not typed.isascii() or not typed.isdecimal() or len(typed) > 9:
        return typed or None
    return int(typed)


def _explain(text: str) -> str:
    """Why a text is no record, and where."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"is no JSON: {error.msg} in line {error.lineno}, column {error.colno}"
    except RecursionError:
        return "is nested too deep"
    return "must be a JSON object: { … }"


def _split(text: str) -> list[str] | None:
    found = [part.strip() for part in text.replace("\n", ",").split(",")]
    return [part for part in found if part] or None


def _read_plugins(text: str) -> list[str] | None:
    return [] if text.strip().lower() == _NO_PLUGINS else _split(text)


def _place(reply: AdminReply) -> dict[str, tuple[str, ...]]:
    """A refusal at the boxes that it is about; deeper names come before the text."""
    placed: dict[str, tuple[str, ...]] = {}
    for path, text in flatten(reply.fields):
        steps = path[1:] if path[:1] == ("config",) else path
        where, *below = steps or ("",)
        said = f"{'.'.join(below)}: {text}" if below else text
        placed[where] = (*placed.get(where, ()), said)
    return placed or {"": (reply.message,)}
