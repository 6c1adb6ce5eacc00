"""
Plugins: chosen from a gallery, set up by their own schema, switched on and off, and tried.

Spec: portal §§4.1, 4.2; gateway §1.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.responses import Response

from ostiary.manager import editing, oidc
from ostiary.manager.forms import Form, Sheet
from ostiary.manager.kinds import KINDS, TAGS_HINT, Kind, Row
from ostiary.manager.placing import place_problems
from ostiary.manager.rows import Place, load_row, missing, show_row
from ostiary.manager.schema import Field, Group, pick, read_fields
from ostiary.manager.values import (
    build_changes,
    build_new,
    read_values,
    write_defaults,
    write_values,
)
from ostiary.manager.visit import Refused, Visit
from ostiary.ports.admin_client import AdminReply

_KIND: Final[Kind] = KINDS["plugins"]
_PLACE: Final = Place(kind=_KIND)
SCOPES: Final = ("service", "route", "consumer", "consumer_group")
_OF_CONSUMERS: Final = frozenset({"consumer", "consumer_group"})
_PATHS: Final = {
    "service": "services", "route": "routes", "consumer": "consumers",
    "consumer_group": "consumer_groups",
}  # fmt: skip
# What the page "OpenID Connect with Amazon Cognito" chooses; the issuer is the pool's.
_PRESETS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "cognito": {
        "config.auth_methods": ("authorization_code", "session"),
        "config.scopes": ("openid\nemail\nprofile",),
    }
}
# Category and what it does, in a sentence.
_ABOUT: Final[Mapping[str, tuple[str, str]]] = {
    "openid-connect": ("Authentication", "Sign people in at an OpenID Connect provider, such as Amazon Cognito, and take its tokens."),
    "key-auth": ("Authentication", "Ask for an API key of a consumer."),
    "basic-auth": ("Authentication", "Ask for a consumer's name and password."),
    "jwt": ("Authentication", "Take JSON Web Tokens that are signed with a consumer's key."),
    "acl": ("Security", "Let groups of consumers in, or keep them out."),
    "ip-restriction": ("Security", "Let addresses in, or keep them out."),
    "cors": ("Security", "Say which web pages may call the API."),
    "rate-limiting": ("Traffic control", "Limit how many requests come in a second, a minute, an hour or longer."),
    "request-size-limiting": ("Traffic control", "Refuse bodies that are too large."),
    "request-termination": ("Traffic control", "Answer with a fixed reply, and ask no upstream."),
    "request-transformer": ("Transformations", "Add, change and remove headers, arguments and fields of requests."),
    "response-transformer": ("Transformations", "Add, change and remove headers and fields of replies."),
    "correlation-id": ("Transformations", "Give every request an id that logs can be joined by."),
    "prometheus": ("Logging and metrics", "Count requests for Prometheus."),
    "http-log": ("Logging and metrics", "Send a record of each request to an HTTP server."),
    "file-log": ("Logging and metrics", "Write a record of each request to a file."),
}  # fmt: skip
_ORDER: Final = (
    "Authentication", "Security", "Traffic control", "Transformations", "Logging and metrics", "Other",
)  # fmt: skip
_OTHER: Final = ("Other", "A plugin of this node.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A plugin in the gallery."""

    name: str
    about: str
    url: str


def _scope_of(visit: Visit) -> dict[str, str]:
    return {name: visit.query(name) for name in SCOPES if visit.query(name)}


async def get_select(visit: Visit) -> Response:
    """The gallery, by category."""
    scope = _scope_of(visit)
    told = await visit.know("plugins", "enabled")
    groups: dict[str, list[Card]] = {name: [] for name in _ORDER}
    for name in sorted(told["enabled_plugins"]):
        category, about = _ABOUT.get(name, _OTHER)
        url = visit.url("plugins", "new", name=name, **scope)
        groups[category].append(Card(name=name, about=about, url=url))
        if name == oidc.NAME:
            preset = visit.url("plugins", "new", name=name, preset="cognito", **scope)
            about = "Sign people in at a user pool: the code flow and a session, with the scopes that pools know."
            card = Card(name=f"{name} for Amazon Cognito", about=about, url=preset)
            groups[category].append(card)
    groups["Authentication"].sort(key=lambda card: not card.name.startswith(oidc.NAME))
    return visit.show(
        "manager-plugin-select.html",
        here="plugins",
        groups={name: cards for name, cards in groups.items() if cards},
        applied=[
            (name, await load_name(visit, name, key)) for name, key in scope.items()
        ],
    )


