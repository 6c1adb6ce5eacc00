"""
The shared state and the session stores of fleets, on Redis (6 and later) or Valkey.

Nothing here imports the `redis` library until a Redis is first asked, so that processes
without one do not pay for it. An access list may be as narrow as this; `select` only
matters with a database, `publish` and `subscribe` only to the shared state, `incrby` to
the shared state and to counters of rate limits:

    ~<prefix>:* &<prefix>:* +get +set +del +pexpire +eval +zadd +zrem +zrevrange
    +zrangebyscore +zremrangebyscore +pexpireat +time +ping +select +publish +subscribe
    +incrby
"""

from __future__ import annotations

from ostiary.adapters.redis.shared import RedisShared
from ostiary.adapters.redis.store import RedisStore, RedisStores

__all__ = ["RedisShared", "RedisStore", "RedisStores"]
