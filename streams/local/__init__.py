"""The local stack: an embedded broker and an embedded store, so that one command needs nothing installed.

Both are programs out of PyPI wheels (extra `local`), run as children of this process on free loopback
ports. They are for demonstrations, replays and tests; production brings its own Kafka and Redis.
Reading order: `process`, `ports`, `broker`, `store`.
"""
