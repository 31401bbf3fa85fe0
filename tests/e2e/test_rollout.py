"""Another catalogue comes into force while events come in: what was foreseen is what happens."""

from pathlib import Path

import orjson
import pytest
import rollout

from streams import catalogues, exporter
from streams.local.stack import LocalStack

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("kill", [False, True], ids=["calm", "a worker is killed"])
def test_a_changed_catalogue_reaches_everyone_and_leaves_nobody_behind(
    tmp_path: Path, seed: int, kill: bool
) -> None:
    settings = {"partitions": 4, "commit_interval_s": 0.3, "log_level": "warning"}
    with LocalStack(tmp_path, settings) as stack:
        stack.start_worker()
        stack.start_worker()
        ends = rollout.produce(stack, rollout.history(seed, 3_000, 15_000))
        client = exporter.connect(stack.config.redis_url)
        rollout.settle(stack, client, ends, 300)
        assert catalogues.read(client).revision == 1
        assert rollout.stale_members(client, stack.config) == ([], [])
        report = rollout.roll_out(stack, tmp_path, seed, ends, live_per_s=300, kill=kill)
        print(
            report._replace(
                unlike=report.unlike[:3], stale=report.stale[:3], wrong_sets=report.wrong_sets[:3]
            )
        )
        assert (report.unlike, report.stale, report.wrong_sets) == ([], [], [])
        assert report.customers > 1_500
        assert report.predicted > report.customers // 4
        assert 0 < report.touched < report.customers // 4
        listed = orjson.loads(rollout.cli(stack, "tags", "list", "--json"))
        assert {tag["id"] for tag in listed} >= {"frequent", "high_value"}
        assert "dormant" not in {tag["id"] for tag in listed}
        found = rollout.cli(stack, "members", "frequent").split()
        assert sorted(found) == sorted(catalogues.members(client, stack.config.buckets, "frequent"))
        assert int(rollout.cli(stack, "members", "lifecycle=new", "--count")) > 0
