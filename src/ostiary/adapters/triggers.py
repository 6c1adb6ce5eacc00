"""
Triggers of user pools: Python functions of this process, or HTTP endpoints.

An endpoint is posted the event and answers it with the response filled in, as the runtime
interface emulator of AWS Lambda does; `errorMessage` in its answer is the trigger's own refusal.
A function takes the event and returns it; what it raises is its refusal.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from ostiary.ports.triggers import Event, TriggerRefused, TriggerUnavailable

_TRIES: Final = 3
_WITHIN_S: Final = 5.0
_LIMIT: Final = 1024 * 1024


class TriggerMissing(Exception):
    """A function that the settings name is not there."""

    code = "trigger_missing"


def load_function(target: str) -> Callable[[Event], object]:
    """
    The function of `module:name`.

    Raises:
        TriggerMissing: There is no such module, or no such function in it.
    """
    module, _, name = target.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise TriggerMissing(f"{target}: {error}") from error
    if not callable(found):
        raise TriggerMissing(f"{target} is no function")
    function: Callable[[Event], object] = found
    return function


@dataclass(slots=True)
class LocalTriggers:
    """Triggers by the last part of their resource name."""

    targets: Mapping[str, str | Callable[[Event], object]]
    _session: aiohttp.ClientSession | None = field(default=None, repr=False)

    async def close(self) -> None:
        """Give up connections; the triggers can be used no more."""
        if self._session is not None:
            await self._session.close()

    async def invoke(self, arn: str, event: Event) -> object:
        target = self.targets.get(arn.rpartition(":")[2]) or self.targets.get(arn)
        if target is None:
            raise TriggerUnavailable(
                "an error: userpool_triggers names nothing that runs it"
            )
        try:
            async with asyncio.timeout(_WITHIN_S):
                if isinstance(target, str):
                    return await self._post(target, event)
                return await _call(target, event)
        except TimeoutError as error:
            raise TriggerUnavailable("an error: it took longer than 5 s") from error

    async def _post(self, url: str, event: Event) -> object:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        for attempt in range(_TRIES):
            try:
                async with self._session.post(url, json=event) as reply:
                    body = await reply.content.read(_LIMIT)
                    failed = reply.status >= 500
            except aiohttp.ClientError as error:
                if attempt == _TRIES - 1:
                    raise TriggerUnavailable(
                        f"an error: {type(error).__name__}"
                    ) from error
                continue
            if not failed or attempt == _TRIES - 1:
                return _read_answer(body)
        raise AssertionError("the last attempt answers or raises")


def _read_answer(body: bytes) -> object:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    if isinstance(answer, dict) and "errorMessage" in answer:
        raise TriggerRefused(str(answer["errorMessage"]))
    return answer


async def _call(function: Callable[[Event], Any], event: Event) -> object:
    try:
        if inspect.iscoroutinefunction(function):
            return await function(event)
        return await asyncio.to_thread(function, event)
    except TimeoutError:
        raise
    except Exception as error:  # what a function raises is its answer
        raise TriggerRefused(str(error)) from error
