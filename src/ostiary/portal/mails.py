"""
The portal's mails: templates with their values filled in, as HTML and as plain text. Pure.

A template is text with names in double braces and no code: what is no name that we know stays as it
stands. Nobody's words but the developer's own are repeated, on one line and without what mail
programs make links of: a mail of ours must not say what a stranger wants it to say.

Spec: portal §1.8; decision 0046.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ostiary.model.headmatter import MAX_HEAD_CHARS, split_headmatter
from ostiary.model.safe_yaml import BadText, parse_yaml
from ostiary.portal.mail_texts import LAYOUT, TEXTS, Event, Template
from ostiary.portal.plain_text import build_plain_text

_MAX_VALUE_CHARS: Final = 80
_MAX_SUBJECT_CHARS: Final = 200
MAX_TEMPLATE_CHARS: Final = 64 * 1024
_NAME: Final = re.compile(r"\{\{\s*([a-z_]+(?:\.[A-Za-z0-9_-]{1,64}){1,2})\s*\}\}")
_BODY: Final = re.compile(r"\{\*\s*page\.body\s*\*\}")
# A dot that a mail program may take for one in a host's name.
_DOT: Final = re.compile(r"(?<=[^\W_])\.(?=[^\W_])")
_META: Final = "email.developer_meta."


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """
    What mails may name. `manager` is the Manager's public URL, None where there is none.

    `is_proven` is whether nobody signs in without the address being proven to be theirs; `meta` is
    what the developer says of themselves, with every field that the portal asks for. The links of
    `links` (`verify_url`, `invalidate_url`, `reset_url`) and the `token` in them are secrets.
    `token_exp_s` is how long they are good. `application` is what the mail is about, by name and id.
    """

    portal_name: str
    portal_url: str
    workspace: str
    email: str
    name: str
    manager: str | None = None
    is_proven: bool = True
    meta: Mapping[str, str] = field(default_factory=dict, repr=False)
    links: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: str = field(default="", repr=False)
    token_exp_s: int = 0
    application: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail as it is sent."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


_DOUBT: Final = "Mind that nobody has verified that this address is theirs: make sure who asks before you approve."


def read_template(contents: str) -> Template | None:
    """The template that a file holds; None for one that is none, our own is used then."""
    head, body = split_headmatter(contents)
    if len(contents) > MAX_TEMPLATE_CHARS or not body.strip():
        return None
    try:
        found = parse_yaml(head) if head and len(head) <= MAX_HEAD_CHARS else None
    except BadText:
        return None
    if not isinstance(found, dict):
        return None
    subject, heading, layout = (
        found.get(name) for name in ("subject", "heading", "layout")
    )
    if not isinstance(subject, str) or not subject.strip():
        return None
    return Template(
        subject=subject,
        body=body,
        heading=heading if isinstance(heading, str) else "",
        layout=layout if isinstance(layout, str) else None,
    )


def build_mail(
    event: Event,
    facts: Facts,
    *,
    template: Template | None = None,
    layout: str | None = None,
) -> Mail:
    """
    A mail.

    Args:
        template: What a file of the workspace says, None for our own words.
        layout: What stands around the body, None for our own.
    """
    used = template or TEXTS[event]
    values = _build_values(facts)
    heading = _fill(used.heading, values)
    inner = _fill_html(used.body, values)
    # Last and once: no value and no body is read as a template.
    frame = _fill_html(layout or LAYOUT, {**values, "page.heading": heading})
    whole = _BODY.sub(lambda _: inner, frame)
    subject = _flat(_fill(used.subject, values), most=_MAX_SUBJECT_CHARS)
    return Mail(subject=subject, text=build_plain_text(inner), html=whole)


def _build_values(facts: Facts) -> dict[str, str]:
    name, identity = facts.application or ("", "")
    values = {
        "portal.url": facts.portal_url,
        "portal.gui_url": facts.portal_url,
        "portal.name": _flat(facts.portal_name),
        "email.developer_email": _flat(facts.email, most=254),
        "email.developer_name": facts.email
        if facts.name == facts.email
        else _name(facts.name),
        "email.workspace": _flat(facts.workspace),
        "email.admin_gui_url": facts.manager or "",
        "email.admin_url": facts.manager or "",
        "email.token": facts.token,
        "email.token_exp": say_time(facts.token_exp_s),
        "email.doubt": "" if facts.is_proven else _DOUBT,
        "email.review": _say_where(facts),
        "email.application_name": _name(name),
        "email.application_id": identity,
        "theme.images.logo": "",
    }
    values |= {f"email.{name}": url for name, url in facts.links.items()}
    return values | {f"{_META}{k}": _name(v) for k, v in facts.meta.items()}


def _say_where(facts: Facts) -> str:
    """Where an admin decides."""
    place = f"{facts.workspace}/developers/requested"
    otherwise = f"PATCH /{facts.workspace}/developers/{facts.email} status=0"
    if facts.application is not None:
        _, identity = facts.application
        place = f"{facts.workspace}/applications/{identity}#requested"
        otherwise = f"/{facts.workspace}/applications/{identity}/application_instances"
    if facts.manager:
        return f"Decide in the Manager: {facts.manager}/{place}"
    return f"Decide in the Manager or with the Admin API: {otherwise}"


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _NAME.sub(lambda match: values.get(match[1], match[0]), text)


def _fill_html(text: str, values: Mapping[str, str]) -> str:
    return _fill(text, {name: html.escape(value) for name, value in values.items()})


def _flat(text: str, *, most: int = _MAX_VALUE_CHARS) -> str:
    """One line without what mail programs make links of, or decode."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    clean = clean.replace("://", ":/ /").replace("www.", "www ").replace("=?", "= ?")
    clean = " ".join(clean.split())
    return clean[:most]


def _name(text: str) -> str:
    """What somebody calls themselves or theirs: nothing in it looks like a host."""
    return _DOT.sub(". ", _flat(text))


def say_time(seconds: int) -> str:
    """So much time in words: `6 hours`."""
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= 2 * size or seconds == size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"
