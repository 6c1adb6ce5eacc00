"""
The files themselves, as the portal's API lists them to somebody. Pure.

Spec: portal §1.6 (GET /files must respect `readable_by`), §3.4.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ostiary.model.headmatter import Headmatter, read_page, read_spec_headmatter
from ostiary.model.safe_yaml import BadText, parse_json, parse_yaml
from ostiary.portal.content.access import Reader, judge_reading
from ostiary.portal.content.site import Site
from ostiary.portal.content.source import Source

AnySource = TypeVar("AnySource", bound=Source)


def list_readable(
    site: Site, files: Iterable[AnySource], reader: Reader
) -> list[AnySource]:
    """Those of a site's files that somebody may read: no mails, and nothing private."""
    heads = {entry.path: entry.head for entry in site.routes.values()}
    found = []
    for file in files:
        if file.path.startswith("emails/"):
            continue
        if not file.path.startswith(("content/", "specs/")):
            found.append(file)
            continue
        head = heads.get(file.path) or _read_head(file)
        if head is None or head.private:
            continue
        verdict = judge_reading(head.readable_by, reader, has_auth=site.has_auth)
        if verdict == "allowed":
            found.append(file)
    return found


def _read_head(file: Source) -> Headmatter | None:
    """The head of a file without an address; None of one that does not read."""
    try:
        if file.path.startswith("content/"):
            return read_page(file.contents)[0]
        is_json = file.path.endswith(".json")
        return read_spec_headmatter(
            parse_json(file.contents) if is_json else parse_yaml(file.contents)
        )
    except BadText:
        return None
