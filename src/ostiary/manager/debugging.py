"""
The debugger in the Manager: sign-ins step by step at any provider that the operator allows.

Whoever uses it has the node send requests, so it takes the same right as trying a plugin: to make one.

Spec: decision 0051.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

from starlette.responses import Response

from ostiary.http.forms import Pairs
from ostiary.http.url import build_origin
from ostiary.manager.plugins import check_right
from ostiary.manager.provider import DEBUGGER
from ostiary.manager.rows import missing
from ostiary.manager.signing_in import show_onward
from ostiary.manager.visit import DEFAULT, Visit
from ostiary.pages.rendering import DEBUGGER_DESIGN
from ostiary.ports.debugging import (
    FLOW_COOKIE,
    DebugCall,
    DebugFile,
    Debugger,
    DebugPage,
)
from ostiary.web.cookies import delete_cookie, read_cookie, set_cookie
from ostiary.web.replies import redirect

CALLBACK: Final = DEBUGGER
_FLOW_S: Final = 900
_MAX_COOKIES: Final = 60
_AGAIN: Final = "ostiary_again"
# Between the workspace and what is sealed, in the cookie of a sign-in: neither can hold it.
_MARK: Final = "!"


def _find(visit: Visit) -> Debugger:
    """The debugger; Refused, as for a page that is not there, where the operator has none."""
    if visit.config.debugger is None or not visit.config.has_debugger:
        raise missing()
    return visit.config.debugger


def _read_origin(visit: Visit) -> str:
    """The origin that the browser knows the Manager by."""
    if visit.config.home is not None:
        return visit.config.home
    scheme = "https" if visit.is_encrypted else "http"
    return build_origin(scheme, visit.request.headers["host"], None)


def _read_admin(visit: Visit, workspace: str) -> str:
    """The Admin API's address in a workspace, for lines that a person copies."""
    port = visit.config.kconfig.get("ADMIN_API_PORT") or "8001"
    place = "" if workspace == DEFAULT else f"/{quote(workspace, safe='')}"
    return f"http://127.0.0.1:{port}{place}"


def _read_query(visit: Visit) -> Pairs:
    # The gate has let nothing in that is no form: a browser wrote it.
    return tuple(visit.request.query_params.multi_items())


async def _answer(visit: Visit, workspace: str, **more: Any) -> Response:
    """Ask the debugger in the name of whoever visits. Any: fields of DebugCall."""
    origin = _read_origin(visit)
    found = await _find(visit).answer(
        DebugCall(
            query=_read_query(visit),
            redirect_uri=f"{origin}{CALLBACK}",
            origin=origin,
            admin=_read_admin(visit, workspace),
            owner="" if visit.person is None else visit.person.id,
            **more,
        )
    )
    if isinstance(found, DebugFile):
        return _save(found)
    return _show(visit, workspace, found)


def _save(file: DebugFile) -> Response:
    return Response(
        file.body,
        media_type=file.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        },
    )


def _show(visit: Visit, workspace: str, found: DebugPage) -> Response:
    action = f"/{quote(workspace, safe='')}/debugger"
    response = visit.show(
        "manager-debugger.html",
        status=found.status,
        here="debugger",
        designs=(DEBUGGER_DESIGN,),
        debug=found.values,
        action=action,
    )
    secure = visit.is_encrypted
    if found.flow is not None:
        name, sealed = found.flow
        value = f"{quote(workspace, safe='')}{_MARK}{sealed}"
        # Lax: it comes back from another site.
        set_cookie(response, name, value, path=CALLBACK, max_age_s=_FLOW_S, secure=secure)  # fmt: skip
    if found.done is not None:
        delete_cookie(response, found.done, path=CALLBACK, secure=secure)
    return response


async def get_debugger(visit: Visit) -> Response:
    """The debugger, empty or filled in by a link."""
    _find(visit)
    await check_right(visit, None)
    return await _answer(visit, visit.workspace)


async def post_debugger(visit: Visit) -> Response:
    """A step of it."""
    _find(visit)
    await check_right(visit, None)
    form = tuple((n, v) for n, values in visit.form.values.items() for v in values)
    return await _answer(visit, visit.workspace, form=form)


async def get_answer(visit: Visit) -> Response:
    """
    Take somebody back whom a provider sends.

    A browser that comes from another site brings no session: a page of ours leads on to this
    address once more.
    """
    debugger = _find(visit)
    query = _read_query(visit)
    asked = tuple((n, v) for n, v in query if n != _AGAIN)
    if visit.gate.asks and visit.person is None:
        if len(asked) < len(query):
            return redirect(f"/auth/sign-in?next={quote(f'/{DEFAULT}/debugger')}")
        again = urlencode([*asked, (_AGAIN, "1")])
        return show_onward(visit, f"{CALLBACK}?{again}", "Back from the provider")
    name = debugger.flow_cookie(asked)
    kept = None if name is None else read_cookie(visit.request, name)
    place, _, sealed = (kept or "").rpartition(_MARK)
    workspace = unquote(place) or visit.workspace
    visit.request.path_params["workspace"] = workspace
    await check_right(visit, None)
    others = {
        name: (read_cookie(visit.request, name) or "").rpartition(_MARK)[2]
        for name in list(visit.request.cookies)[:_MAX_COOKIES]
        if name.startswith(FLOW_COOKIE)
    }
    return await _answer(
        visit, workspace, flow=sealed or None, others=others, is_answer=True
    )
