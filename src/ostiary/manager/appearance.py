"""
How a workspace's portal looks: colours, fonts, logo and icon of its theme, as a form.

What is saved is the theme's own file, `themes/<theme>/theme.conf.yaml`, through the files of the Admin
API; what the form does not know stays in it.

Spec: portal §§3.5, 3.9 (Appearance).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from ostiary.manager.forms import Form, Sheet
from ostiary.manager.stamps import CHANGED, build_stamp
from ostiary.manager.visit import Refused, Visit
from ostiary.model.files import PORTAL_CONF
from ostiary.model.safe_yaml import BadText, parse_yaml
from ostiary.model.theme import is_colour, is_font, is_picture

Json = dict[str, Any]  # Any: JSON
_USUAL_THEME: Final = "base"
_THEME: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_MANY: Final = "1000"
_COLOURS: Final = (
    ("accent", "Accent"), ("page", "Page"), ("header", "Header"), ("hero", "Hero"),
    ("footer", "Footer"), ("text_primary", "Text"), ("text_secondary", "Quiet text"),
    ("text_headings", "Headings"), ("text_links", "Links"), ("text_hero", "Text on the hero"),
    ("button_primary_fill", "Buttons"), ("button_primary_text", "Text on buttons"),
)  # fmt: skip
_FONTS: Final = (("base", "Text"), ("headings", "Headings"), ("code", "Code"))
_IMAGES: Final = (("logo", "Logo"), ("favicon", "Icon"))
_NOT_COLOUR: Final = "must be a colour, such as #1f5a52 or rgb(31 90 82)"
_NOT_FONT: Final = "must be names of fonts, with commas between them"
_NOT_PICTURE: Final = (
    "must be the path of a file of the theme, such as assets/images/logo.svg"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One value of the theme: where it is in the file, and in the form."""

    part: str
    key: str
    label: str

    @property
    def id(self) -> str:
        """Its name in the form."""
        return f"{self.part}.{self.key}"

    def judge(self, text: str) -> str | None:
        """What is wrong with a value; None where nothing is."""
        match self.part:
            case "fonts":
                return None if is_font(text) else _NOT_FONT
            case "images":
                return None if is_picture(text) else _NOT_PICTURE
        return None if is_colour(text) else _NOT_COLOUR


_PARTS: Final = (
    ("colors", "Colours", _COLOURS),
    ("dark_colors", "Colours on dark screens", _COLOURS),
    ("fonts", "Fonts", _FONTS),
    ("images", "Pictures", _IMAGES),
)
GROUPS: Final = tuple(
    (title, tuple(Entry(part=part, key=key, label=label) for key, label in known))
    for part, title, known in _PARTS
)


def _entries() -> Iterator[Entry]:
    for _, entries in GROUPS:
        yield from entries


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """The theme's file as it is; `row` None where there is none yet."""

    path: str
    said: Json
    row: Json | None

    @property
    def stamp(self) -> str:
        return build_stamp(self.row)


def _read_record(text: str) -> Json:
    """
    A YAML record; nothing is an empty one.

    Raises:
        BadText: It cannot be read.
    """
    found = parse_yaml(text)
    return dict(found) if isinstance(found, dict) else {}


async def _find(visit: Visit, path: str) -> Json | None:
    """A file of the portal, if it is there. Raises Refused."""
    reply = await visit.call("GET", "files", *path.split("/"))
    if reply.status == 404:
        return None
    if not reply.is_good:
        raise Refused(reply)
    found: Json = reply.value
    return found


async def _load(visit: Visit) -> _File:
    """
    The theme that the portal has.

    Raises:
        Refused: Its files may not be seen.
        BadText: One of them cannot be read.
    """
    conf = await _find(visit, PORTAL_CONF)
    theme = _read_record(conf["contents"]).get("theme") if conf else None
    name = theme.get("name") if isinstance(theme, dict) else theme
    if not isinstance(name, str) or not _THEME.fullmatch(name):
        name = _USUAL_THEME
    path = f"themes/{name}/theme.conf.yaml"
    row = await _find(visit, path)
    said = _read_record(row["contents"]) if row else {}
    return _File(path=path, said=said, row=row)


def read_values(said: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """What the form shows of a theme's file: values may stand alone or in a record."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in _entries():
        part = said.get(entry.part)
        value = part.get(entry.key) if isinstance(part, dict) else None
        text = value.get("value") if isinstance(value, dict) else value
        found[entry.id] = (text if isinstance(text, str) else "",)
    return found


def change_theme(said: Mapping[str, Any], form: Form) -> Json:
    """A theme's file with what was typed; an empty field is left out of it."""
    changed: Json = {**said}
    for entry in _entries():
        part = changed.get(entry.part)
        values = dict(part) if isinstance(part, dict) else {}
        text, before = form.get(entry.id), values.get(entry.key)
        if not text:
            values.pop(entry.key, None)
        elif isinstance(before, dict):
            values[entry.key] = {**before, "value": text}
        else:
            values[entry.key] = text
        changed[entry.part] = values
    return {k: v for k, v in changed.items() if v != {} or k in said}


async def _show(visit: Visit, file: _File, sheet: Sheet, status: int = 200) -> Response:
    told = await visit.look("files", fields="path", size=_MANY)
    folder = f"{file.path.rpartition('/')[0]}/"
    paths = sorted(row["path"] for row in (told or {"data": []})["data"])
    return visit.show(
        "manager-appearance.html",
        status=status,
        here="portal-appearance",
        groups=GROUPS,
        sheet=sheet,
        path=file.path,
        stamp=file.stamp,
        assets=[
            path.removeprefix(folder)
            for path in paths
            if path.startswith(f"{folder}assets/")
        ],
        portal_url=visit.config.portal_url(visit.workspace),
    )


def _show_unreadable(visit: Visit, error: BadText) -> Response:
    text = f"The file of the theme cannot be read: {error}. Correct it in the editor."
    return visit.show(
        "manager-error.html",
        status=409,
        number=409,
        title="The theme cannot be read",
        message=text,
        action_url=visit.url("portal", "files"),
        action_label="Open the editor",
    )


async def get_appearance(visit: Visit) -> Response:
    """The theme as a form."""
    try:
        file = await _load(visit)
    except BadText as error:
        return _show_unreadable(visit, error)
    return await _show(visit, file, Sheet(form=Form(read_values(file.said))))


async def post_appearance(visit: Visit) -> Response:
    """Save the theme."""
    try:
        file = await _load(visit)
    except BadText as error:
        return _show_unreadable(visit, error)
    if visit.form.get("stamp") != file.stamp:
        sheet = Sheet(form=visit.form, errors={"": (CHANGED,)})
        return await _show(visit, file, sheet, 409)
    errors = {
        entry.id: (wrong,)
        for entry in _entries()
        if (text := visit.form.get(entry.id)) and (wrong := entry.judge(text))
    }
    if errors:
        return await _show(visit, file, Sheet(form=visit.form, errors=errors), 400)
    changed = change_theme(file.said, visit.form)
    if changed == file.said:
        return visit.go("portal", "appearance", done="same")
    contents = visit.config.dump_yaml(changed)
    if file.row is None:
        body = {"path": file.path, "contents": contents}
        reply = await visit.call("POST", "files", body=body)
    else:
        steps = file.path.split("/")
        reply = await visit.call("PATCH", "files", *steps, body={"contents": contents})
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    if not reply.is_good:
        sheet = Sheet(form=visit.form, errors={"": (reply.message,)})
        return await _show(visit, file, sheet, reply.status)
    return visit.go("portal", "appearance", done="appearance")
