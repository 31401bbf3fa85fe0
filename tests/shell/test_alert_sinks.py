"""From an alert to whoever is told: the rules file, bodies, signatures, tries, dead letters."""

import random
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from faults.alert_run import SECRET, Desk

from streams.alerts import settings, signing, template
from streams.alerts.delivery import Delivery, Order, Stopped
from streams.alerts.sinks import Failed, HandlerSink, JsonLinesSink, WebhookSink
from streams.config import ConfigError

ROOT = Path(__file__).resolve().parents[2]
ALERT = {
    "schema": 1, "id": "a1", "action": "raised", "rule": "churn", "arm": "treatment", "customer_id": 'c"1\n',
    "tag": "churn_risk", "value": "high", "old": None, "reason": [["f", 1, ">=", 1]], "seq": 3,
}  # fmt: skip
ENV = {"ALERTS_DESK_URL": "https://desk.example/hook?k=v", "ALERTS_DESK_SECRET": SECRET}


def table(**more: Any) -> dict[str, Any]:
    sink = {"kind": "webhook", "url": "http://127.0.0.1:9/x"} | more.pop("sink", {})
    rule = {"tag": "churn_risk", "values": ["high"], "sinks": ["desk"]} | more.pop("rule", {})
    return {"name": "t", "salt": "s", "rules": {"churn": rule}, "sinks": {"desk": sink}, **more}


def webhook(url: str, **more: Any) -> WebhookSink:
    sink = {"url": url, "secret_env": "S", "timeout_s": 60, **more}
    said = settings.settings(table(sink=sink), {"S": SECRET}).sinks["desk"]
    assert isinstance(said, settings.Webhook)
    return WebhookSink(said)


def test_the_shipped_example_can_be_used() -> None:
    found = settings.load(ROOT / "deploy/examples/alerts.toml", ENV)
    churn, cart = found.rules.by_id["churn_high"], found.rules.by_id["cart"]
    assert (churn.values, churn.holdout, churn.cool_down_ms) == (("high",), 0.1, 7 * 86_400_000)
    assert (cart.values, cart.holdout, cart.cool_down_ms) == ((), 0.0, 86_400_000)
    assert found.group == "profilestream-churn"
    assert isinstance(found.sinks["desk"], settings.Webhook)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nmae": 1}, "nmae is unknown"),
        ({"rules": {}}, "at least one rule"),
        ({"rule": {"tag": ""}}, "must name a tag"),
        ({"rule": {"sinks": ["dsk"]}}, "names 'dsk'; there are desk"),
        ({"rule": {"cool_down": "7 days"}}, "a duration"),
        ({"rule": {"holdout": 1.5}}, "a share"),
        ({"rule": {"holdout": 0.1}, "salt": ""}, "salt is needed"),
        ({"rule": {"values": [None]}}, "texts, numbers or true"),
        ({"start": "newest"}, "earliest or latest"),
        ({"name": "Churn!"}, "lower-case"),
        ({"sink": {"kind": "mail"}}, "jsonl or webhook"),
        ({"sink": {"url": "ftp://x"}}, "http or https"),
        ({"sink": {"secret_env": "NOT_SET"}}, "variable NOT_SET, which is not set"),
        ({"sink": {"headers_env": {"authorization": "NO_TOKEN"}}}, "variable NO_TOKEN, which is not set"),
        ({"sink": {"body": {"text": "{custmer}"}}}, "'{custmer}' is nothing"),
        ({"sink": {"tries": 0}}, "1 to 20"),
        ({"sink": {"timeout_s": 0}}, "seconds above 0"),
        ({"sink": {"path": "x"}}, "path is unknown"),
    ],
)
def test_a_wrong_rules_file_is_refused_in_a_sentence(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("{", r"\{")):
        settings.settings(table(**change), {})


def test_a_short_secret_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError, match="at least 16 bytes") as found:
        settings.settings(table(sink={"secret_env": "S"}), {"S": "hunter2"})
    assert "hunter2" not in str(found.value)


