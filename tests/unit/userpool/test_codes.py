"""Mailed codes: one at a time, once, for a while, with few tries and few mails."""

from __future__ import annotations

import pytest

from ostiary.model.pool import CodeKind, MailedCode
from ostiary.userpool.codes import Verdict, open_code, try_code

NOW = 10_000.0
RIGHT, WRONG = b"r" * 32, b"w" * 32


def opened(kind: CodeKind = CodeKind.CONFIRM) -> MailedCode:
    code, sent = open_code(MailedCode(), RIGHT, kind=kind, now=NOW)
    assert sent
    return code


def test_a_right_code_works_once() -> None:
    code, first = try_code(opened(), RIGHT, now=NOW)
    _, second = try_code(code, RIGHT, now=NOW)

    assert (first, second) == (Verdict.RIGHT, Verdict.EXPIRED)


def test_a_wrong_code_leaves_the_right_one_open() -> None:
    code, wrong = try_code(opened(), WRONG, now=NOW)
    _, right = try_code(code, RIGHT, now=NOW)

    assert (wrong, right) == (Verdict.WRONG, Verdict.RIGHT)


def test_a_new_code_ends_the_old_one() -> None:
    code, _ = open_code(opened(), WRONG, kind=CodeKind.CONFIRM, now=NOW)

    assert try_code(code, RIGHT, now=NOW)[1] is Verdict.WRONG


@pytest.mark.parametrize(
    ("kind", "lifetime_s"), [(CodeKind.CONFIRM, 86400), (CodeKind.RESET, 3600)]
)
def test_a_code_lives_as_long_as_its_kind(kind: CodeKind, lifetime_s: int) -> None:
    code = opened(kind)

    assert try_code(code, RIGHT, now=NOW + lifetime_s - 1)[1] is Verdict.RIGHT
    assert try_code(code, RIGHT, now=NOW + lifetime_s)[1] is Verdict.EXPIRED


def test_fifteen_tries_an_hour() -> None:
    code = opened()
    for _ in range(15):
        code, verdict = try_code(code, WRONG, now=NOW)
        assert verdict is Verdict.WRONG

    assert try_code(code, RIGHT, now=NOW + 3599)[1] is Verdict.TOO_MANY
    assert try_code(code, RIGHT, now=NOW + 3600)[1] is Verdict.RIGHT


def test_five_mails_an_hour() -> None:
    code = MailedCode()
    for _ in range(5):
        code, sent = open_code(code, RIGHT, kind=CodeKind.CONFIRM, now=NOW)
        assert sent

    assert not open_code(code, WRONG, kind=CodeKind.CONFIRM, now=NOW + 3599)[1]
    assert open_code(code, WRONG, kind=CodeKind.CONFIRM, now=NOW + 3600)[1]


def test_without_a_code_nothing_fits() -> None:
    assert try_code(MailedCode(), b"", now=NOW)[1] is Verdict.EXPIRED