async def load_name(visit: Visit, scope: str, key: str) -> str:
    """What a service, route or consumer is called."""
    found = await visit.look(_PATHS[scope], key) or {}
    row = found.get("consumer_group") or found
    return str(row.get("name") or row.get("username") or row.get("custom_id") or key)


async def _load_fields(
    visit: Visit, name: str, asked: frozenset[str] = frozenset()
) -> tuple[Field, ...]:
    """
    The fields of a row of this plugin.

    Args:
        asked: Scopes that are there though the plugin does not know them: left out, it would be
            made for everything, where the API refuses.

    Raises:
        Refused: There is no such plugin.
    """
    own = read_fields(await visit.schema("plugins"))
    schema = await visit.schema("plugins", name)
    told = {f.name: f for f in read_fields(schema)}
    config = told["config"]
    if name == oidc.NAME:
        config = replace(config, fields=oidc.dress_config(config.fields))
    known = {s for s in SCOPES if s not in _OF_CONSUMERS or "consumer" in told}
    scopes = pick(own, *(s for s in SCOPES if s in known | asked))
    return (
        *(replace(f, hint=_HINTS[f.name]) for f in pick(own, "enabled")),
        *(replace(f, hint=_HINTS["scope"]) for f in scopes),
        *(replace(f, hint=_HINTS["instance_name"]) for f in pick(own, "instance_name")),
        told["protocols"],
        *(replace(f, hint=TAGS_HINT) for f in pick(own, "tags")),
        config,
    )


_HINTS: Final = {
    "enabled": "A plugin that is not enabled does nothing, and keeps its settings.",
    "scope": "Nothing means any.",
    "instance_name": "A name of its own, to tell it from others of its kind.",
}


async def _open_editor(visit: Visit, name: str, row: Row | None) -> editing.Editor:
    asked = {s for s in SCOPES if visit.query(s) or visit.form.get(s)}
    fields = await _load_fields(visit, name, frozenset(asked))
    config = next(f for f in fields if f.name == "config")
    general = Group(
        title="General",
        fields=tuple(f for f in fields if f.name != "config"),
        anchor="general",
    )
    if name == oidc.NAME:
        groups: tuple[Group, ...] = oidc.build_config_groups(config.fields)
    else:
        groups = (
            Group(title="Configuration", fields=config.fields, anchor="configuration"),
        )
    return editing.Editor(
        place=_PLACE,
        fields=fields,
        groups=(general, *groups),
        row=row,
        plugin=name,
        about=_ABOUT.get(name, _OTHER)[1],
    )


async def _show(visit: Visit, editor: editing.Editor, sheet: Sheet) -> Response:
    return await editing.show_editor(visit, editor, sheet)


async def get_new(visit: Visit) -> Response:
    """The form of a plugin that is to be made; where it is applied is chosen already."""
    name = visit.query("name")
    if not name:
        return visit.go("plugins", "select")
    editor = await _open_editor(visit, name, None)
    values = dict(write_defaults(editor.fields).values)
    values |= _PRESETS.get(visit.query("preset"), {}) if name == oidc.NAME else {}
    values |= {scope: (key,) for scope, key in _scope_of(visit).items()}
    return await _show(visit, editor, Sheet(form=Form(values)))


async def post_new(visit: Visit) -> Response:
    """Make a plugin, or try what was typed."""
    name = visit.form.get("name") or visit.query("name")
    editor = await _open_editor(visit, name, None)
    if visit.form.get("go") == "test" and name == oidc.NAME:
        return await _try(visit, editor)
    return await editing.create(visit, editor, {"name": name})


async def _load(visit: Visit) -> Row:
    return await load_row(visit, "plugins", visit.param("id"))


async def get_edit(visit: Visit) -> Response:
    """The form of a plugin as it is."""
    row = await _load(visit)
    editor = await _open_editor(visit, row["name"], row)
    return await _show(visit, editor, Sheet(form=write_values(editor.fields, row)))


async def post_edit(visit: Visit) -> Response:
    """Change a plugin, or try what was typed."""
    row = await _load(visit)
    editor = await _open_editor(visit, row["name"], row)
    if visit.form.get("go") == "test" and row["name"] == oidc.NAME:
        return await _try(visit, editor)
    return await editing.save(visit, editor)


