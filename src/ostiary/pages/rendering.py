"""
Turn a template's name and values into a page.

Every page is one self-contained document: the design system's stylesheet stands in its head,
and nothing else is fetched. Values are escaped; a value that a template needs and nobody gave
is an error, never an empty string.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, FunctionLoader, StrictUndefined

from ostiary.pages.languages import ENGLISH, load_words

_ROOT: Final = files("ostiary.pages")
DESIGN: Final = _ROOT.joinpath("design.css").read_text(encoding="utf-8").strip()
# Rules outside a layer win over those in one, however they are selected: so an operator's style
# sheet, which may name single classes only, decides.
LAYERED_DESIGN: Final = f"@layer design {{ {DESIGN} }}"
CONSOLE_DESIGN: Final = (
    _ROOT.joinpath("console.css").read_text(encoding="utf-8").strip()
)
PORTAL_DESIGN: Final = _ROOT.joinpath("portal.css").read_text(encoding="utf-8").strip()

MANAGER_DESIGN: Final = (
    _ROOT.joinpath("manager.css").read_text(encoding="utf-8").strip()
)
DEBUGGER_DESIGN: Final = (
    _ROOT.joinpath("debugger.css").read_text(encoding="utf-8").strip()
)


def _read_template(name: str) -> str | None:
    # Names come from our own code; the check keeps a slip from reading elsewhere.
    if "/" in name or "\\" in name or name.startswith("."):
        return None
    path = _ROOT.joinpath("templates", name)
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _read_time(at: float) -> datetime | None:
    """None for what no calendar has: one odd row must not hide all others."""
    try:
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _iso(at: float) -> str:
    time = _read_time(at)
    return str(at) if time is None else time.isoformat(timespec="seconds")


def _day(at: float) -> str:
    time = _read_time(at)
    return str(at) if time is None else f"{time:%d %B %Y, %H:%M UTC}"


def _date(at: float) -> str:
    time = _read_time(at)
    return str(at) if time is None else f"{time:%d %b %Y}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_read_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"iso": _iso, "day": _day, "date": _date}
    environment.globals["design"] = DESIGN
    environment.globals["language"] = ENGLISH
    environment.globals["t"] = load_words(ENGLISH).say
    environment.globals["console_design"] = CONSOLE_DESIGN
    environment.globals["manager_design"] = MANAGER_DESIGN
    environment.globals["portal_design"] = PORTAL_DESIGN
    environment.globals["debugger_design"] = DEBUGGER_DESIGN
    return environment


def render(name: str, /, **context: object) -> bytes:
    """
    The page made of `templates/<name>` and the given values; what UTF-8 cannot say is `?`.

    Raises:
        jinja2.TemplateNotFound: There is no such template.
        jinja2.UndefinedError: The template needs a value that was not given.
    """
    text = _environment().get_template(name).render(context)
    return text.encode(errors="replace")


def render_error(
    *,
    status: int,
    title: str,
    message: str,
    action_url: str | None,
    action_label: str | None,
    request_id: str,
) -> bytes:
    """The page for a refused or failed request: what happened and what to do next."""
    return render(
        "error.html",
        status=status,
        title=title,
        message=message,
        action_url=action_url,
        action_label=action_label,
        request_id=request_id,
        code=None,
    )
