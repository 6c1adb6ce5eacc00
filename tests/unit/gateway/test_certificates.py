"""Which certificate a name is shown."""

from __future__ import annotations

import pytest

from ostiary.gateway.certificates import (
    EMPTY_TABLE,
    CertificateTable,
    build_certificates,
)
from ostiary.model.certificates import Certificate, Sni


def row(number: int, *, other: bool = False) -> Certificate:
    # Rows are checked when they are accepted; a table only passes them on.
    return Certificate.model_construct(
        id=f"c{number}",
        cert=f"cert {number}",
        key=f"key {number}",
        cert_alt="other" if other else None,
        key_alt="its key" if other else None,
    )


def name(text: str, number: int) -> Sni:
    return Sni.model_construct(name=text, certificate=f"c{number}")


def table(*names: str) -> CertificateTable:
    return build_certificates(
        [row(n) for n in range(len(names))],
        [name(text, n) for n, text in enumerate(names)],
    )


def found(made: CertificateTable, asked: str | None) -> str | None:
    served = made.find(asked)
    return None if served is None else made_name(made, served.id)


def made_name(made: CertificateTable, identity: str) -> str:
    return next(n for n, i in made.names.items() if i == identity)


@pytest.mark.spec("Kong#1.8")
@pytest.mark.parametrize(
    ("known", "asked", "expected"),
    [
        (("a.b.c", "*.b.c", "a.b.*", "*"), "a.b.c", "a.b.c"),
        (("*.b.c", "a.b.*", "*"), "a.b.c", "*.b.c"),
        (("a.b.*", "*"), "a.b.c", "a.b.*"),
        (("*",), "a.b.c", "*"),
        (("*",), None, "*"),
        (("*",), "", "*"),
        (("*.b.c", "a.b.*"), None, None),
        (("a.b.c",), "A.B.C.", "a.b.c"),
        (("*.b.c",), "b.c", None),
        (("*.b.c",), "x.a.b.c", None),
        (("a.b.*",), "a.b", None),
        (("a.b.*",), "a.b.c.d", None),
        (("localhost",), "localhost", "localhost"),
        (("*.b",), ".b", None),
        ((), "a.b.c", None),
    ],
)
def test_the_nearest_name_is_served_and_others_get_the_listeners_own(
    known: tuple[str, ...], asked: str | None, expected: str | None
) -> None:
    assert found(table(*known), asked) == expected


@pytest.mark.spec("Kong#1.8")
def test_both_kinds_of_keys_of_a_row_are_served() -> None:
    both = build_certificates([row(0, other=True)], [name("a.b", 0)]).find("a.b")

    assert both is not None
    assert [(p.cert, p.key) for p in both.pairs] == [
        ("cert 0", "key 0"),
        ("other", "its key"),
    ]


def test_a_certificate_without_a_name_is_not_held() -> None:
    made = build_certificates([row(0), row(1)], [name("a.b", 1), name("c.d", 7)])

    assert set(made.certificates) == {"c1"}
    assert made.find("c.d") is None


def test_a_table_that_says_the_same_is_the_same() -> None:
    first = build_certificates([row(0)], [name("a.b", 0)])

    assert build_certificates([row(0)], [name("a.b", 0)], first) is first
    assert build_certificates([row(0)], [name("a.c", 0)], first) is not first
    assert build_certificates([], [], EMPTY_TABLE) is EMPTY_TABLE


def test_keys_are_in_no_representation() -> None:
    made = table("a.b")
    served = made.find("a.b")

    assert served is not None
    assert "key" not in repr(made) + repr(served) + repr(served.pairs)
