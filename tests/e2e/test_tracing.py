"""A producer's trace goes through a real worker to the topic and to a collector; without one all goes on."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from waiting import wait_for

from streams.local.ports import free_port
from streams.local.stack import LocalStack
from streams.topics import TAG_CHANGES

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(600)]
# A worker that the group gave up would take a batch in again, and there is to be one: its patience is long.
SETTINGS = {"partitions": 1, "commit_interval_s": 0.3, "session_timeout_s": 20}
MARK = "zqx"  # stands in every customer id
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


class Collector:
    """Takes OTLP over HTTP; `spans` are (resource attributes, span)."""

    def __init__(self) -> None:
        self.spans: list[tuple[dict[str, str], Any]] = []
        self.bodies: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def take(self, path: str, body: bytes) -> None:
        assert path == "/v1/traces"
        self.bodies.append(body)
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            said = {one.key: one.value.string_value for one in group.resource.attributes}
            for span in (span for scope in group.scope_spans for span in scope.spans):
                if not any(span.span_id == known.span_id for _, known in self.spans):  # sent again
                    self.spans.append((said, span))

    def named(self, name: str) -> list[Any]:
        return [span for _, span in self.spans if span.name == name]


def linked(collector: Collector) -> set[str]:
    """The traces of what was published."""
    return {link.trace_id.hex() for span in collector.named("publish") for link in span.links}


@contextmanager
def collecting() -> Iterator[Collector]:
    found = Collector()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()
        thread.join()


def send(brokers: str, customers: dict[str, str]) -> None:
    """An order of each customer, with the context of the producer, "" = none."""
    producer = KafkaProducer(bootstrap_servers=brokers, enable_idempotence=False)
    now_ms = int(time.time() * 1000)
    for cid, text in customers.items():
        event = {
            "type": "order",
            "event_id": cid,
            "customer_id": cid,
            "ts": now_ms,
            "order_id": cid,
            "amount": 5,
        }
        headers = [("traceparent", text.encode())] if text else []
        producer.send("orders", orjson.dumps(event), key=cid.encode(), headers=headers)
    producer.flush()
    producer.close()


def changes(brokers: str, customers: set[str]) -> dict[str, list[tuple[Any, dict[str, bytes]]]]:
    """Customer -> (JSON, headers) of the changes in the topic, once there are some of each."""
    reader = KafkaConsumer(bootstrap_servers=brokers)
    try:
        where = TopicPartition(TAG_CHANGES, 0)
        reader.assign([where])
        reader.seek_to_beginning(where)
        out: dict[str, list[tuple[Any, dict[str, bytes]]]] = {}

        def read() -> bool:
            for some in reader.poll(timeout_ms=500).values():
                for record in some:
                    event = orjson.loads(record.value)
                    out.setdefault(event["subject"], []).append((event, dict(record.headers)))
            return out.keys() >= customers

        wait_for(read)
        return out
    finally:
        reader.close()


def test_a_producer_s_trace_reaches_the_topic_and_the_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    customers = {f"{MARK}-1": PARENT, f"{MARK}-2": ""}
    with collecting() as collector:
        settings = SETTINGS | {"trace_endpoint": collector.url}
        with LocalStack(tmp_path, settings) as stack:
            send(stack.config.brokers, customers)  # before the worker: one batch
            worker = stack.start_worker()
            found = changes(stack.config.brokers, set(customers))
            for some in found.values():
                for event, headers in some:
                    assert headers == {"traceparent": event["traceparent"].encode()}
            assert {event["traceparent"] for event, _ in found[f"{MARK}-1"]} == {PARENT}
            (other,) = {event["traceparent"] for event, _ in found[f"{MARK}-2"]}
            assert TRACE not in other
            # While it goes on: at its end it has two seconds for what is left.
            wait_for(lambda: collector.named("batch"))
            wait_for(lambda: linked(collector) >= {TRACE, collector.named("batch")[0].trace_id.hex()})
            worker.stop(timeout_s=60)
            assert worker.returncode == 0
        (batch,) = collector.named("batch")
        assert other[:-2] == f"00-{batch.trace_id.hex()}-{batch.span_id.hex()}-"
        assert int(other[-2:], 16) & 1  # sampled; another bit says that the id is random
        assert [link.trace_id.hex() for link in batch.links] == [TRACE]
        assert linked(collector) == {TRACE, batch.trace_id.hex()}
        for name in ("load", "fold", "store"):
            (child,) = [span for span in collector.named(name) if span.parent_span_id == batch.span_id]
            assert batch.start_time_unix_nano <= child.start_time_unix_nano
            assert child.end_time_unix_nano <= batch.end_time_unix_nano
        said, _ = collector.spans[0]
        assert (said["service.name"], said["service.instance.id"].endswith(f"-{worker.pid}")) == (
            "worker",
            True,
        )
        assert not any(MARK.encode() in body for body in collector.bodies)


def test_a_worker_without_its_collector_goes_on_and_ends_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    secret = "pass-of-the-collector"
    settings = SETTINGS | {"trace_endpoint": f"http://user:{secret}@127.0.0.1:{free_port()}"}
    with LocalStack(tmp_path, settings) as stack:
        worker = stack.start_worker()
        send(stack.config.brokers, {f"{MARK}-1": PARENT})
        ((event, _), *_) = changes(stack.config.brokers, {f"{MARK}-1"})[f"{MARK}-1"]
        assert event["traceparent"].startswith(f"00-{TRACE}-")
        wait_for(lambda: "spans are lost" in worker.log.read_text("utf-8"))
        send(stack.config.brokers, {f"{MARK}-2": ""})
        changes(stack.config.brokers, {f"{MARK}-2"})
        worker.stop(timeout_s=60)
        assert worker.returncode == 0  # not killed: it waits for no collector
        text = worker.log.read_text("utf-8")
        assert len(re.findall("spans are lost", text)) == 1
        assert "Traceback" not in text
        assert not re.search(f"{MARK}|{secret}", text)