async def get_row(visit: Visit) -> Response:
    """A plugin with its settings; of openid-connect also what to register at the provider."""
    row = await _load(visit)
    fields = await _load_fields(visit, row["name"])
    extra = None
    if row["name"] == oidc.NAME:
        route = (row.get("route") or {}).get("id", "")
        extra = await oidc.load_redirect_uris(visit, plugin=row["id"], route=route)
        extra["debug_url"] = oidc.build_debug_url(visit, row["config"])
    return await show_row(visit, _KIND, row, fields, redirects=extra)


async def post_toggle(visit: Visit) -> Response:
    """Switch a plugin on or off, as its button in the list said."""
    wanted = visit.form.get("enabled") == "true"
    reply = await visit.call(
        "PATCH", "plugins", visit.param("id"), body={"enabled": wanted}
    )
    if not reply.is_good:
        raise Refused(reply)
    return visit.go("plugins", done="enabled" if wanted else "disabled")


# Trying a configuration.


async def post_test(visit: Visit) -> Response:
    """Try a plugin as it is kept."""
    row = await _load(visit)
    if row["name"] != oidc.NAME:
        raise missing()
    await check_right(visit, row)
    route = (row.get("route") or {}).get("id", "")
    told = await oidc.load_redirect_uris(visit, plugin=row["id"], route=route)
    return await _examine(visit, row["config"], told, row)


async def check_right(visit: Visit, row: Row | None) -> None:
    """
    See that whoever asks could make or change such a plugin: trying one calls its provider.

    The Admin API is asked for what it refuses whatever the right: only its reason matters.

    Raises:
        Refused: They could not.
    """
    if row is None:
        reply = await visit.call("POST", "plugins", body={})
    else:
        body = {"enabled": "this is no switch"}
        reply = await visit.call("PATCH", "plugins", str(row["id"]), body=body)
    if reply.status in {401, 403, 404}:
        raise Refused(reply)


async def _try(visit: Visit, editor: editing.Editor) -> Response:
    """Judge what was typed, then hold it against the provider. Nothing is kept."""
    row = editor.row
    errors: dict[str, tuple[str, ...]] = {}
    values = read_values(editor.fields, visit.form, errors, row)
    if row is None:
        body = build_new(editor.fields, values)
        config = body.get("config", {})
    else:
        body = build_changes(editor.fields, values, row)
        config = _merge(row["config"], body.get("config", {}))
    await check_right(visit, row)
    judged = {"name": oidc.NAME, "config": config}
    reply = await visit.call("POST", "schemas", "plugins", "validate", body=judged)
    if reply.status in {401, 403}:
        raise Refused(reply)
    if errors or not reply.is_good:
        return _show_invalid(visit, editor, errors, reply)
    told = await oidc.load_redirect_uris(visit, route=visit.form.get("route"))
    if config.get("redirect_uri"):
        told = {"uris": list(config["redirect_uri"]), "note": ""}
    return await _examine(visit, config, told, row)


def _merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """As PATCH does: records member by member."""
    found = {**old}
    for name, value in new.items():
        before = old.get(name)
        is_record = isinstance(before, Mapping) and isinstance(value, Mapping)
        found[name] = _merge(before, value) if is_record else value  # type: ignore[arg-type]  # a record
    return found


def _show_invalid(
    visit: Visit,
    editor: editing.Editor,
    errors: Mapping[str, tuple[str, ...]],
    reply: AdminReply,
) -> Response:
    placed = dict(errors)
    if not reply.is_good:
        placed = {**place_problems(reply, editor.fields), **placed}
    problems = [(name, text) for name, texts in placed.items() for text in texts]
    return _show_result(visit, findings=[], problems=problems, uri="")


async def _examine(
    visit: Visit, config: Mapping[str, Any], told: Mapping[str, Any], row: Row | None
) -> Response:
    uris = told["uris"]
    uri = uris[0] if uris else oidc.gateway_origin(visit) + "/"
    findings = [*await visit.config.examine(config, uri, visit.workspace)]
    return _show_result(visit, findings=findings, problems=[], uri=uri, row=row)


def _show_result(visit: Visit, **values: Any) -> Response:
    findings = values["findings"]
    return visit.show(
        "manager-test.html",
        here="plugins",
        **{"row": None, **values},
        is_good=not values["problems"] and all(f.level == "ok" for f in findings),
        has_errors=bool(values["problems"])
        or any(f.level == "error" for f in findings),
    )
