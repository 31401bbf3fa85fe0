"""The trainer's side of the population: a panel of customers in, a snapshot out.

river, numpy and scipy (extra `trainer`) are imported here and nowhere else: a worker never imports this
package. Everything is deterministic, seeded, and told the instant; state is saved as JSON.

Reading order: `panel`, `quantiles`, `fit`, `newcomers`, `scale`, `lloyd`, `online`, `micro`, `names`,
`drift`, `clustering`, `epoch`; around them `survey`, `lease`, `trainer`.
"""
