"""Alerts under fire: changes in a topic, a consumer that is killed, a webhook that fails, what must hold."""

import random
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter, deque
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from kafka import KafkaProducer

from models import changes
from models.step import Change
from streams import keys
from streams.alerts import signing
from streams.local import stack
from streams.local.process import LocalProcess
from streams.recorded import records
from streams.topics import ALERTS_DEAD, TAG_CHANGES

SECRET = "a secret of the test, long enough"
T0 = 1_790_000_000_000
HOUR = 3_600_000
RULES = """
name = "{name}"
group = "{group}"
holdout = 0.2
salt = "test"
[rules.churn_high]
tag = "churn_risk"
values = ["high"]
sinks = ["desk"]
cool_down = "3h"
[rules.cart]
tag = "cart_abandoned"
sinks = ["desk"]
[sinks.desk]
kind = "webhook"
url_env = "DESK_URL"
secret_env = "DESK_SECRET"
tries = {tries}
timeout_s = 60
first_delay_s = 0.01
longest_delay_s = 0.1
"""


def history(rng: random.Random, customers: int, each: int) -> Iterator[bytes]:
    """Changes of customers as the relay publishes them: in order for each, some again, some corrected."""
    waiting = [_one(rng, f"c-{n}", each) for n in range(customers)]
    latest: deque[bytes] = deque(maxlen=40)
    while waiting:
        n = rng.randrange(len(waiting))
        value = next(waiting[n], None)
        if value is None:
            waiting.pop(n)
            continue
        yield value
        latest.append(value)
        if rng.random() < 0.01:  # a relay that was killed before it knew that these had arrived
            yield from list(latest)[-rng.randrange(1, 40) :]


def _one(rng: random.Random, customer: str, each: int) -> Iterator[bytes]:
    held: dict[str, Any] = {}
    latest: dict[str, int] = {}
    at_ms = T0
    for seq in range(1, each + 1):
        at_ms += rng.randrange(2 * HOUR)
        tag = rng.choice(["churn_risk", "churn_risk", "cart_abandoned", "vip"])
        old = held.get(tag)
        values = ["low", "medium", "high", None] if tag == "churn_risk" else [True, None]
        new = rng.choice([value for value in values if value != old])
        is_late = tag in latest and rng.random() < 0.2
        corrects = (latest[tag],) if is_late else ()
        made = Change(seq, tag, 1, old, new, [["f", 1, ">=", 1]], at_ms, "orders/0", seq, corrects)
        held[tag], latest[tag] = new, seq
        yield changes.render(made, customer, seq, "epoch", at_ms)


