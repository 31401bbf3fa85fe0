"""What is shown of a look: JSON, lines, a screen, metrics over HTTP, and the page on what they mean."""

import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families as parsed
from rich.console import Console
from shell.test_lag_verdict import LIVE, T0, part, sample

from streams.cli import cli
from streams.lag import report
from streams.lag.gauges import fill
from streams.lag.sample import Group, Stored
from streams.lag.screen import History, screen
from streams.lag.serve import Latest, Server
from streams.lag.tracker import Look, Tracker
from streams.lag.verdict import MEANING, Limits, Verdict, judge
from streams.metrics.declared import LAG, METRICS, PREFIX
from streams.metrics.sheet import Sheet
from streams.store.contract import Unavailable

PAGE = (Path(__file__).parents[2] / "deploy/schema/LAG.md").read_text(encoding="utf-8")
LIMITS = Limits(5.0)


@pytest.fixture
def tracker() -> Tracker:
    return Tracker(window_s=20, stalled_s=30, step_s=1, limit_s=5)


@pytest.fixture
def busy(tracker: Tracker) -> Look:
    """One partition stands, one grows, one is caught up, one has lost records."""
    stored = Stored({}, 2, 1_234, T0 + 36_500)
    for at_s in (0, 20, 40):
        look = tracker.add(
            sample(
                at_s,
                part(7, 9, 100 + at_s, at_s),
                part(at_s, at_s * 1_000 + 1_000, 12, at_s, partition=11),
                part(50, 50, partition=2, topic="clicks"),
                part(5, 20, 3, at_s, partition=3, topic="service", begin=10),
                stored=stored,
                dead_letters=4,
            )
        )
    return look


def shown(look: Look) -> dict[str, Any]:
    made = orjson.loads(orjson.dumps(report.as_object(look, judge(look, LIMITS), "crew")))
    assert isinstance(made, dict)
    return made


def test_the_object_says_it_all(busy: Look) -> None:
    made = shown(busy)
    assert (made["verdict"], made["code"], made["total"]) == ("data_gap", 6, 2 + 40_960 + 10)
    assert [why["verdict"] for why in made["why"]] == ["data_gap", "stalled", "growing"]
    assert (made["append_s"], made["event_s"], made["over_s"]) == (140.0, 200.0, 20.0)
    assert (made["rate_in"], made["rate_out"], made["trend"], made["catch_up_s"]) == (
        1_000,
        1,
        "growing",
        None,
    )
    assert made["outbox"] == {"entries": 1_234, "oldest_s": 3.5}
    assert (made["group"], made["group_state"], made["members"], made["workers"]) == ("crew", "Stable", 2, 2)
    first = made["partitions"][0]
    assert (first["topic"], first["stood_s"], first["stalled"], first["lag"]) == ("orders", 40.0, True, 2)


def test_the_page_names_every_field_and_no_other(busy: Look, tracker: Tracker) -> None:
    made = shown(busy)
    tables = re.split(
        r"^Of each partition", PAGE.split("## `--json`")[1].split("## `--serve")[0], flags=re.MULTILINE
    )
    named = [
        {
            name
            for row in re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
            for name in re.findall(r"`(\w+)`", row)
        }
        for table in tables
    ]
    shared = set(re.findall(r"`(\w+)`", tables[1].partition("as above")[0]))
    assert named[0] == made.keys()
    assert named[1] | shared == made["partitions"][0].keys()
    down = tracker.add(sample(60, broker_says="broker x cannot be asked", group=None, stored=None))
    assert shown(down).keys() == made.keys()


def test_the_page_names_codes_as_the_code_does() -> None:
    for verdict in Verdict:
        assert f"| {verdict.value} | `{verdict.word}` | {MEANING[verdict]} |\n" in PAGE


def test_lines_for_people_begin_with_the_verdict(busy: Look, tracker: Tracker) -> None:
    lines = report.lines(busy, judge(busy, LIMITS))
    assert lines[0].startswith("data_gap: 5 records of service/3 from 5 on were deleted")
    assert lines[1].startswith("    also stalled: orders/0 stands at 7, nothing applied in 40 s")
    assert not any("clicks/2" in line for line in lines)  # it is caught up
    assert re.search(
        r"^orders/11 +40,960 +12s +1m12s +1,000 +1.0  growing +never$", "\n".join(lines), re.MULTILINE
    )
    calm = tracker.add(sample(60, part(9, 9)))
    assert report.lines(calm, judge(calm, LIMITS))[0] == "ok: 0 records wait"


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (80, 12)])
def test_a_screen_fits_and_shows_the_worst_first(busy: Look, size: tuple[int, int]) -> None:
    history = History()
    for _ in range(100):
        history.add(busy)
    console = Console(width=size[0], height=size[1], record=True, force_terminal=True)
    with console.capture() as held:
        console.print(screen(busy, judge(busy, LIMITS), history, "crew", size))
    plain = re.sub(r"\x1b\[[0-9;]*m", "", held.get()).rstrip("\n").split("\n")
    assert len(plain) == size[1]
    assert max(map(len, plain)) <= size[0]
    assert "data gap" in plain[0]
    text = "\n".join(plain).partition(" partitions ")[2]
    assert "gap 5" in text
    if size[1] < 24:
        assert "1 more with lag, 1 caught up" in text
    else:
        assert text.index("service/3") < text.index("orders/0") < text.index("orders/11")
        assert " stalled" in text
        assert " 1 caught up" in text


