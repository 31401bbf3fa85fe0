"""Dead letters by reason with a few samples; payloads are neither kept nor shown."""

from typing import Any

import orjson

from streams import keys
from streams.console.recorder import SAMPLES


async def page(client: Any) -> dict[str, Any]:
    """As `/api/dead-letters` has it; what the client raises goes to the caller."""
    pipe = client.pipeline(transaction=True)
    pipe.hgetall(keys.console("dead"))
    pipe.hgetall(keys.console("dead:last"))
    counts, last = await pipe.execute()
    reasons = sorted(counts, key=lambda reason: (-int(counts[reason]), reason))
    pipe = client.pipeline(transaction=False)
    for reason in reasons:
        pipe.lrange(keys.console(f"dead:{reason.decode()}"), 0, SAMPLES - 1)
    samples = await pipe.execute() if reasons else []
    rows = [
        {
            "reason": reason.decode(),
            "count": int(counts[reason]),
            "last_ms": int(last.get(reason, 0)) or None,
            "samples": [orjson.loads(one) for one in some],
        }
        for reason, some in zip(reasons, samples, strict=True)
    ]
    return {"total": sum(row["count"] for row in rows), "reasons": rows}
