"""
The portal's API for those whom no provider signs in, and what mailed links are for.

Spec: portal §1.6 (`/auth`, `/verify-account`, `/forgot-password` and their like); security: enumeration,
login CSRF.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import JSONResponse, RedirectResponse, Response

from ostiary.http.challenge import parse_basic
from ostiary.model.portal import APPROVED, Developer
from ostiary.portal.accounts import Registered
from ostiary.portal.call import (
    UNAUTHORIZED,
    Call,
    Refused,
    read_meta,
    refuse_wrong,
    say,
)
from ostiary.portal.comings import tell_coming, tell_going
from ostiary.portal.config import Portal
from ostiary.portal.own import BASIC_AUTH, NOT_CURRENT
from ostiary.portal.people import standing_of
from ostiary.portal.replies import add_fields
from ostiary.portal.site import client_ip

_WRONG_OLD: Final = "Old password is invalid"


async def enter_own(call: Call) -> Response:
    """`/auth`: a session for an address and a password, or a key; DELETE ends it."""
    request, portal = call.request, call.portal
    if request.method == "DELETE":
        visitor = await call.meet()
        fields = await call.site.sign_ins.end(request, portal)
        if visitor.signed_in is not None:
            await tell_going(call.site, request, portal, visitor.developer)
        return add_fields(JSONResponse({}), fields)
    if request.method == "POST":
        raise say(405, "Method not allowed")
    if request.headers.get("sec-fetch-mode") == "navigate":
        # A link can hold a name and a password: nobody is signed in as somebody else by one.
        return RedirectResponse(f"{portal.gui}/login", status_code=303)
    is_foreign = request.headers.get("sec-fetch-site") == "cross-site"
    if is_foreign and request.headers.get("origin") not in portal.cors:
        raise say(403, "cross-site requests may not sign in")
    developer = await _check(call)
    if developer is None:
        raise say(401, UNAUTHORIZED)
    if developer.status != APPROVED:
        body = {"message": "Forbidden", "standing": standing_of(developer)}
        raise Refused(403, body)
    fields = await call.site.sign_ins.begin(request, portal, developer)
    await tell_coming(call.site, request, portal, developer)
    return add_fields(JSONResponse({}), fields)


async def _check(call: Call) -> Developer | None:
    """Whose credentials came along, whatever their status."""
    own, ip = call.portal.own, client_ip(call.request)
    assert own is not None
    if own.mode == BASIC_AUTH:
        said = call.request.headers.get("authorization", "")
        pair = parse_basic(said.encode("latin-1"))
        if pair is None:
            return None
        return await call.site.sign_ins.check_password(call.portal, *pair, ip)
    key = call.request.headers.get("apikey")
    return await call.site.sign_ins.check_key(call.portal, key, ip) if key else None


def show_own_session(portal: Portal, expires_at: float) -> dict[str, object]:
    """Until when a session lives, and how long one does."""
    assert portal.own is not None
    conf = portal.own.session
    cookie = {"lifetime": conf.rolling_s, "renew": conf.idle_s}
    return {"session": {"expires": int(expires_at), "cookie": cookie}}


async def register(call: Call) -> Response:
    """`POST /register`: somebody asks to become a developer."""
    portal, site = call.portal, call.site
    if not portal.has_sign_in:
        raise say(404, "Not found")
    site.accounts.count(portal, client_ip(call.request))
    given = await call.read()
    email, meta = given.get("email"), given.get("meta", {})
    if not isinstance(email, str) or not email:
        fields = {"email": "required field missing"}
        raise Refused(400, {"code": 2, "fields": fields})
    visitor = await call.meet()
    typed, secret = read_meta(meta), _read_new(portal, given)
    async with site.pace.even():
        done = await site.accounts.register(
            portal,
            visitor,
            email=email,
            meta=typed,
            client_ip=client_ip(call.request),
            secret=secret,
        )
        if done.is_unverified:
            await site.mailed.remind(portal, email)
    refuse_wrong(done)
    shown = done.row or {"email": email.lower(), "meta": meta, "status": done.status}
    return JSONResponse({"developer": shown})


def _read_new(portal: Portal, given: dict[str, object]) -> str | None:
    """
    The password or key that somebody chooses.

    Raises:
        Refused: There is none.
    """
    if portal.own is None:
        return None
    name = portal.own.secret_name
    value = given.get(name)
    if not isinstance(value, str) or not value:
        fields = {name: f"{name} is required"}
        raise Refused(400, {"code": 2, "fields": fields})
    return value


async def set_password(call: Call) -> Response:
    """`PATCH /developer/password`: another password (or key), for whoever knows the old one."""
    visitor = await call.developer()
    developer, portal = visitor.developer, call.portal
    assert developer is not None
    if portal.own is None:
        raise say(400, "this is changed at the identity provider")
    given, ip = await call.read(), client_ip(call.request)
    if portal.own.mode == BASIC_AUTH:
        old = given.get("old_password")
        is_known = isinstance(old, str) and await call.site.sign_ins.check_old(
            portal, developer, old, ip
        )
        if not is_known:
            raise say(400, _WRONG_OLD)
    secret = _read_new(portal, given)
    assert secret is not None
    done = await call.site.mailed.change(portal, developer, secret, ip)
    refuse_wrong(done)
    fields = await call.site.renew(call.request, portal, developer)
    return add_fields(Response(status_code=204), fields)


async def set_email(call: Call) -> Response:
    """
    `PATCH /developer/email`: another address; with verification, once its link is used.

    A session is not enough where there are passwords: with the address goes the account.
    """
    visitor = await call.developer()
    developer, portal = visitor.developer, call.portal
    assert developer is not None
    if portal.own is None:
        raise say(400, "this is changed at the identity provider")
    given, ip = await call.read(), client_ip(call.request)
    said, password = given.get("email"), given.get("password")
    if portal.own.mode == BASIC_AUTH:
        is_known = isinstance(password, str) and await call.site.sign_ins.check_old(
            portal, developer, password, ip
        )
        if not is_known:
            fields = {"password": NOT_CURRENT}
            raise Refused(400, {"code": 2, "fields": fields})
    email = said if isinstance(said, str) else ""
    async with call.site.pace.even():
        done = await call.site.mailed.ask_for_address(portal, developer, email, ip)
    if "cannot be used" in done.errors.get("email", ""):
        raise Refused(409, {"code": 5, "fields": dict(done.errors)})
    refuse_wrong(done)
    shown = done.row or {"id": developer.id, "email": developer.email}
    renewed = await call.site.renew(call.request, portal, developer)
    return add_fields(JSONResponse({"developer": shown}), renewed)


def _find_token(given: Mapping[str, object]) -> str:
    """
    The token of a mailed link.

    Raises:
        Refused: There is none.
    """
    token = given.get("token")
    if not isinstance(token, str) or not token:
        raise say(400, "token is required")
    return token


async def _read_token(call: Call) -> str:
    return _find_token(await call.read())


async def verify_account(call: Call) -> Response:
    """`POST /verify-account`: an address is somebody's, who chooses the password or key with it."""
    given, ip, own = await call.read(), client_ip(call.request), call.portal.own
    token = _find_token(given)
    said = None if own is None else given.get(own.secret_name)
    secret = said if isinstance(said, str) else None
    done = await call.site.mailed.verify(call.portal, token, ip, secret)
    if done is None:
        raise say(401, "Unauthorized")
    refuse_wrong(done)
    return JSONResponse({"status": done.status})


