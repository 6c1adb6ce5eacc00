"""An unmodified SDK that knows nothing of a pool site but its endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from socket import socket
from typing import Any

import boto3
import botocore.session
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError
from starlette.types import ASGIApp

from tests.userpool.pool_shapes import find_faults


class Sdk:
    """boto3 in a thread; every reply is judged by the model."""

    def __init__(self, url: str) -> None:
        # Threads of its own: the site that is waited for has work for the usual ones.
        self._threads = ThreadPoolExecutor(16)
        self.url = url
        self._client: Any = boto3.client(
            "cognito-idp",
            endpoint_url=url,
            region_name="ap-southeast-1",
            aws_access_key_id="any",
            aws_secret_access_key="thing",
            config=Config(retries={"max_attempts": 0}, parameter_validation=False),
        )

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
    server = PromptServer(
        uvicorn.Config(app, port=0, lifespan="off", log_level="warning")
    )
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        await server.began.wait()
    port = server.servers[0].sockets[0].getsockname()[1]
    client = Sdk(f"http://127.0.0.1:{port}")
    try:
        yield client
    finally:
        client.close()
        server.told_to_end.set()
        await task