def test_headers_may_come_from_the_environment() -> None:
    more = {"headers": {"x-team": "a"}, "headers_env": {"authorization": "TOKEN"}}
    desk = settings.settings(table(sink=more), {"TOKEN": "Bearer t"}).sinks["desk"]
    assert isinstance(desk, settings.Webhook)
    assert desk.headers == {"x-team": "a", "authorization": "Bearer t"}


def test_bodies_are_data_until_the_end() -> None:
    body = {"text": "{customer_id} {value} {old}|{reason_text}", "n": "{seq}", "all": ["{alert}"], "x": 5}
    filled = template.fill(body, ALERT)
    assert filled == {"text": 'c"1\n high |f 1 >= 1', "n": 3, "all": [ALERT], "x": 5}
    assert orjson.loads(orjson.dumps(filled)) == filled
    tricky = ALERT | {"customer_id": "{alert}"}
    assert template.fill("<{customer_id}>", tricky) == "<{alert}>"  # filled once


def test_a_signature_holds_for_its_body_its_id_and_its_time_only() -> None:
    key, body = signing.key_of(SECRET), b'{"a":1}'
    headers = signing.sign(key, "a1.raised", 1_000, body)
    assert signing.verify(key, headers, body, 1_200)
    assert not signing.verify(key, headers, body + b" ", 1_200)
    assert not signing.verify(key, headers | {signing.ID: "a2.raised"}, body, 1_200)
    assert not signing.verify(key, headers | {signing.TIMESTAMP: "1001"}, body, 1_200)
    assert not signing.verify(key, headers, body, 1_301)  # too old
    assert not signing.verify(signing.key_of(SECRET + "x"), headers, body, 1_200)
    assert not signing.verify(key, {}, body, 0)
    both = headers | {signing.SIGNATURE: "v1,b3RoZXI= " + headers[signing.SIGNATURE]}
    assert signing.verify(key, both, body, 1_200)  # while a key is changed there are two


def test_a_signature_is_the_one_of_the_specification() -> None:
    """The example of the Standard Webhooks specification."""
    key = signing.key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    headers = signing.sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)
    assert headers[signing.SIGNATURE] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_is_posted_signed_and_refusals_say_whether_to_try_again() -> None:
    with Desk(random.Random(1), 0.0) as desk:
        sink = webhook(desk.url, body={"id": "{id}", "action": "{action}"})
        sink.send(ALERT)
        assert desk.got == [{"message": "a1.raised", "id": "a1", "action": "raised"}]
        assert desk.forged == 0
        stranger = webhook(desk.url)
        stranger._said = settings.settings(
            table(sink={"url": desk.url, "secret_env": "S"}), {"S": SECRET + "!"}
        ).sinks["desk"]
        with pytest.raises(Failed, match="status 401") as refused:
            stranger.send(ALERT)
        assert not refused.value.retry


def test_where_nobody_answers_trying_again_may_help() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # so that nobody else listens there
        with pytest.raises(Failed, match="no answer") as away:
            webhook(f"http://127.0.0.1:{taken.getsockname()[1]}/").send(ALERT)
    assert away.value.retry


@pytest.mark.parametrize(("asked", "wanted"), [("7", 7.0), ("86400", 60.0), ("", 0.0), ("soon", 0.0)])
def test_a_receiver_may_ask_for_a_pause_within_reason(asked: str, wanted: float) -> None:
    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(429)
            self.send_header("retry-after", asked)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """In silence."""

    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(Failed, match="status 429") as found:
            webhook(f"http://127.0.0.1:{server.server_port}/").send(ALERT)
        thread.join()
    assert (found.value.retry, found.value.after_s) == (True, wanted)


class Flaky:
    """A sink that refuses as often as it is told."""

    takes_holdout, timeout_s = False, 0.1

    def __init__(self, failures: int, tries: int = 5, *, retry: bool = True) -> None:
        self.failures, self.tries, self.retry = failures, tries, retry
        self.asked = 0
        self.got: list[dict[str, Any]] = []

    def send(self, alert: dict[str, Any]) -> None:
        self.asked += 1
        if self.failures > 0:
            self.failures -= 1
            raise Failed("not now", retry=self.retry)
        self.got.append(alert)

    def delay_s(self, attempt: int) -> float:
        return 0.0


