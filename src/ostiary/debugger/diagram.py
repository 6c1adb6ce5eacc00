"""
A run as a sequence diagram: who asked whom what, what came back, and where it went wrong.

What is drawn is planned in `sequence`. Every text is a stranger's: escaped, cut, and without signs that XML or a reader's eye could stumble over. Within a
page it has classes and no styles, as the content security policy wants; a file of its own has both.

Spec: SVG 2; XML 1.0 §2.2 (the characters that may occur).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from html import escape
from typing import Final

from ostiary.debugger.sequence import (
    NAMES,
    Arrow,
    Mark,
    Party,
    Remark,
    find_reasons,
    plan_run,
    tell_request,
)
from ostiary.debugger.values import Run, Step

_READ_ALOUD: Final = 'role="img" aria-labelledby="run-diagram-title run-diagram-desc"'
_FONT: Final = 'font-family="system-ui, sans-serif" font-size="13"'
_WIDTH: Final = 640
_EDGE: Final = 44  # half of the widest name, so that the outer ones fit
_SIGN: Final = 7  # about what a sign of a font of 13 takes
_HEAD: Final = 40
_ARROW: Final = 27
_REMARK: Final = 18
_GAP: Final = 10
# The file is opened by whatever there is: plain colours, no variables.
_STYLE: Final = """
.d-back { fill: #fffefb; }
.d-line { stroke: #1d2328; } .d-text { fill: #1d2328; }
line.d-muted { stroke: #59636b; } text.d-muted, text.d-note { fill: #59636b; }
text.d-good { fill: #1d5c34; } text.d-bad { fill: #9c2118; }
text { paint-order: stroke; stroke: #fffefb; stroke-width: 4px; stroke-linejoin: round; }
@media (prefers-color-scheme: dark) {
  .d-back { fill: #1c2225; }
  .d-line { stroke: #e9e6df; } .d-text { fill: #e9e6df; }
  line.d-muted { stroke: #a7b0b3; } text.d-muted, text.d-note { fill: #a7b0b3; }
  text.d-good { fill: #a5dcb3; } text.d-bad { fill: #ffb4aa; }
  text { stroke: #1c2225; }
}
"""


def draw(run: Run, *, standalone: bool) -> str:
    """
    The diagram of a run as SVG; nothing for an empty run.

    Args:
        standalone: A file of its own, with colours for light and dark. Otherwise the page's style
            sheet says what `d-line`, `d-good`, `d-bad`, `d-note`, `d-text` and `d-muted` look like.
    """
    if not run.steps:
        return ""
    plans = plan_run(run)
    places = _place(plans)
    drawn, bottom = _draw_all(plans, places)
    space = ' xmlns="http://www.w3.org/2000/svg"' if standalone else ""
    size = f'viewBox="0 0 {_WIDTH} {bottom}" width="{_WIDTH}" height="{bottom}"'
    head = [
        f'<svg{space} class="run-diagram" {size} {_READ_ALOUD} {_FONT}>',
        '<title id="run-diagram-title">Sequence diagram of the run</title>',
        f'<desc id="run-diagram-desc">{escape(_tell(run.steps))}</desc>',
    ]
    if standalone:
        head.insert(0, '<?xml version="1.0" encoding="UTF-8"?>')
        head.append(f"<style>{_STYLE}</style>")
        head.append('<rect class="d-back" width="100%" height="100%"/>')
    lines = (_draw_lifeline(party, x, bottom) for party, x in places.items())
    return "\n".join([*head, *lines, *drawn, "</svg>", ""])


def _tell(steps: Iterable[Step]) -> str:
    """The run for those who do not see the picture."""
    return " ".join(
        f"{number}. {_tell_step(step)}." for number, step in enumerate(steps, start=1)
    )


def _tell_step(step: Step) -> str:
    parts = [] if step.sent is None else [_cut(tell_request(step.sent), 80 * _SIGN)]
    parts += [] if step.got is None else [str(step.got.status)]
    parts.append("ok" if step.is_good else "failed")
    reasons = find_reasons(step)
    why = f" ({_cut(reasons, 160 * _SIGN)})" if reasons else ""
    return f"{_cut(step.title, 80 * _SIGN)}: {', '.join(parts)}{why}"


def _place(plans: Iterable[Iterable[Mark]]) -> dict[Party, int]:
    """Where each of those who take part has its line."""
    there: set[Party] = set()
    for mark in (mark for marks in plans for mark in marks):
        there |= {mark.source, mark.target} if isinstance(mark, Arrow) else {mark.party}
    parties = [party for party in NAMES if party in there]
    if len(parties) == 1:
        return {parties[0]: _EDGE}
    span = (_WIDTH - 2 * _EDGE) // (len(parties) - 1)
    return {party: _EDGE + index * span for index, party in enumerate(parties)}


def _draw_all(
    plans: Iterable[Iterable[Mark]], places: dict[Party, int]
) -> tuple[list[str], int]:
    """Every mark, and how far down they reach."""
    found, y = [], _HEAD
    for marks in plans:
        for mark in marks:
            if isinstance(mark, Arrow):
                found.append(_draw_arrow(mark, places, y))
                y += _ARROW
            else:
                found.append(_draw_remark(mark, places, y))
                y += _REMARK
        y += _GAP
    return found, y + _GAP


def _draw_lifeline(party: Party, x: int, bottom: int) -> str:
    return (
        f'<text class="d-text" x="{x}" y="20" text-anchor="middle" font-weight="bold" '
        f'fill="currentColor">{NAMES[party]}</text>'
        f'<line class="d-muted" x1="{x}" y1="28" x2="{x}" y2="{bottom - _GAP}" '
        'stroke="currentColor" stroke-opacity="0.5"/>'
    )


def _draw_arrow(arrow: Arrow, places: dict[Party, int], y: int) -> str:
    start, end = places[arrow.source], places[arrow.target]
    line, back = y + 21, -7 if end > start else 7
    dashes = ' stroke-dasharray="5 4"' if arrow.is_reply else ""
    return (
        f'<line class="d-line" x1="{start}" y1="{line}" x2="{end}" y2="{line}" '
        f'stroke="currentColor"{dashes}/>'
        f'<path class="d-line" d="M{end + back} {line - 4}L{end} {line}L{end + back} {line + 4}" '
        'stroke="currentColor" fill="none"/>'
        f'<text class="d-text" x="{(start + end) // 2}" y="{y + 15}" text-anchor="middle" '
        f'fill="currentColor">{escape(_cut(arrow.text, abs(end - start) - 8))}</text>'
    )


def _draw_remark(remark: Remark, places: dict[Party, int], y: int) -> str:
    place = places[remark.party]
    is_last = place > _WIDTH // 2
    # On the right there is no room beside the line but to its left.
    x, room = (place - 8, place - 16) if is_last else (place + 8, _WIDTH - place - 16)
    anchor = ' text-anchor="end"' if is_last else ""
    return (
        f'<text class="{remark.look}" x="{x}" y="{y + 14}"{anchor} fill="currentColor">'
        f"{escape(_cut(remark.text, room))}</text>"
    )


def _cut(text: str, pixels: int) -> str:
    """A text that fits, with … where something is missing."""
    shown = "".join(map(_show, text[:_WIDTH]))
    room = pixels // _SIGN
    if sum(map(_measure, shown)) <= room:
        return shown
    found = ""
    for sign in shown:
        room -= _measure(sign)
        if room < 1:
            break
        found += sign
    return f"{found.rstrip()}…"


def _show(sign: str) -> str:
    """A sign that may stand in XML and turns nothing around: no controls, halves or bidi marks."""
    kind = unicodedata.category(sign)
    if kind in {"Zl", "Zp"} or sign in "\t\r\n":
        return " "
    return "\ufffd" if kind.startswith("C") else sign


def _measure(sign: str) -> int:
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1
