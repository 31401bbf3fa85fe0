"""One light for the whole deployment: are profiles fresh? Pure."""

from collections.abc import Mapping
from typing import Any

WAITING_S = 10.0  # tag changes that wait so long for Kafka
DELAY_S = 5.0  # timers that fire so late


def verdict(live: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """`state` (ok, warn, bad, unknown) and `why`, codes, worst first.

    Args:
        live: as of `/api/live`.
        facts: `is_there` (whether a worker has ever used the store), `workers` that live, `held_back`,
            `durable`, `lag_slo_s`, `dead_per_s`.
    """
    if not facts["is_there"]:
        return {"state": "unknown", "why": ["no_deployment"]}
    lag_s, slo_s = live["lag"]["seconds"], facts["lag_slo_s"]
    bad = {
        "no_worker": not facts["workers"],
        "stale": lag_s is not None and lag_s > slo_s,
        "held_back": facts["held_back"],
    }
    warn = {
        "lagging": lag_s is not None and slo_s / 2 < lag_s <= slo_s,
        "outbox_waits": live["outbox"]["oldest_s"] > WAITING_S,
        "timers_late": (live["timers"]["delay_p99_s"] or 0.0) > DELAY_S,
        "dead_letters": facts["dead_per_s"] > 0,
        "not_durable": not facts["durable"],
    }
    why = [code for code, holds in {**bad, **warn}.items() if holds]
    if any(bad.values()):
        return {"state": "bad", "why": why}
    if lag_s is None:
        return {"state": "unknown", "why": ["no_lag", *why]}
    return {"state": "warn" if why else "ok", "why": why}
