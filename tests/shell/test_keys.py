import re

import pytest

from streams import keys

# A published contract: readers in any language compute these. A change here breaks every deployment.
BUCKETS_OF_64 = {
    "customer-1": 61,
    "c0": 55,
    "a": 3,
    "": 0,
    "客户": 21,
    "é": 62,
    "😀": 4,
    "12345678901234567890": 50,
}


@pytest.mark.parametrize(("customer_id", "bucket"), BUCKETS_OF_64.items())
def test_the_bucket_of_a_customer_is_a_public_contract(customer_id: str, bucket: int) -> None:
    assert keys.bucket(customer_id, 64) == bucket


def test_the_check_value_of_crc_32_is_the_standard_one() -> None:
    assert keys.bucket("123456789", 1 << 32) == 0xCBF43926  # ISO-HDLC, as in zlib, gzip and PNG


def test_customers_spread_evenly() -> None:
    counts = [0] * 64
    for n in range(64_000):
        counts[keys.bucket(f"customer-{n}", 64)] += 1
    assert 850 < min(counts) <= max(counts) < 1_150


def test_the_key_names_are_a_public_contract() -> None:
    assert keys.profile(7, "c") == "ps:profile:{7}:c"
    assert (keys.due(7), keys.outbox(7)) == ("ps:due:{7}", "ps:outbox:{7}")
    assert keys.WATERMARKS == "ps:wm:{0}"
    assert (keys.META, keys.WORKERS, keys.CLOCK) == ("ps:meta", "ps:workers", "ps:clock")
    assert (keys.TOKEN, keys.STATE, keys.DOC) == ("tk", "st", "doc")


@pytest.mark.parametrize("customer_id", ["c", "{x}", "}{", "{}", "a}b{c}"])
def test_all_keys_of_a_bucket_share_one_hash_tag_whatever_the_customer_is_called(customer_id: str) -> None:
    for key in (keys.profile(7, customer_id), keys.due(7), keys.outbox(7)):
        tag = re.search(r"\{(.+?)\}", key)  # Redis Cluster: between the first { and the next }
        assert tag is not None
        assert tag[1] == "7"
