"""What every live process says of itself, in Redis: for whoever can read that but not reach the processes.

Each leaves its exposition under a key of its own that runs out by itself, and its name in one sorted set, so
that reading them never has to look for keys among the profiles.
"""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from streams import keys

EVERY_S = 2.0
TTL_S = 10
_MOST = 1_000  # processes read


class Vitals(NamedTuple):
    """What one process says: its role, its name, and its metrics as `prometheus_client` parses them."""

    role: str
    name: str
    families: Sequence[Family]

    def value(self, name: str, **labels: str) -> float | None:
        """A sample by its full name; None where there is none with these labels."""
        for family in self.families:
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        return None


async def write(client: Any, role: str, name: str, exposition: bytes) -> None:
    """Leave it for `TTL_S` seconds.

    Args:
        client: asyncio Redis client; what it raises goes to the caller.
        role: of the process.
        name: of the process, unique in its role.
        exposition: text as of /metrics.
    """
    process, now_ms = f"{role}:{name}", int(time.time() * 1000)
    pipe = client.pipeline(transaction=False)
    pipe.set(keys.vitals(process), exposition, ex=TTL_S)
    pipe.zadd(keys.VITALS, {process: now_ms + TTL_S * 1000})
    await pipe.execute()


async def expire(client: Any) -> None:
    """Take out the names of those who have not written for `TTL_S`; the client's errors go to the caller."""
    await client.zremrangebyscore(keys.VITALS, "-inf", int(time.time() * 1000) - 1)


async def erase(client: Any, role: str, name: str) -> None:
    """The process ends: it is not alive any more."""
    process = f"{role}:{name}"
    pipe = client.pipeline(transaction=False)
    pipe.delete(keys.vitals(process))
    pipe.zrem(keys.VITALS, process)
    await pipe.execute()


async def read(client: Any) -> list[Vitals]:
    """All live processes, sorted by role and name; one whose text cannot be parsed is left out.

    Args:
        client: asyncio Redis client; what it raises goes to the caller.
    """
    texts = await raw(client)
    found = ((*process.partition(":")[::2], _parsed(text)) for process, text in texts)
    return [Vitals(role, name, families) for role, name, families in found if families is not None]


async def raw(client: Any) -> list[tuple[str, str]]:
    """All live processes, "role:name" and exposition, sorted."""
    processes = sorted(one.decode() for one in await client.zrange(keys.VITALS, 0, _MOST - 1))
    texts = await client.mget([keys.vitals(one) for one in processes]) if processes else []
    pairs = zip(processes, texts, strict=True)
    return [(process, text.decode("utf-8", "replace")) for process, text in pairs if text is not None]


def _parsed(text: str) -> list[Family] | None:
    try:
        return list(text_string_to_metric_families(text))
    except ValueError:
        return None
