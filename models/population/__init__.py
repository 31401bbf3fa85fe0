"""What is known of a customer only by knowing the others: a population snapshot, and what follows from it.

The trainer (`streams/population`) looks at a sample of all customers and publishes a snapshot; whoever
keeps a profile applies it with plain arithmetic. Nothing is fitted here, and beside msgspec only the
standard library is imported, so that a worker carries no numerical library.

Reading order: `snapshot` (`codec`, `sample`), `quintiles`, `clusters` (`drifting`), `churn`, `value`, `row`.
"""
