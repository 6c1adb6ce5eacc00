"""An unmodified SDK that knows nothing of a pool site but its endpoint."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from socket import AF_INET, IPPROTO_TCP, SOCK_STREAM, socket
from typing import Any

import boto3
import botocore.session
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError
from starlette.types import ASGIApp

from tests.userpool.pool_shapes import find_faults

# Ports with a client each. They are kept: to make a client of the API's model takes longer than
# most calls.
_IDLE: list[tuple[socket, Any]] = []


def _take_port() -> tuple[socket, Any]:  # Any: made by boto3 of the API's model
    if _IDLE:
        return _IDLE.pop()
    # Said to be TCP's: only then does asyncio send answers at once (TCP_NODELAY).
    listening = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    atexit.register(listening.close)
    client = boto3.client(
        "cognito-idp",
        endpoint_url=_url(listening),
        region_name="ap-southeast-1",
        aws_access_key_id="any",
        aws_secret_access_key="thing",
        config=Config(retries={"max_attempts": 0}, parameter_validation=False),
    )
    return listening, client


def _url(listening: socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


class Sdk:
    """boto3 in a thread; every reply is judged by the model."""

    def __init__(self, url: str, client: Any) -> None:
        # Threads of its own: the site that is waited for has work for the usual ones.
        self._threads = ThreadPoolExecutor(16)
        self.url = url
        self._client = client

    async def call(self, operation: str, **members: Any) -> Any:
        method = botocore.xform_name(operation)
        ask = partial(getattr(self._client, method), **members)
        loop = asyncio.get_running_loop()
        reply = await loop.run_in_executor(self._threads, ask)

        assert find_faults(operation, reply) == []

        return reply

    async def refused(self, operation: str, **members: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            await self.call(operation, **members)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    def use(self, client: Any) -> None:
        """Call with another client of the same service."""
        self._client.close()
        self._client = client

    def close(self) -> None:
        self._client.close()
        self._threads.shutdown()


class PromptServer(uvicorn.Server):
    """
    Begins and ends when it is told to.

    The original looks ten times a second whether it is to end, and then waits as long once
    more: together longer than most tests take.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.began, self.told_to_end = asyncio.Event(), asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self.began.set()
        await self.told_to_end.wait()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        del sockets
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(0.001)


@asynccontextmanager
async def serve_sdk(app: ASGIApp) -> AsyncIterator[Sdk]:
    """Serve the site on a port of its own, and the SDK that talks to it."""
    listening, client = _take_port()
    server = PromptServer(
        uvicorn.Config(app, lifespan="off", log_config=None, log_level="warning")
    )
    task = asyncio.create_task(server.serve(sockets=[listening.dup()]))
    async with asyncio.timeout(20):
        await server.began.wait()
    sdk = Sdk(_url(listening), client)
    try:
        yield sdk
    finally:
        sdk.close()
        server.told_to_end.set()
        await task
        _IDLE.append((listening, client))