class Desk(ThreadingHTTPServer):
    """A webhook receiver that fails at random, before or after it has taken note of the alert."""

    daemon_threads = True

    def __init__(self, rng: random.Random, failing: float) -> None:
        super().__init__(("127.0.0.1", 0), _Hand)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"
        self.got: list[dict[str, Any]] = []
        self.refused = self.forged = 0
        self.lock = threading.Lock()
        self.under_way = 0
        self._rng, self._failing = rng, failing
        self._thread = threading.Thread(
            target=self.serve_forever, daemon=True, kwargs={"poll_interval": 0.05}
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed consumer hangs up."""

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.lock:
            self.under_way += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self.lock:
            self.under_way -= 1

    def wait_idle(self, within_s: float = 60) -> None:
        """Until everything is taken that was sent before; connections are accepted in their order."""
        urllib.request.urlopen(self.url, timeout=within_s).close()
        deadline = time.monotonic() + within_s
        while self.under_way:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def take(self, headers: dict[str, str], body: bytes, now_s: int) -> int:
        """The status to answer with."""
        with self.lock:
            if not signing.verify(SECRET.encode(), headers, body, now_s):
                self.forged += 1
                return 401
            fails = self._rng.random() < self._failing
            if not fails or self._rng.random() < 0.3:  # it happens that only the answer is lost
                self.got.append({"message": headers[signing.ID], **orjson.loads(body)})
            self.refused += fails
            return self._rng.choice([500, 502, 503, 429]) if fails else 204


class _Hand(BaseHTTPRequestHandler):
    server: Desk

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:
            return  # the sender was killed in the middle of it
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.send_response(self.server.take(headers, body, int(time.time())))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """In silence."""


def consumer(
    directory: Path, settings: dict[str, str], desk: Desk, name: str, group: str, tries: int = 20
) -> LocalProcess:
    """`profilestream alerts` as a process of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{name}.toml"
    file.write_text(RULES.format(name=name, group=group, tries=tries), encoding="utf-8")
    argv = [sys.executable, "-m", "streams", "alerts", "--rules", str(file)]
    return LocalProcess("alerts", argv, log=directory / f"{name}.log", env=environment(settings, desk))


def listens(client: Any, process: LocalProcess) -> bool:
    """Whether a consumer has left its vitals: from before then on SIGTERM ends it in order."""
    return client.zscore(keys.VITALS, f"alerts:{socket.gethostname()}-{process.pid}") is not None


def environment(settings: dict[str, str], desk: Desk) -> dict[str, str]:
    """What the commands on alerts are told."""
    return stack.environment(settings) | {"DESK_URL": desk.url, "DESK_SECRET": SECRET}


def resend(directory: Path, settings: dict[str, str], desk: Desk) -> tuple[int, dict[str, int]]:
    """`profilestream alerts --resend` with the rules of `consumer`: exit code, and what it says by word."""
    argv = [sys.executable, "-m", "streams", "alerts", "--rules", str(directory / "test.toml"), "--resend"]
    done = subprocess.run(
        argv, env=environment(settings, desk), capture_output=True, text=True, timeout=300, check=False
    )
    said = (one.strip().partition(" ") for one in done.stdout.split(","))
    return done.returncode, {word: int(count) for count, _, word in said}


def produce(brokers: str, values: list[bytes]) -> dict[int, int]:
    """Into the topic, keyed by customer; gives, once acknowledged, where each partition now ends."""
    producer = KafkaProducer(
        bootstrap_servers=brokers, enable_idempotence=False, acks="all", linger_ms=5,
        max_in_flight_requests_per_connection=1,
    )  # fmt: skip
    try:
        sent = [
            producer.send(TAG_CHANGES, value, key=orjson.loads(value)["subject"].encode()) for value in values
        ]
        acks = [one.get(120) for one in sent]
        return {ack.partition: ack.offset + 1 for ack in sorted(acks, key=lambda ack: ack.offset)}
    finally:
        producer.close()


def expected(values: list[bytes], name: str) -> dict[str, list[tuple[str, str]]]:
    """Alert id -> what is to be said of it, by a reading of the rules that shares no code with them."""
    out: dict[str, list[tuple[str, str]]] = {}
    seen: set[str] = set()
    opened: dict[tuple[str, str], tuple[str, str]] = {}
    raised: dict[tuple[str, str], int] = {}
    for value in values:
        event = orjson.loads(value)
        data, change = event["data"], event["id"]
        if change in seen:
            continue
        seen.add(change)
        cid, tag, new = data["customer_id"], data["tag"], data["new"]
        if tag == "vip":
            continue
        key = cid, tag
        rule, holds = ("churn_high", new == "high") if tag == "churn_risk" else ("cart", new is True)
        at_ms = _ms(data["effective_at"])
        if key in opened:
            alert, of = opened[key]
            if of in data.get("corrects", ()):
                out[alert].append(("cancelled", "corrected"))
                del opened[key], raised[key]
            elif not holds:
                out[alert].append(("cancelled", "left"))
                del opened[key]
        if holds and key not in opened:
            if rule == "churn_high" and at_ms < raised.get(key, 0) + 3 * HOUR:
                continue
            alert = sha256(f"{name}\n{rule}\n{change}".encode()).hexdigest()[:32]
            opened[key], raised[key] = (alert, change), at_ms
            draw = int(sha256(f"test\n{cid}".encode()).hexdigest()[:16], 16) / 2**64
            out[alert] = [("raised", "holdout" if draw < 0.2 else "treatment")]
    return {alert: said for alert, said in out.items() if said[0][1] == "treatment"}


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def dead(brokers: str) -> list[dict[str, Any]]:
    """Every dead letter."""
    return [orjson.loads(record.value) for record in records(brokers, (ALERTS_DEAD,))]


def unlike(desk: Desk, letters: list[dict[str, Any]], wanted: dict[str, list[tuple[str, str]]]) -> list[str]:
    """Every way in which what arrived differs from what should have."""
    got: dict[str, list[str]] = {}
    contents: dict[str, set[bytes]] = {}
    arrived = [*desk.got, *({"message": "dead", **letter["alert"]} for letter in letters)]
    for alert in arrived:
        got.setdefault(alert["id"], []).append(alert["action"])
        body = {name: value for name, value in alert.items() if name != "message"}
        contents.setdefault(f"{alert['id']}.{alert['action']}", set()).add(orjson.dumps(body))
    out = [f"{alert}: came and should not" for alert in got.keys() - wanted.keys()]
    for alert, said in wanted.items():
        mine, actions = got.get(alert, []), [action for action, _ in said]
        if set(mine) != set(actions):
            out.append(f"{alert}: {mine} instead of {actions}")
        elif not letters and (mine[0] != "raised" or mine[-1] != actions[-1]):
            out.append(f"{alert}: in the order {mine}")
    return out + [f"{message}: {len(some)} contents" for message, some in contents.items() if len(some) > 1]


def repeats(desk: Desk) -> int:
    """How many arrivals were repeats."""
    return sum(count - 1 for count in Counter(alert["message"] for alert in desk.got).values())
