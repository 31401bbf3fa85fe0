"""The lines of a history say what the topic says."""

from typing import Any

import orjson
import pytest
from builders import T0

from models import history
from models.announcing import CATALOGUE, POPULATION, Change
from models.changes import render


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [(None, True, "entered"), ("new", None, "left"), ("new", "老客", "changed"), (1, 2.5, "changed")],
)
@pytest.mark.parametrize(
    "cause", [("orders/3", 17), ("clicks/0@2", 4), ("", T0 - 5), (CATALOGUE, 3), (POPULATION, 8)]
)
@pytest.mark.parametrize("corrects", [(), (2, 3)])
def test_a_line_says_what_the_tag_change_says(
    old: Any, new: Any, kind: str, cause: tuple[str, int], corrects: tuple[int, ...]
) -> None:
    one = Change(4, "stage", 1, old, new, [], T0, *cause, corrects)
    (past,) = history.read(history.line(one, T0 + 5))
    data = orjson.loads(render(one, "c", 9, "epoch", T0 + 5))["data"]
    assert past.public() == {
        "seq": 4, "at_ms": T0, "known_ms": T0 + 5, "kind": "corrected" if corrects else kind,
        "tag": "stage", "old": old, "new": new, "cause": data["cause"],
    }  # fmt: skip


def test_lines_come_in_order_and_what_is_none_is_left_out() -> None:
    lines = [history.line(Change(n, "t", 1, None, True, [], T0, "", n), T0) for n in range(3)]
    stored = b"\n".join(
        [lines[0], b"", b"{", b"[1,2]", b"[1,2,3,4,5,6,7,8,9,[1,2]]", lines[1], b"7", lines[2]]
    )
    assert [past.seq for past in history.read(stored)] == [0, 1, 2]
    assert history.read(None) == history.read(b"") == []
