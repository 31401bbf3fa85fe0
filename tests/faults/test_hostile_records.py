"""Hostile records among good ones: each refused with a reason, all good ones applied, no restart."""

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from faults.crash_run import within_contract
from hostile import hostile
from oracle import SHIPPED, OracleSettings, compare, recompute

from streams import exporter
from streams.cli.replay import wait_settled
from streams.local import load
from streams.local.stack import LocalStack
from streams.local.synthetic import synthetic
from streams.recorded import records
from streams.topics import DEAD_LETTER

HOSTILE = int(os.environ.get("HOSTILE_RECORDS", "50000"))
GOOD = 5_000
START_MS, END_MS = 1_483_228_800_000, 1_490_000_000_000

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(1800)]


def test_hostile_records_are_dead_letters_and_harm_nothing(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    good = within_contract(synthetic(seed, 500, GOOD, START_MS, END_MS))

    def rows() -> Iterator[tuple[str, bytes, bytes | None]]:
        waiting = iter(good)
        every = HOSTILE // len(good)
        for number, (kind, value) in enumerate(hostile(seed, HOSTILE)):
            yield load.TOPIC_OF[kind], str(rng.randrange(1000)).encode(), value
            if number % every == 0 and (event := next(waiting, None)):
                yield load.TOPIC_OF[event["type"]], event["customer_id"].encode(), orjson.dumps(event)
        for event in waiting:
            yield load.TOPIC_OF[event["type"]], event["customer_id"].encode(), orjson.dumps(event)

    with LocalStack(tmp_path, {"clock": "event", "relay_durable": False, "log_level": "warning"}) as stack:
        ends = asyncio.run(load.produce(stack.config.brokers, rows()))
        worker = stack.start_worker()
        client = exporter.connect(stack.store.url)
        wait_settled(client, stack.config.buckets, ends, 0, [worker])
        assert worker.running
        assert refused(stack.config.brokers) == HOSTILE
        expected = recompute(good, END_MS, settings=OracleSettings(catalogue_text=SHIPPED))
        ids = exporter.customer_ids(client)
        found = dict(exporter.documents(client, ids, stack.config.buckets, stack.config.rules(), END_MS, 0))
        assert found.keys() == expected.keys()
        assert {cid: lines for cid in found if (lines := compare(expected[cid], found[cid]))} == {}


def refused(brokers: str) -> int:
    """How many records are dead letters; a worker that joins its group again may say so of one twice."""
    letters = [orjson.loads(record.value) for record in records(brokers, (DEAD_LETTER,))]
    return len({(one["topic"], one["partition"], one["offset"]) for one in letters})
