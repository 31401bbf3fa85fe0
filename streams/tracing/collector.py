"""The way of spans to the collector: from a thread of its own, with short patience, and never in the way.

The environment says the rest, as is usual: OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_BSP_* ...
"""

import logging
from collections.abc import Sequence
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from streams.tracing.spans import Spans

log = logging.getLogger(__name__)

TIMEOUT_S = 1.5  # of one export, its retries included


class Collector(SpanExporter):
    """An exporter that says once that it fails, and once that it works again.

    Args:
        exporter: the one that does the work.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._fails = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Called from the exporting thread; what the collector does not take is lost."""
        try:
            done, why = self._exporter.export(spans), "it refused or did not answer"
        except Exception as error:  # noqa: BLE001 - whatever a client library raises: the thread must live
            done, why = SpanExportResult.FAILURE, type(error).__name__
        fails = done is not SpanExportResult.SUCCESS
        if fails and not self._fails:
            log.warning("spans are lost while the collector does not take them: %s", why)
        elif self._fails and not fails:
            log.info("the collector takes spans again")
        self._fails = fails
        return done

    def shutdown(self) -> None:
        """No more retries."""
        self._exporter.shutdown()


def connect(url: str, role: str, name: str) -> Spans:
    """Spans that go to a collector; nothing is asked of it before the first.

    Args:
        url: where they are posted to.
        role: of the process.
        name: of the process, unique.
    """
    # Each failure with its URL and reason would be a line a second; `Collector` says it once.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    logging.getLogger("opentelemetry.sdk").setLevel(logging.ERROR)
    provider = provider_of(role, name)
    provider.add_span_processor(BatchSpanProcessor(Collector(OTLPSpanExporter(url, timeout=TIMEOUT_S))))
    return Spans(provider)


def provider_of(role: str, name: str) -> TracerProvider:
    """Says in each span which process it is from; nobody but us stops it."""
    said = {
        "service.namespace": "profilestream",
        "service.name": role,
        "service.version": version("profilestream"),
        "service.instance.id": name,
    }
    return TracerProvider(resource=Resource.create(said), shutdown_on_exit=False)