def test_a_screen_without_a_broker_says_so(tracker: Tracker) -> None:
    down = tracker.add(sample(0, broker_says="broker x cannot be asked", group=None, stored=None))
    console = Console(width=80, height=24)
    with console.capture() as held:
        console.print(screen(down, judge(down, LIMITS), History(), "crew", (80, 24)))
    assert "broker down" in held.get()
    assert "broker x cannot be asked" in held.get()


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_over_http(busy: Look, tracker: Tracker) -> None:
    latest = Latest()
    server = Server(("127.0.0.1", 0), latest)
    try:
        assert get(server.port, "/readyz") == (503, "no\n")
        assert "profilestream_broker_up" not in get(server.port, "/metrics")[1]
        latest.put(busy)
        assert [get(server.port, path) for path in ("/readyz", "/healthz")] == [(200, "ok\n")] * 2
        assert get(server.port, "/other")[0] == 404
        found = {family.name: family for family in parsed(get(server.port, "/metrics")[1])}
        ours = {PREFIX + metric.name for metric in METRICS if metric.role == LAG}
        assert ours <= found.keys()
        assert {PREFIX + name for name in ("build_info", "ready", "store_up")} <= found.keys()
        values = {
            (s.name.removeprefix(PREFIX), *map(s.labels.get, sorted(s.labels))): s.value
            for f in found.values()
            for s in f.samples
        }
        assert values["group_lag_records", "11", "orders"] == 40_960
        assert values["group_lag_seconds", "append", "0", "orders"] == 140
        assert values["group_lag_seconds", "event", "0", "orders"] == 200
        assert values["group_lag_seconds", "append", "2", "clicks"] == 0
        assert (values["group_stalled", "0", "orders"], values["group_stalled", "11", "orders"]) == (1, 0)
        assert values["group_gap_records", "3", "service"] == 5
        assert values["group_catch_up_seconds",] == float("inf")
        assert (values["group_members",], values["group_workers",], values["broker_up",]) == (2, 2, 1)
        assert (values["group_outbox_entries",], values["group_outbox_oldest_seconds",]) == (1_234, 3.5)
        assert values["dead_letters_records",] == 4
        latest.put(tracker.add(sample(60, broker_says="away", group=None, stored=LIVE)))
        assert get(server.port, "/readyz")[0] == 503
        assert get(server.port, "/healthz")[0] == 200
        text = get(server.port, "/metrics")[1]
        assert "profilestream_broker_up 0.0" in text
        assert "profilestream_group_lag" not in text  # what was true before is not told as if it still were
    finally:
        server.close()


def test_an_unknown_group_and_a_store_that_is_away_are_absent_not_zero(tracker: Tracker) -> None:
    sheet = Sheet(LAG)
    fill(sheet, tracker.add(sample(0, part(1, 5), group=None, stored=None, store_says="away")))
    values = {family.name.removeprefix(PREFIX): family.samples[0].value for family in sheet.families()}
    assert values == {
        "ready": 1, "broker_up": 1, "store_up": 0,
        "group_lag_records": 4, "group_stalled": 0, "group_gap_records": 0,
    }  # fmt: skip


def test_an_address_in_use_is_one_sentence() -> None:
    server = Server(("127.0.0.1", 0), Latest())
    try:
        with pytest.raises(Unavailable, match=rf"^127.0.0.1:{server.port} cannot be listened on: "):
            Server(("127.0.0.1", server.port), Latest())
    finally:
        server.close()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--over", "soon"], "'soon' is no duration"),
        (["--over", "-1s"], "is no duration"),
        (["--every", "0"], "--every is at least 100ms"),
        (["--serve", "9090"], "'9090' is no HOST:PORT"),
        (["--serve", "h:70000"], "'h:70000' is no HOST:PORT"),
        (["--json", "--serve", "127.0.0.1:0"], "exclude each other"),
        (["--watch"], "--watch needs a terminal"),
        (["--max", "-1"], "-1 is not in the range"),
    ],
)
def test_wrong_options_are_refused(args: list[str], says: str) -> None:
    done = CliRunner().invoke(cli, ["lag", *args])
    assert done.exit_code
    assert says in done.output


def test_help_says_what_the_codes_mean() -> None:
    text = CliRunner().invoke(cli, ["lag", "--help"]).output
    for verdict in Verdict:
        assert re.search(rf"^ *{verdict.value}  {verdict.word} +{MEANING[verdict]}$", text, re.MULTILINE)


def test_a_group_of_nobody_in_words(tracker: Tracker) -> None:
    look = tracker.add(sample(0, part(5, 5), group=Group("Empty", 0), stored=Stored({}, 0, 0, None)))
    assert report.people(look) == "members 0 (empty)  workers 0  outbox 0"
