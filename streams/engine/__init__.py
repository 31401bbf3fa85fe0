"""Faust, fed by whole batches: group membership, rebalance, commit timer and life cycle stay Faust's."""
