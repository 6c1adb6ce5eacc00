"""A plan as people read it: `+` comes, `~` changes, `-` goes. What may be secret is masked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ostiary.admin.redaction import (
    Known,
    is_secret_name,
    is_secret_text,
    read_fields,
)
from ostiary.model.kinds import OF_MODEL, Kind
from ostiary.model.plan import Key, Plan, Update, row_key
from ostiary.model.row import Row

MASK: Final = "******"
_LONGEST: Final = 80


def describe_plan(plan: Plan, there: Iterable[Row]) -> Iterator[str]:
    """The lines of a plan, and how many rows each sign has."""
    rows = {row_key(row): row for row in (*there, *plan.puts)}
    for row in plan.creates:
        yield f"+ {_name(row, rows)}"
    for update in plan.updates:
        yield f"~ {_name(update.after, rows)}"
        for line in _describe_update(update):
            yield f"    {line}"
    for row in plan.deletes:
        yield f"- {_name(row, rows)}"
    yield describe_counts(plan)


def describe_counts(plan: Plan) -> str:
    """How many rows come, change, go and stay."""
    return (
        f"{len(plan.creates)} to create, {len(plan.updates)} to update, "
        f"{len(plan.deletes)} to delete, {plan.same} the same"
    )


def _name(row: Row, rows: Mapping[Key, Row]) -> str:
    """The kind of a row, what it is called, and what it belongs to."""
    kind = OF_MODEL[type(row)]
    words = [kind.name, _call(row, kind)]
    for reference in kind.references:
        value = getattr(row, reference.field)
        if isinstance(value, str):
            other = rows.get((reference.kind, value))
            called = value if other is None else _call(other, OF_MODEL[type(other)])
            words.append(f"({reference.field} {called})")
    return " ".join(words)


def _call(row: Row, kind: Kind) -> str:
    for field in (kind.endpoint_key, "name", "username", "custom_id", "group"):
        value = getattr(row, field, None) if field else None
        if isinstance(value, str) and field not in kind.sealed:
            return _shorten(value)
    return row.id or ""


def _describe_update(update: Update) -> Iterator[str]:
    kind = OF_MODEL[type(update.after)]
    before = update.before.model_dump(mode="json")
    after = update.after.model_dump(mode="json")
    fields = read_fields(type(update.after), sealed=kind.sealed)
    for name in update.fields:
        for path, old, new, is_secret in _leaves(
            name, before[name], after[name], fields.get(name)
        ):
            yield f"{path}: {_show(old, is_secret=is_secret)} -> {_show(new, is_secret=is_secret)}"


def _leaves(
    path: str,
    old: Any,
    new: Any,
    known: Known | None,
    *,
    is_secret: bool = False,
) -> Iterator[tuple[str, Any, Any, bool]]:  # Any: JSON
    """The values that differ, with their paths, and whether they may be secret."""
    last = path.rpartition(".")[2]
    is_secret |= known is None or known.is_secret or is_secret_name(last)
    if not (isinstance(old, dict) and isinstance(new, dict)):
        yield path, old, new, is_secret
        return
    below = (known.below if known else None) or {}
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield from _leaves(
                f"{path}.{name}", old.get(name), new.get(name), below.get(name),
                is_secret=is_secret,
            )  # fmt: skip


def _show(value: Any, *, is_secret: bool) -> str:  # Any: JSON
    # A number or a switch is nobody's password, and most of a plugin's config is that.
    if is_secret and not (value is None or isinstance(value, bool | int | float)):
        return MASK
    text = json.dumps(value, ensure_ascii=False)
    return MASK if is_secret_text(text) else _shorten(text)


def _shorten(text: str) -> str:
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