def deliver(sink: Any, *alerts: dict[str, Any], bury: Callable[[Any], None] | None = None) -> Any:
    delivery = Delivery({"desk": sink}, bury or (lambda _: None), threading.Event(), random.Random(1))
    try:
        return delivery.send([Order(alert, ("desk",)) for alert in alerts])
    finally:
        delivery.close()


def test_a_refused_alert_is_tried_again_and_then_buried_whole() -> None:
    buried: list[Any] = []
    patient = Flaky(4)
    assert deliver(patient, ALERT, bury=buried.append) == {}
    assert (patient.asked, patient.got, buried) == (5, [ALERT], [])
    down = Flaky(5)
    assert deliver(down, ALERT, bury=buried.append) == {"desk": 1}
    assert buried == [{"reason": "not now", "sink": "desk", "alert": ALERT}]
    wrong = Flaky(1, retry=False)
    assert deliver(wrong, ALERT) == {"desk": 1}
    assert wrong.asked == 1  # trying again cannot help


def test_a_sink_that_is_down_is_waited_for_once() -> None:
    down = Flaky(1_000)
    some = [ALERT | {"id": f"a{n}"} for n in range(20)]
    assert deliver(down, *some) == {"desk": 20}
    assert down.asked == 5 + 19
    up = Flaky(5)  # the first alert is given up, the second goes through
    assert deliver(up, *some) == {"desk": 1}


def test_alerts_of_a_customer_stay_in_order_and_customers_do_not_wait_for_each_other() -> None:
    slow = threading.Event()
    got: list[tuple[str, int]] = []

    def handler(alert: dict[str, Any]) -> None:
        if alert["customer_id"] == "slow":
            assert slow.wait(60)
        got.append((alert["customer_id"], alert["seq"]))
        if len(got) == 3:
            slow.set()

    some = [ALERT | {"customer_id": cid, "seq": n} for n in range(3) for cid in ("slow", "quick")]
    assert deliver(HandlerSink(handler, tries=1), *some) == {}
    assert got == [*(("quick", n) for n in range(3)), *(("slow", n) for n in range(3))]


def test_a_dead_letter_that_is_not_acknowledged_stops_the_batch() -> None:
    def no_broker(_: Any) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        deliver(Flaky(5), ALERT, bury=no_broker)


def test_the_end_of_the_process_interrupts_a_pause() -> None:
    stop = threading.Event()
    sink = Flaky(1_000, tries=20)
    sink.delay_s = lambda _: 60.0  # type: ignore[method-assign]
    delivery = Delivery({"desk": sink}, lambda _: None, stop)
    threading.Timer(0.1, stop.set).start()
    started = time.monotonic()
    with pytest.raises(Stopped):
        delivery.send([Order(ALERT, ("desk",))])
    assert time.monotonic() - started < 30
    delivery.close()


def test_pauses_double_up_to_the_longest() -> None:
    sink = webhook("http://127.0.0.1:9/", first_delay_s=0.5, longest_delay_s=3)
    assert [sink.delay_s(n) for n in range(1, 6)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_the_hold_out_arm_goes_only_where_it_is_recorded() -> None:
    quiet, record = Flaky(0), Flaky(0)
    record.takes_holdout = True
    delivery = Delivery({"desk": quiet, "record": record}, lambda _: None, threading.Event())
    assert delivery.names(("desk", "record"), "holdout") == ("record",)
    assert delivery.names(("desk", "record"), "treatment") == ("desk", "record")
    delivery.close()


def test_lines_are_whole_after_a_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "alerts.jsonl"
    said = settings.JsonLines(str(path), takes_holdout=True)
    JsonLinesSink(said).send(ALERT)
    with path.open("ab") as file:
        file.write(b'{"torn')
    JsonLinesSink(said).send(ALERT)
    first, torn, second = path.read_bytes().splitlines()
    assert orjson.loads(first) == orjson.loads(second) == ALERT
    assert torn == b'{"torn'
