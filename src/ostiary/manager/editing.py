"""
Rows made, changed and deleted through forms, of whatever kind.

What is typed stays until it is taken; what the Admin API says is wrong stands at its field. A change
sends only what is another than it was, so that nobody undoes what somebody else changed meanwhile.

Spec: portal §4.1; gateway §§1.10, 1.11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.responses import Response

from ostiary.manager import oidc
from ostiary.manager.addresses import build_own_url
from ostiary.manager.forms import Form, Sheet
from ostiary.manager.kinds import TAGS_HINT, Kind, Row, name_of
from ostiary.manager.placing import place_problems
from ostiary.manager.rows import (
    Place,
    load_fields,
    load_row,
    read_place,
)
from ostiary.manager.schema import Field, Group, pick, without
from ostiary.manager.stamps import CHANGED, build_stamp
from ostiary.manager.values import (
    build_changes,
    build_new,
    read_values,
    write_defaults,
    write_values,
)
from ostiary.manager.visit import Refused, Visit

_OPTIONS: Final = "200"
_PRESETS: Final = ("service", "route", "consumer", "certificate", "set")


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    """A form about one row, or about one that is not there yet; `plugin` is a plugin's name."""

    place: Place
    fields: tuple[Field, ...]
    groups: tuple[Group, ...]
    row: Row | None = None
    plugin: str = ""
    about: str = ""

    @property
    def is_new(self) -> bool:
        """Whether it makes a row."""
        return self.row is None

    @property
    def name(self) -> str:
        """What the row is called."""
        return name_of(self.row or {}, self.place.kind.path)


def _dress(kind: Kind, fields: Sequence[Field]) -> tuple[Field, ...]:
    """The fields with the kind's words."""
    hints = {"tags": TAGS_HINT, **kind.hints}
    return tuple(
        replace(
            f,
            label=kind.labels.get(f.name, f.label),
            hint=hints.get(f.name, f.hint),
            widget="area"
            if f.name == "key" and kind.path == "certificates"
            else f.widget,
        )
        for f in fields
        if f.name not in kind.hidden
    )


