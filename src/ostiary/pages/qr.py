"""
QR codes as part of a page: one path, no script, no other file.

The only importer of segno (decision 0028).
"""

from __future__ import annotations

import io
from typing import Final

import segno
from markupsafe import Markup

# Light around it, as readers need, whatever the page's colour is.
_BORDER: Final = 4


def build_qr(text: str) -> Markup:
    """An SVG element that shows a text as a QR code; its size is the style sheet's to say."""
    code = segno.make(text, error="m", micro=False)
    out = io.BytesIO()
    code.save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=False,
        nl=False,
        omitsize=True,
        border=_BORDER,
        dark="#000",
        light="#fff",
        svgclass="qr-code",
        lineclass=None,
    )
    svg = out.getvalue().decode("ascii")
    # Who cannot see it is told beside it.
    return Markup(svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))  # noqa: S704 - made by segno of numbers alone
