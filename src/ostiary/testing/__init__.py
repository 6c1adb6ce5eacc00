"""
A user pool for the tests of an application: started, driven and stopped from Python.

    with running_user_pool() as pool:
        boto3.client("cognito-idp", endpoint_url=pool.endpoint_url, ...)

The pytest plugin that comes with the package offers it as the fixture `cognito`.
"""

from __future__ import annotations

from ostiary.testing.pool import LocalUserPool, Mail, PoolNotReady, running_user_pool

__all__ = ["LocalUserPool", "Mail", "PoolNotReady", "running_user_pool"]
