"""What the processes tell of themselves: declared once, read from the parts' own counters when asked.

`declared` says what there is, `sheet` makes samples of it; `worker`, `trainer`, `consumers` read the parts.
`server` answers /metrics, /healthz and /readyz, `vitals` carries the same text through Redis; `service` runs
both in a process.
"""
