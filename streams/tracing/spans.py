"""Spans of batches and of publishing: figures, and no customer, no payload, no message of an error."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from time import perf_counter

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from streams.intake import Ready
from streams.metrics.counts import Spent
from streams.store.contract import Entry
from streams.tracing.context import Traceparent, of_change

LINKS = 32  # at most in one span
FLUSH_S = 2.0
_OURS = "profilestream."


class Spans:
    """See `streams.tracing.contract.Tracing`.

    Args:
        provider: makes spans and knows where they go; stopped with this.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("profilestream")

    @contextmanager
    def batch(
        self, name: str, spent: Spent, customers: int, ready: Ready | None = None
    ) -> Iterator[Traceparent]:
        """A span of work on customers and of its phases; gives what each tag change is to carry on.

        Where all records come with one context, that is the parent; else the first contexts are linked.
        """
        found: Mapping[tuple[str, int], str] = ready.traces if ready is not None else {}
        known = list(islice(dict.fromkeys(found.values()), LINKS))
        epoch_ns = _clock()
        figures = {"customers": customers} | (_figures(ready) if ready is not None else {})
        parent = known[0] if len(known) == 1 and len(found) == figures["records"] else ""
        span = self._tracer.start_span(
            name,
            _below(_read(parent)) if parent else Context(),
            SpanKind.CONSUMER if ready is not None else SpanKind.INTERNAL,
            {_OURS + what: figure for what, figure in figures.items()},
            () if parent else _links(known),
            epoch_ns(spent.since_s),
        )
        own = _text(span.get_span_context())

        def traceparent(source: str, offset: int) -> str:
            text = found.get((source, offset), own)
            return own if text == parent else text

        with _ended(span):
            try:
                yield traceparent
            finally:
                span.set_attribute(f"{_OURS}tag_changes", spent.changes)
                self._phases(span, spent, epoch_ns)

    def _phases(self, span: Span, spent: Spent, epoch_ns: Callable[[float], int]) -> None:
        """A child for each, from its first beginning to its last end; `busy_s` is the work in between."""
        for name, phase in spent.phases():
            if span.is_recording() and phase.ended_s:
                begin_ns, busy = epoch_ns(phase.began_s), {f"{_OURS}busy_s": phase.busy_s}
                child = self._tracer.start_span(
                    name, set_span_in_context(span, Context()), attributes=busy, start_time=begin_ns
                )
                child.end(epoch_ns(phase.ended_s))

    @contextmanager
    def publishing(self, entries: Sequence[Entry]) -> Iterator[None]:
        """A span of a round of the relay, linked to what its first changes carry."""
        changes = [change for entry in entries for change in entry.changes]
        span = self._tracer.start_span(
            "publish",
            Context(),
            SpanKind.PRODUCER,
            {f"{_OURS}entries": len(entries), f"{_OURS}tag_changes": len(changes)},
            _links(dict.fromkeys(filter(None, map(of_change, changes[:LINKS])))),
        )
        with _ended(span):
            yield

    async def stop(self) -> None:
        """Hand over what is left, in a thread that is left behind when its time is over."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def flush() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(done.set)

        threading.Thread(target=flush, name="last spans", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), FLUSH_S)


def _figures(ready: Ready) -> dict[str, int]:
    records = sum(map(len, ready.arrivals.values())) + len(ready.dead)
    return {"records": records, "dead_letters": len(ready.dead), "partitions": len(ready.done)}


@contextmanager
def _ended(span: Span) -> Iterator[None]:
    """Ends a span with its block; of an error only the type is told, a message might quote data."""
    try:
        yield
    except BaseException as error:
        span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        span.end()


def _clock() -> Callable[[float], int]:
    """Makes instants of `perf_counter` what spans have; those of one clock keep their order and distance.

    Between its two looks the process may be put aside: with looks of its own each instant would be off by
    another while, and a phase could begin before its batch.
    """
    ahead_ns = time.time_ns() - round(perf_counter() * 1e9)
    return lambda at_s: ahead_ns + round(at_s * 1e9)


def _read(text: str) -> SpanContext:
    """The context in a text that is one."""
    _, trace, span, flags = text.split("-")
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _text(context: SpanContext) -> str:
    """A context as text; "" where OpenTelemetry is switched off by its own environment."""
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _below(context: SpanContext) -> Context:
    return set_span_in_context(NonRecordingSpan(context), Context())


def _links(texts: Iterable[str]) -> list[Link]:
    return [Link(_read(text)) for text in texts]
