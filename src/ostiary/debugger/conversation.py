"""
One visit to the debugger: what was typed and carried goes in, what to show comes out.

Spec: decision 0051.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from ostiary.debugger.carrying import CannotCarry, Carrier, name_cookie
from ostiary.debugger.desk import Desk, is_about_same
from ostiary.debugger.diagram import draw
from ostiary.debugger.report import report
from ostiary.debugger.showing import build_replay, build_values
from ostiary.debugger.stories import StoryInvalid, read_story
from ostiary.debugger.typed import Typed, judge_client, read_query, read_setup
from ostiary.debugger.values import Flow, Run, Setup
from ostiary.http.forms import MalformedForm, Pairs, first, parse_form
from ostiary.ports.debugging import DebugCall, DebugFile, DebugPage

MAX_AGE_S: Final = 900
_STALE: Final = "What this page carried cannot be read any more: the debugger was started anew, or the page is another person's. Begin again."
_UNKNOWN: Final = (
    "This answer belongs to no sign-in of this browser: it was taken before, is older than 15 minutes, was begun in another browser or at "
    "another address of the debugger, or the state was changed on the way. Begin again from here."
)  # fmt: skip
_TOO_LATE: Final = "This sign-in was begun more than 15 minutes ago. Begin again."
_NOT_BELIEVED: Final = "The answer was not used: the provider could not be looked up again, as is said below. Begin again when it can."
_FILLED_IN: Final = "A link on another page filled this in. See that it is your provider before you type a secret or sign in."
_WRONG: Final = "Nothing was sent: what is marked below needs another look."
_NOT_PASTED: Final = "That is no address with an answer: it must hold the code (or error) and the state of this sign-in."
Act = Callable[[Desk, Run], Awaitable[Run]]
_BEGINS: Final = frozenset({"discover", "sign_in", "client_credentials"})
# What needs tokens that are held already.
_FURTHER: Final[Mapping[str, Act]] = {
    "refresh": Desk.refresh,
    "userinfo": Desk.ask_userinfo,
    "introspection": Desk.introspect,
    "revocation": Desk.revoke,
    "logout": Desk.sign_out,
}
_NEEDS: Final = {
    "refresh": ("refresh_token",),
    "userinfo": ("access_token",),
    "introspection": ("access_token",),
    "revocation": ("refresh_token", "access_token"),
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """The debugger port."""

    desk: Desk
    carrier: Carrier

    def flow_cookie(self, query: Pairs) -> str | None:
        """As the port says."""
        state = first(query, "state")
        return None if not state else name_cookie(state)

    async def answer(self, call: DebugCall) -> DebugPage | DebugFile:
        """As the port says."""
        if call.is_answer:
            return await self._take_back(call)
        if call.form is None:
            setup = read_query(call.query, own_redirect_uri=call.redirect_uri)
            told = (
                _FILLED_IN
                if call.is_foreign and (setup.issuer or setup.client_id)
                else ""
            )
            return self._show(call, Run(setup=setup), warning=told)
        try:
            run = self._open(call)
        except CannotCarry:
            typed = read_setup(call.form, Setup(), own_redirect_uri=call.redirect_uri)
            return self._show(call, Run(setup=typed.setup), problem=_STALE, status=400)
        return await self._act(call, call.form, run)

    def replay(self, story: Mapping[str, object]) -> Mapping[str, object]:
        """As the port says."""
        try:
            return build_replay(read_story(story), story)
        except StoryInvalid:
            return {}

    def _open(self, call: DebugCall) -> Run:
        carried = first(call.form or (), "run")
        return (
            self.carrier.unpack(carried, call.owner, now=self.desk.clock.now())
            if carried
            else Run()
        )

    def _show(
        self,
        call: DebugCall,
        run: Run,
        *,
        errors: Mapping[str, str] | None = None,
        problem: str = "",
        warning: str = "",
        status: int = 200,
        flow: tuple[str, str] | None = None,
        done: str | None = None,
    ) -> DebugPage:
        values = build_values(
            run,
            sealed=self.carrier.pack(run, call.owner, now=self.desk.clock.now())
            if run.steps or run.setup.client_secret
            else "",
            admin=call.admin,
            own_redirect_uri=call.redirect_uri,
            errors=errors,
            problem=problem,
            warning=warning,
        )
        return DebugPage(values=values, status=status, flow=flow, done=done)

    async def _act(self, call: DebugCall, form: Pairs, run: Run) -> DebugPage | DebugFile:  # fmt: skip
        act = first(form, "act") or ""
        match act:
            case "save_report":
                return DebugFile(name="openid-connect-report.md", media_type="text/markdown", body=report(run).encode())  # fmt: skip
            case "save_diagram":
                return DebugFile(name="openid-connect-run.svg", media_type="image/svg+xml", body=draw(run, standalone=True).encode())  # fmt: skip
            case "paste":
                return await self._paste(call, form, run)
            case "replay":
                return self._replay(call, form)
            case "over":
                return self._show(call, Run(setup=replace(run.setup, client_secret="")))
        if (further := _FURTHER.get(act)) is not None:
            return await self._go_on(call, run, act, further)
        typed = read_setup(form, run.setup, own_redirect_uri=call.redirect_uri)
        return await self._begin(call, run, typed, act if act in _BEGINS else "discover")  # fmt: skip

    async def _go_on(self, call: DebugCall, run: Run, act: str, further: Act) -> DebugPage:  # fmt: skip
        needed = _NEEDS.get(act, ())
        if needed and not any(getattr(run.held, name) for name in needed):
            what = " or ".join(name.replace("_", " ") for name in needed)
            problem = f"There is no {what} for this step any more: sign in again."
            return self._show(call, run, problem=problem, status=400)
        return self._show(call, await further(self.desk, run))

    async def _begin(self, call: DebugCall, run: Run, typed: Typed, act: str) -> DebugPage:  # fmt: skip
        """Look a provider up, or begin a flow with it."""
        setup = typed.setup
        errors = typed.errors if act == "discover" else judge_client(setup, typed.errors)  # fmt: skip
        if errors:
            # What is known of one provider must not be taken for another's, nor a sign-in go on
            # that was begun with other values.
            is_same = is_about_same(run, setup)
            shown = replace(run, setup=setup, flow=None) if is_same else Run(setup=setup)  # fmt: skip
            return self._show(call, shown, errors=errors, problem=_WRONG, status=400)
        is_known = act != "discover" and run.document is not None and is_about_same(run, setup)  # fmt: skip
        if is_known:
            kept = tuple(s for s in run.steps if s.kind in {"discovery", "keys", "cors"})  # fmt: skip
            run = Run(setup=setup, steps=kept, document=run.document, keys=run.keys)
        else:
            run = await self.desk.discover(setup, origin=call.origin)
        if act == "discover" or not _may_go_on(run):
            return self._show(call, run)
        if act == "client_credentials":
            return self._show(call, await self.desk.use_client_credentials(run))
        return self._send(call, await self.desk.prepare(run))

    def _send(self, call: DebugCall, run: Run) -> DebugPage:
        """Show the way to the provider, with the cookie that the answer will be known by."""
        if run.flow is None:
            return self._show(call, run)
        try:
            flow = self.carrier.pack_flow(run.setup, run.flow, call.owner)
        except CannotCarry as error:
            return self._show(call, run, problem=f"This cannot be begun: {error}.", status=400)  # fmt: skip
        return self._show(call, run, flow=flow)

    async def _take_back(self, call: DebugCall) -> DebugPage:
        """Somebody comes back from the provider: what was begun is in their cookie."""
        state = first(call.query, "state") or ""
        blank = Run(setup=Setup(redirect_uri=call.redirect_uri))
        try:
            setup, flow = self.carrier.unpack_flow(call.flow or "", state, call.owner)
        except CannotCarry:
            return await self._doubt(call, blank)
        return await self._finish(call, Run(setup=setup), flow, call.query, done=name_cookie(state))  # fmt: skip

    async def _doubt(self, call: DebugCall, blank: Run) -> DebugPage:
        """An answer whose state belongs to no sign-in: held against the newest that waits, if one does."""
        waiting = []
        for name, text in call.others.items():
            try:
                waiting.append(self.carrier.unpack_named(text, name, call.owner))
            except CannotCarry:
                continue
        if not waiting or first(call.query, "state") is None:
            return self._show(call, blank, problem=_UNKNOWN, status=400)
        setup, flow = max(waiting, key=lambda one: one[1].begun_at)
        # Its cookie stays: its own answer may come yet. Nothing is redeemed: the state is another one.
        bare = replace(setup, client_secret="")
        return await self._finish(call, Run(setup=bare), flow, call.query, done=None)

    async def _paste(self, call: DebugCall, form: Pairs, run: Run) -> DebugPage:
        """The address that a browser came back to elsewhere, pasted here."""
        try:
            parts = urlsplit((first(form, "answer") or "").strip())
            pairs = parse_form(parts.query or parts.fragment or parts.path)
        except (ValueError, MalformedForm):  # brackets that hold no address
            pairs = ()
        if run.flow is None or first(pairs, "state") is None:
            return self._show(call, run, problem=_NOT_PASTED, status=400)
        return await self._finish(call, run, run.flow, pairs, done=name_cookie(run.flow.state))  # fmt: skip

    async def _finish(
        self, call: DebugCall, run: Run, flow: Flow, pairs: Pairs, *, done: str | None
    ) -> DebugPage:
        if self.desk.clock.now() - flow.begun_at > MAX_AGE_S:
            bare = replace(run.setup, client_secret="")
            return self._show(call, Run(setup=bare), problem=_TOO_LATE, status=400, done=done)  # fmt: skip
        if run.document is None:
            run = await self.desk.discover(run.setup)
            if not _may_go_on(run):  # nobody may get the code whom nobody vouches for
                return self._show(call, run, problem=_NOT_BELIEVED, status=400, done=done)  # fmt: skip
            run = self.desk.recall(run, flow)
        return self._show(call, await self.desk.finish(run, flow, pairs), done=done)

    def _replay(self, call: DebugCall, form: Pairs) -> DebugPage:
        """A story of the gateway that was pasted."""
        text = first(form, "story") or ""
        blank = Run(setup=Setup(redirect_uri=call.redirect_uri))
        try:
            run = read_story(json.loads(text))
        except (StoryInvalid, ValueError, RecursionError) as error:
            said = str(error) if isinstance(error, StoryInvalid) else "it is no JSON"
            return self._show(call, blank, problem=f"This cannot be replayed: {said}.", status=400)  # fmt: skip
        return self._show(call, run)


def _may_go_on(run: Run) -> bool:
    """Whether enough is known of the provider; a clock that is off hinders nobody yet."""
    early = [s for s in run.steps if s.kind in {"discovery", "keys"}]
    return all(not s.failure and all(c.code == "clock_off" or c.level == "note" for c in s.causes) for s in early)  # fmt: skip
