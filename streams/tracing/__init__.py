"""OpenTelemetry: a span a batch, from the producer's trace to the tag changes; only where it is configured.

`context.py` is text and needs nothing. `spans.py` and `collector.py` import OpenTelemetry; `setup.py` imports
them where `trace_endpoint` is set.
"""
