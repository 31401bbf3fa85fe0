"""Who is in the panel: the sample of customers from which the population is learnt.

A customer is in it or not by the id alone, so that every worker decides alike, without asking, and the
same customers are looked at each time: what changes from one snapshot to the next is the population, not
the sample. The comparison looks at the upper bits of the CRC, buckets at the lower ones, so a panel has
its share of every bucket.
"""

from zlib import crc32

EVERYONE = 1.0


def in_panel(customer_id: str, share: float) -> bool:
    """Whether a customer belongs to a panel of this share of all customers (0..1).

    >>> in_panel("customer-1", EVERYONE), in_panel("customer-1", 0.0)
    (True, False)
    """
    return crc32(customer_id.encode()) < share * 4_294_967_296
