"""`profilestream console`: a read-only look at a deployment, a process of its own.

One sampler asks the store once a second for all pages together; a recorder follows what goes out on Kafka and
keeps bounded counts in the store, so that a restart goes on. Nothing here asks a worker for anything.

Reading order: `app` (routes), `live` (the sampler, with `figures`), `recorder` (with `notes` and `moves`),
`survey`, `customer`, `past`; `guard` says who may look.
"""
