"""What a run tells: the table, the verdicts, and the same as JSON."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.figures import (
    MOIDC,
    Measured,
    Spread,
    Verdict,
    compare,
    show_size,
    spread,
)
from bench.options import Options
from bench.rows import Absent

HEAD = (
    f"{'system':<17}{'case':<22}{'reply':<13}{'200':>4}{'refused':>9}{'req/s':>8}"
    f"{'CPU µs/request':>24}{'×nginx':>8}{'×moidc':>8}{'µs@50%':>8}{'p50 ms':>8}{'p99 ms':>8}  version"
)


def _times(value: Spread | None) -> str:
    return f"{value.median:.2f}" if value else "–"


def _line(rows: Sequence[Measured], row: Measured) -> str:
    kind = f"{show_size(row.reply_bytes)} {'TLS' if row.tls else 'plain'}"
    start = f"{row.system:<17}{row.case:<22}{kind:<13}"
    if row.error:
        return f"{start}FAILED: {row.error}"
    cpu = spread(row.cpu_us)
    shown = f"{cpu.median:.1f} ({cpu.low:.1f}–{cpu.high:.1f})"
    refused = "/".join(str(status) for status in row.refused) or "–"
    return (
        f"{start}{row.accepted:>4}{refused:>9}{spread(row.rps).median:>8.0f}{shown:>24}"
        f"{_times(compare(rows, row, 'nginx')):>8}{_times(compare(rows, row, MOIDC)):>8}"
        f"{row.half_us or 0:>8.1f}{row.p50_ms or 0:>8.2f}{row.p99_ms or 0:>8.2f}  {row.version}"
    )


def build_table(
    rows: Sequence[Measured], absent: Sequence[Absent], verdicts: Sequence[Verdict]
) -> str:
    """The run as text: a line per row, a line per row that could not be had, the budget."""
    lines = [HEAD, *(_line(rows, row) for row in rows)]
    lines += [f"{row.system:<17}{row.case:<22}{row.reason}" for row in absent]
    lines += ["", "Budget (CPU ratios inside a round: median, smallest–largest)"]
    lines += [f"  {verdict.describe()}" for verdict in verdicts]
    return "\n".join(lines)


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    match = re.search(r"model name\s*: (.*)", text)
    return match[1] if match else platform.machine()


def describe_machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _bounds(value: Spread | None) -> list[float] | None:
    return [round(value.low, 3), round(value.high, 3)] if value else None


def _middle(value: Spread | None) -> float | None:
    return round(value.median, 3) if value else None


def _row(rows: Sequence[Measured], row: Measured) -> dict[str, Any]:
    nginx, moidc = compare(rows, row, "nginx"), compare(rows, row, MOIDC)
    cpu = spread(row.cpu_us) if row.cpu_us else None
    return {
        "system": row.system,
        "version": row.version,
        "case": row.case,
        "tls": row.tls,
        "reply_bytes": row.reply_bytes,
        "rps": round(spread(row.rps).median) if row.rps else None,
        "cpu_us": _middle(cpu),
        "p50_ms": None if row.p50_ms is None else round(row.p50_ms, 3),
        "p99_ms": None if row.p99_ms is None else round(row.p99_ms, 3),
        "ratio_nginx": _middle(nginx),
        "ratio_moidc": _middle(moidc),
        "cpu_us_at_half": None if row.half_us is None else round(row.half_us, 3),
        "cpu_us_range": _bounds(cpu),
        "ratio_nginx_range": _bounds(nginx),
        "ratio_moidc_range": _bounds(moidc),
        "status": row.accepted,
        "refused": list(row.refused),
        "error": row.error or None,
    }


def build_json(
    rows: Sequence[Measured],
    absent: Sequence[Absent],
    verdicts: Sequence[Verdict],
    options: Options,
) -> str:
    """The run as JSON; `rows` has the fields of the table, null where there is no figure."""
    data = {
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": describe_machine(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "rows": [_row(rows, row) for row in rows],
        "absent": [
            {"system": row.system, "case": row.case, "reason": row.reason}
            for row in absent
        ],
        "budget": [
            {
                "case": v.budget.case,
                "against": v.budget.against,
                "limit": v.budget.limit,
                "tls": v.tls,
                "reply_bytes": v.reply_bytes,
                "ratio": _middle(v.ratio),
                "range": _bounds(v.ratio),
                "met": v.met,
            }
            for v in verdicts
        ],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
