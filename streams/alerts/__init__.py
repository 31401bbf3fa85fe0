"""Churn alerts: tag changes in, alerts raised and taken back, each at least once and always under one id.

Reading order: `rules` (what is decided, pure), `settings` (the rules file), `template`, `signing`, `sinks`,
`delivery` (tries, dead letters), `consumer` (where they meet `streams.books` and `streams.reading`).
As a library: `streams.alerts.consumer.ChurnAlerts`.
"""