def _order(kind: Kind, fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """Names come first, tags last."""
    first = {
        "services": ("name", "url"), "routes": ("name", "service", "protocols", "hosts", "paths", "methods"),
        "vaults": ("name", "prefix"),
        "keys": ("name", "set", "kid"), "jwt": ("key", "algorithm"),
    }.get(kind.path, ("name", "username", "target", "key"))  # fmt: skip
    return (
        *pick(fields, *first),
        *without(fields, *first, "tags"),
        *pick(fields, "tags"),
    )


def build_groups(kind: Kind, fields: tuple[Field, ...]) -> tuple[Group, ...]:
    """The fields under headings: what everybody needs, then what few change."""
    folded = [name for _, names in kind.folded for name in names]
    main = Group(
        title="", fields=_order(kind, without(fields, *folded)), anchor="general"
    )
    rest = (
        Group(title=title, fields=pick(fields, *names), open=False)
        for title, names in kind.folded
    )
    return (main, *(group for group in rest if group.fields))


_URL: Final = Field(
    path=("url",),
    kind="string",
    widget="text",
    label="URL",
    hint="The whole address at once, such as https://api.example.com:8443/v1. It fills in "
    "protocol, host, port and path.",
)


async def open_editor(visit: Visit, place: Place, row: Row | None) -> Editor:
    """The form for a row. Raises Refused."""
    fields = _dress(place.kind, await load_fields(visit, place.kind))
    if place.kind.path == "services":
        # The URL may say the host, so that the API is the one to miss it.
        fields = (_URL, *(replace(f, required=False) for f in fields))
    if place.kind.path == "certificates":
        snis = Field(
            path=("snis",),
            kind="set",
            widget="lines",
            label="Names (SNIs)",
            hint="Host names that it is served for, one a line.",
        )
        fields = (*fields, snis)
    return Editor(
        place=place, fields=fields, groups=build_groups(place.kind, fields), row=row
    )


async def load_options(
    visit: Visit, fields: Sequence[Field], *kept: Form
) -> dict[str, list[tuple[str, str]] | None]:
    """
    For every reference what it may be; None where there is too much to choose from.

    Args:
        kept: What is chosen in these can always be chosen: who cannot see it shall not clear it.
    """
    paths = {"key_sets": "key-sets"}
    found: dict[str, list[tuple[str, str]] | None] = {}
    for field in fields:
        if field.widget != "foreign":
            continue
        path = paths.get(field.reference, field.reference)
        reply = await visit.look(path, size=_OPTIONS)
        if reply is None or reply.get("next"):
            found[field.id] = None
            continue
        named = [(str(r["id"]), name_of(r, path)) for r in reply["data"]]
        known = {value for value, _ in named}
        chosen = {form.get(field.id) for form in kept} - known - {""}
        named += [(value, value) for value in chosen]
        found[field.id] = sorted(named, key=lambda pair: pair[1])
    return found


async def show_editor(
    visit: Visit, editor: Editor, sheet: Sheet, *, status: int = 200
) -> Response:
    """The page with the form."""
    place, row = editor.place, editor.row
    redirects = None
    if editor.plugin == oidc.NAME:
        redirects = await oidc.load_redirect_uris(
            visit,
            plugin=str(row["id"]) if row else "",
            route=sheet.form.get("route"),
        )
    return visit.show(
        "manager-form.html",
        status=status,
        sheet=sheet,
        here=(place.parent or place.kind).path,
        editor=editor,
        about=editor.about or place.kind.about,
        kind=place.kind,
        groups=editor.groups,
        options=await load_options(
            visit, editor.fields, sheet.form, write_values(editor.fields, row or {})
        ),
        redirects=redirects,
        action=build_own_url(visit.request.scope["path"]),
        stamp=sheet.form.get("stamp") or build_stamp(row),
        back_url=_back(visit, place, row),
        delete_url=visit.url(*place.steps, str(row["id"]), "delete") if row else "",
    )


def _back(visit: Visit, place: Place, row: Row | None) -> str:
    if place.parent is not None:
        return visit.url(place.parent.path, place.parent_id)
    return visit.url(*place.steps, *((str(row["id"]),) if row else ()))


async def get_new(visit: Visit) -> Response:
    """An empty form; what the link here names is chosen already."""
    place = read_place(visit)
    editor = await open_editor(visit, place, None)
    values = dict(write_defaults(editor.fields).values)
    values |= {name: (visit.query(name),) for name in _PRESETS if visit.query(name)}
    return await show_editor(visit, editor, Sheet(form=Form(values)))


async def post_new(visit: Visit) -> Response:
    """Make a row."""
    editor = await open_editor(visit, read_place(visit), None)
    return await create(visit, editor, {})


async def create(visit: Visit, editor: Editor, more: Mapping[str, Any]) -> Response:
    """
    Make a row of what was typed, and of `more`; Any: JSON.

    Raises:
        Refused: Whoever asks may not.
    """
    place = editor.place
    errors: dict[str, tuple[str, ...]] = {}
    body = build_new(editor.fields, read_values(editor.fields, visit.form, errors))
    if place.kind.path == "services" and "url" in body:
        body = {k: v for k, v in body.items() if k not in {"protocol", "host", "port"}}
    if errors:
        sheet = Sheet(form=visit.form, errors=errors)
        return await show_editor(visit, editor, sheet, status=400)
    reply = await visit.call("POST", *place.steps, body={**more, **body})
    if not reply.is_good:
        return await refuse_form(visit, editor, reply)
    made: dict[str, Any] = reply.value
    # Secrets that were made here are seen this once: who has them is who asked.
    shown = {
        f.label: made[f.name]
        for f in editor.fields
        if f.secret and f.name not in body and made.get(f.name)
    }
    if shown:
        return visit.show(
            "manager-once.html",
            here=(place.parent or place.kind).path,
            kind=place.kind,
            shown=shown,
            back_url=_back(visit, place, made),
        )
    return visit_row(visit, place, made, "created")


def visit_row(visit: Visit, place: Place, row: Row, done: str) -> Response:
    """Lead to a row, or to the one that it is below."""
    if place.parent is not None:
        return visit.go(place.parent.path, place.parent_id, done=done)
    return visit.go(*place.steps, str(row["id"]), done=done)


async def refuse_form(visit: Visit, editor: Editor, reply: Any) -> Response:
    """
    The form again, with what the Admin API says; Any: an AdminReply.

    Raises:
        Refused: It is about who asks, not about what was typed.
    """
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    sheet = Sheet(form=visit.form, errors=place_problems(reply, editor.fields))
    return await show_editor(visit, editor, sheet, status=reply.status)


async def _load(visit: Visit) -> tuple[Place, Row]:
    place = read_place(visit)
    key = visit.param("child" if place.parent is not None else "id")
    return place, await load_row(visit, *place.steps, key)


async def get_edit(visit: Visit) -> Response:
    """The form of a row as it is."""
    place, row = await _load(visit)
    editor = await open_editor(visit, place, row)
    return await show_editor(
        visit, editor, Sheet(form=write_values(editor.fields, row))
    )


async def post_edit(visit: Visit) -> Response:
    """Change a row."""
    place, row = await _load(visit)
    return await save(visit, await open_editor(visit, place, row))


async def save(visit: Visit, editor: Editor) -> Response:
    """
    Change a row as was typed.

    Raises:
        Refused: Whoever asks may not.
    """
    place, row = editor.place, editor.row
    assert row is not None
    errors: dict[str, tuple[str, ...]] = {}
    values = read_values(editor.fields, visit.form, errors, row)
    if visit.form.get("stamp") != build_stamp(row):
        errors[""] = (CHANGED,)
    if errors:
        sheet = Sheet(form=visit.form, errors=errors)
        return await show_editor(visit, editor, sheet, status=409)
    body = build_changes(editor.fields, values, row)
    if not body:
        return visit_row(visit, place, row, "same")
    reply = await visit.call("PATCH", *place.steps, str(row["id"]), body=body)
    if not reply.is_good:
        return await refuse_form(visit, editor, reply)
    return visit_row(visit, place, row, "saved")


async def get_delete(visit: Visit) -> Response:
    """Ask whether a row may go."""
    place, row = await _load(visit)
    return _confirm(visit, place, row)


def _confirm(
    visit: Visit, place: Place, row: Row, problem: str = "", status: int = 200
) -> Response:
    return visit.show(
        "manager-delete.html",
        status=status,
        sheet=Sheet(errors={"": (problem,)} if problem else {}),
        here=(place.parent or place.kind).path,
        kind=place.kind,
        name=name_of(row, place.kind.path),
        action=build_own_url(visit.request.scope["path"]),
        back_url=_back(visit, place, row),
    )


async def post_delete(visit: Visit) -> Response:
    """Let a row go."""
    place, row = await _load(visit)
    reply = await visit.call("DELETE", *place.steps, str(row["id"]))
    if not reply.is_good:
        if reply.status in {401, 403, 404}:
            raise Refused(reply)
        return _confirm(visit, place, row, reply.message, reply.status)
    if place.parent is not None:
        return visit.go(place.parent.path, place.parent_id, done="deleted")
    return visit.go(*place.steps, done="deleted")
