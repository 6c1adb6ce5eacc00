"""
The CSV of a user import: its header, and what a row says of a person.

Spec: cognito §3.4 (GetCSVHeader), §3.14 (import).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ostiary.model.fields import compile_pattern
from ostiary.model.pool import Pool
from ostiary.model.pool_settings import STANDARD_ATTRIBUTES, PoolSettings
from ostiary.userpool.accounts import Newcomer, check_name
from ostiary.userpool.api.service import load_service
from ostiary.userpool.attributes import check_required, check_values, find_custom
from ostiary.userpool.refusal import AccountError

USERNAME: Final = "cognito:username"
MFA: Final = "cognito:mfa_enabled"
_MAX_ROW: Final = 16_000
_TRUTHS: Final = frozenset({"true", "false"})
# A name that no call of the API could say is nobody's.
_NAMES: Final = compile_pattern(load_service().shapes["UsernameType"].pattern or "")


class UnreadableFile(Exception):
    """The file cannot be imported at all; `code` is the job's completion message."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class WrongRow(Exception):
    """A row that is not a user of this pool."""

    code = "wrong_row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Who is to be imported, and whether a second factor is asked of them."""

    newcomer: Newcomer = field(repr=False)
    wants_mfa: bool


def build_header(settings: PoolSettings) -> list[str]:
    """The columns of a pool's import file, in the usual order."""
    standard = [name for name in STANDARD_ATTRIBUTES if name != "sub"]
    return [*standard, *find_custom(settings), MFA, USERNAME]


def read_rows(settings: PoolSettings, text: str) -> Iterator[list[str]]:
    """
    The rows of a file, each in the order of `build_header`.

    Raises:
        UnreadableFile: No CSV, or its columns are not the pool's.
    """
    lines = csv.reader(io.StringIO(text), strict=True)
    try:
        header = [name.strip() for name in next(lines, [])]
        wanted = build_header(settings)
        if sorted(header) != sorted(wanted):
            raise UnreadableFile("InvalidHeader")
        places = [header.index(name) for name in wanted]
        for cells in lines:
            if cells:
                is_whole = len(cells) == len(header)
                yield [cells[place] for place in places] if is_whole else []
    except csv.Error as error:
        raise UnreadableFile("InvalidFile") from error


def _choose_name(settings: PoolSettings, values: dict[str, str]) -> str:
    named = [values.get(name) for name in settings.UsernameAttributes or ()]
    return next((name for name in named if name), values.get(USERNAME, ""))


def _check_proofs(settings: PoolSettings, values: dict[str, str]) -> None:
    for name in settings.AutoVerifiedAttributes or ():
        if values.get(name) and values.get(f"{name}_verified", "") not in _TRUTHS:
            raise WrongRow(f"{name}_verified is missing")


def judge_row(pool: Pool, cells: list[str]) -> Row:
    """
    Who a row is about.

    Raises:
        WrongRow: Too long, without what an import needs, or against the pool's schema.
    """
    if not cells or sum(map(len, cells)) + len(cells) > _MAX_ROW:
        raise WrongRow("the row has another number of cells, or is too long")
    settings = pool.settings
    pairs = zip(build_header(settings), (c.strip() for c in cells), strict=True)
    values = {name: cell for name, cell in pairs if cell}
    for name in (MFA, "email_verified", "phone_number_verified"):
        if name in values:
            values[name] = values[name].lower()
    if values.get(MFA) not in _TRUTHS:
        raise WrongRow(f"{MFA} is neither true nor false")
    _check_proofs(settings, values)
    name = _choose_name(settings, values)
    if not _NAMES.fullmatch(name):
        raise WrongRow("the name has characters that no name may have")
    attributes = {k: v for k, v in values.items() if k not in {MFA, USERNAME}}
    try:
        check_required(settings, attributes)
        check_values(settings, attributes)
        check_name(settings, name)
    except AccountError as error:
        raise WrongRow(error.code) from error
    return Row(
        newcomer=Newcomer(name=name, attributes=attributes),
        wants_mfa=values[MFA] == "true",
    )
