"""
A row of the configuration as columns: what is secret of it sealed, what is unique of it named.

Spec: decision D17 (secrets at rest).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import RowMapping

from ostiary.adapters.sql.config_tables import MAX_VALUE_CHARS
from ostiary.jose.errors import BrokenSeal
from ostiary.jose.seal import NONCE_BYTES, seal, unseal
from ostiary.model.access import EVERYTHING, RbacRoleEntity
from ostiary.model.kinds import EVERY_KIND, OF_MODEL, Kind
from ostiary.model.row import Row
from ostiary.model.workspaces import workspace_of
from ostiary.ports.pool_store import StoreUnavailable

Values = dict[str, Any]  # Any: columns
# For what is unique everywhere, whatever its workspace.
EVERYWHERE: Final = ""
_NULL: Final = "\x00"
# The field by which what is said of a row refers to it.
RULE_ABOUT: Final = "entity_id"


@dataclass(frozen=True, slots=True)
class Sealer:
    """Rows to columns and back, with the key of the database."""

    key: bytes = field(repr=False)

    def row_values(self, row: Row) -> Values:
        """The columns of `config_rows`; a row with a secret is sealed whole."""
        kind = OF_MODEL[type(row)]
        text = row.model_dump_json()
        is_secret = any(getattr(row, name) is not None for name in kind.sealed)
        return {
            "kind": kind.name,
            "id": row.id,
            "workspace": workspace_of(row),
            "body": "" if is_secret else text,
            "sealed": self._seal(kind.name, row.id or "", text) if is_secret else None,
        }

    def _seal(self, kind: str, identity: str, text: str) -> bytes:
        return seal(
            self.key,
            text.encode(),
            aad=_aad(kind, identity),
            nonce=os.urandom(NONCE_BYTES),
        )

    def read_text(
        self, kind: str, identity: str, body: str, sealed: bytes | None
    ) -> bytes:
        """
        A row as JSON, as it was when it was kept.

        Raises:
            StoreUnavailable: It was sealed with another key.
        """
        if sealed is None:
            return body.encode()
        try:
            return unseal(self.key, bytes(sealed), aad=_aad(kind, identity))
        except BrokenSeal:
            raise StoreUnavailable(
                "the database's secrets were sealed with another key: "
                "every node needs the same secrets/database.key"
            ) from None

    def read_row(self, found: RowMapping) -> Row:
        """
        Read back `row_values`.

        Raises:
            StoreUnavailable: It was sealed with another key.
        """
        model = EVERY_KIND[found["kind"]].model
        text = self.read_text(
            found["kind"], found["id"], found["body"], found["sealed"]
        )
        return model.model_validate_json(text, strict=False)

    def read_line(
        self, kind: str, identity: str, body: str, sealed: bytes | None
    ) -> bytes:
        """
        A row as a line of a configuration; it is not read, for it was checked when it was kept.

        Raises:
            StoreUnavailable: It was sealed with another key.
        """
        return kind.encode() + b" " + self.read_text(kind, identity, body, sealed)

    def name_value(
        self, kind: Kind, values: tuple[object, ...], *, secret: bool
    ) -> str:
        """What is compared where something must be unique; no secret can be read from it."""
        text = json.dumps([kind.name, *values]) if len(values) > 1 else str(values[0])
        if secret:
            return hmac.digest(self.key, text.encode(), "sha256").hex()
        if len(text) > MAX_VALUE_CHARS - 1 or _NULL in text:
            return "#" + hashlib.sha256(text.encode()).hexdigest()
        return "=" + text

    def names(self, row: Row) -> Iterator[tuple[tuple[str, ...], str]]:
        """(fields, value) of everything that is unique of a row."""
        kind = OF_MODEL[type(row)]
        for fields in kind.unique:
            values = tuple(getattr(row, name) for name in fields)
            if values[0] is None or (len(values) == 1 and None in values):
                continue
            secret = any(name in kind.sealed for name in fields)
            yield fields, self.name_value(kind, values, secret=secret)


def _aad(kind: str, identity: str) -> bytes:
    return f"ostiary config row 1 {kind} {identity}".encode()


def references(row: Row) -> Iterator[tuple[str, str, str]]:
    """(field, kind, id) of everything that a row refers to."""
    for reference in OF_MODEL[type(row)].references:
        value = getattr(row, reference.field)
        for identity in value or () if reference.is_list else (value,):
            if identity is not None:
                yield reference.field, reference.kind, identity
    # What is said of a row goes with it.
    if isinstance(row, RbacRoleEntity) and row.entity_id != EVERYTHING:
        yield RULE_ABOUT, row.entity_type, row.entity_id
