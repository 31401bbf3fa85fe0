"""How many partitions a topic has, asked of a client that may answer too early."""

import pytest

from streams import topics
from streams.topics import partitions_of


class Client:
    """Knows the topic only from its n-th answer on, as one whose metadata are on their way."""

    def __init__(self, known_from: float) -> None:
        self.asked, self._known_from = 0, known_from

    def partitions_for_topic(self, _: str) -> set[int]:
        self.asked += 1
        return {0, 1} if self.asked >= self._known_from else set()


@pytest.mark.parametrize(
    ("known_from", "found", "asked"), [(1, {0, 1}, 1), (4, {0, 1}, 4), (float("inf"), set(), 5)]
)
def test_a_topic_is_asked_for_more_than_once(
    known_from: float, found: set[int], asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics.time, "sleep", lambda _: None)
    client = Client(known_from)
    assert (partitions_of(client, "orders"), client.asked) == (found, asked)
