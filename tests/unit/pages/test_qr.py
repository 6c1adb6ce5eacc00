"""QR codes in pages."""

from __future__ import annotations

import re

from ostiary.pages.qr import build_qr


def test_a_code_is_one_plain_svg_element() -> None:
    svg = build_qr("otpauth://totp/pool:ada?secret=ABC&issuer=<pool>")

    assert svg.startswith("<svg ")
    assert svg.endswith("</svg>")
    assert 'aria-hidden="true"' in svg
    assert set(re.findall(r"<(\w+)", svg)) == {"svg", "path"}
    assert not re.search(r"\bstyle=|\bon\w+=|href|&", svg)


def test_texts_differ_in_their_codes() -> None:
    assert build_qr("a") != build_qr("b")
    assert build_qr("a") == build_qr("a")