async def invalidate_verification(call: Call) -> Response:
    """`POST /invalidate-account-verification`: the owner of an address did not register."""
    token, ip = await _read_token(call), client_ip(call.request)
    if not await call.site.mailed.invalidate(call.portal, token, ip):
        raise say(401, "Unauthorized")
    return Response(status_code=204)


async def _read_email(call: Call) -> str:
    email = (await call.read()).get("email")
    if not isinstance(email, str) or not email:
        fields = {"email": "required field missing"}
        raise Refused(400, {"code": 2, "fields": fields})
    return email


async def resend_verification(call: Call) -> Response:
    """`POST /resend-account-verification`: the same answer for every address."""
    if not call.portal.has_sign_in:
        raise say(404, "Not found")
    email = await _read_email(call)
    async with call.site.pace.even():
        await call.site.mailed.resend(call.portal, email, client_ip(call.request))
    return Response(status_code=204)


async def forgot_password(call: Call) -> Response:
    """`POST /forgot-password`: the same answer for every address."""
    if not call.portal.can_reset:
        raise say(404, "Not found")
    email = await _read_email(call)
    async with call.site.pace.even():
        await call.site.mailed.forgot(call.portal, email, client_ip(call.request))
    return JSONResponse({})


async def validate_reset(call: Call) -> Response:
    """`POST /validate-reset`: whether a token is good; it stays so."""
    token, ip = await _read_token(call), client_ip(call.request)
    if await call.site.mailed.find_reset(call.portal, token, ip) is None:
        raise say(401, "Unauthorized")
    return JSONResponse({})


async def reset_password(call: Call) -> Response:
    """`POST /reset-password`: another password (or key) for whoever reads the mail."""
    if not call.portal.can_reset:
        raise say(404, "Not found")
    given, ip = await call.read(), client_ip(call.request)
    token = given.get("token")
    if not isinstance(token, str) or not token:
        raise say(400, "token is required")
    secret = _read_new(call.portal, given)
    assert secret is not None
    done: Registered | None = await call.site.mailed.reset(
        call.portal, token, secret, ip
    )
    if done is None:
        raise say(401, "Unauthorized")
    refuse_wrong(done)
    return JSONResponse({})
