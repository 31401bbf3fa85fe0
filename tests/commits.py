"""What the workers' group has committed, as the broker tells it."""

from streams.config import Config
from streams.lag.broker import BrokerProbe
from streams.store.contract import Unavailable


def committed(config: Config) -> dict[tuple[str, int], int]:
    """Offsets by (topic, partition), where there are any; a broker too busy to answer tells nothing yet."""
    probe = BrokerProbe(config)
    try:
        rows = probe.look(None).partitions
    except Unavailable:
        return {}
    finally:
        probe.close()
    return {row.key: row.committed for row in rows if row.committed}
