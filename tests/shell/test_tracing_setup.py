"""Tracing as it is configured: off without a trace of it, and a collector that fails harms nobody."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

from streams.config import Config, ConfigError
from streams.metrics.counts import Spent
from streams.tracing import collector, setup, spans

OFF = """
import sys
from streams.app import Parts
from streams.config import Config
parts = Parts(Config())
ours = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "streams.tracing.spans")
found = [name for name in sys.modules if name.startswith(ours)]
assert parts.tracing is None and not found, found
"""


def test_without_the_setting_nothing_of_opentelemetry_is_imported_by_us() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFF], check=False, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert setup.tracing(Config(), "worker", "n") is None


def test_configured_without_opentelemetry_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "streams.tracing.collector")
    monkeypatch.delattr("streams.tracing.collector")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError, match=r"^trace_endpoint needs OpenTelemetry.*\[tracing\]'$"):
        setup.tracing(Config(trace_endpoint="http://127.0.0.1:4318"), "worker", "n")


@pytest.mark.parametrize(
    "url", ["localhost:4318", "grpc://h:4317", "http://", "http://u:secret@h:x", "http://[h"]
)
def test_an_endpoint_that_is_no_url_is_said_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^trace_endpoint must be a URL like http://127\.0\.0\.1:4318$"):
        setup.endpoint(url)


def test_the_path_of_otlp_is_added_where_there_is_none() -> None:
    assert setup.endpoint("http://h:4318") == setup.endpoint("http://h:4318/") == "http://h:4318/v1/traces"
    assert setup.endpoint("https://h/otlp/v1/traces") == "https://h/otlp/v1/traces"


class Exporter(SpanExporter):
    """Answers, raises or hangs."""

    def __init__(self, *answers: SpanExportResult | Exception) -> None:
        self.answers = list(answers)
        self.free = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if not self.answers:
            self.free.wait(100)
            return SpanExportResult.SUCCESS
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def shutdown(self) -> None:
        """Nothing to let go of."""


def one_batch(traced: spans.Spans) -> None:
    with traced.batch("batch", Spent(), 1):
        pass


def test_a_collector_that_fails_is_said_once_and_again_when_it_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    bad, good = SpanExportResult.FAILURE, SpanExportResult.SUCCESS
    inner = Exporter(good, ValueError("customer c-1"), bad, bad, good, good)
    provider = collector.provider_of("worker", "n")
    provider.add_span_processor(SimpleSpanProcessor(collector.Collector(inner)))
    traced = spans.Spans(provider)
    for _ in range(6):
        one_batch(traced)
    assert [record.message for record in caplog.records if record.name == collector.__name__] == [
        "spans are lost while the collector does not take them: ValueError",
        "the collector takes spans again",
    ]


async def test_the_end_waits_for_the_last_spans_and_for_a_collector_that_hangs_only_so_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick = Exporter(SpanExportResult.SUCCESS)
    hangs = Exporter()
    for inner, patience_s in ((quick, 60.0), (hangs, 0.05)):
        monkeypatch.setattr(spans, "FLUSH_S", patience_s)
        provider = collector.provider_of("worker", "n")
        provider.add_span_processor(BatchSpanProcessor(inner, schedule_delay_millis=60_000))
        traced = spans.Spans(provider)
        one_batch(traced)
        started_s = time.monotonic()
        await traced.stop()
    assert time.monotonic() - started_s < 25  # OpenTelemetry's own patience is 30 seconds
    assert quick.answers == []
    hangs.free.set()
