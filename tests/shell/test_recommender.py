"""The example of use: what suits a customer comes first, and nobody is left without a window."""

import json
import statistics
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import orjson
import pytest
from deployed import Deployed, document

import streams.reader
from streams import keys
from streams.local.store import EmbeddedStore
from streams.reader import ProfileReader, Settings

PATIENT = Settings(timeout_s=60.0, pulse_s=0.1)  # a busy machine is no failure
HERE = Path(__file__).resolve().parents[2] / "deploy/examples/recommender"


@pytest.fixture(scope="module")
def example() -> Any:
    """The module, with the reader of this tree under the name it has in its own wheel."""
    spec = spec_from_file_location("recommend", HERE / "recommend.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["profilestream_reader"] = streams.reader
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["profilestream_reader"]
    return module


@pytest.fixture(scope="module")
def products(example: Any) -> Any:
    return example.catalogue(json.loads((HERE / "products.json").read_text("utf-8")))


def first(example: Any, products: Any, **profile: Any) -> Any:
    (sku,) = example.window(products, profile, 1)
    return next(product for product in products if product.sku == sku)


def test_each_thing_that_is_known_of_a_customer_moves_the_window(example: Any, products: Any) -> None:
    assert first(example, products).sku == products[0].sku
    assert first(example, products, preferences={"categories": {"fish": 0.4}}).category == "fish"
    assert first(example, products, preferences={"interests": {"toys": 0.4}}).category == "toys"
    assert first(example, products, preferences={"brands": {"Nord": 0.4}}).brand == "Nord"
    assert first(example, products, promotion={"promo_ratio": 0.9}).is_offer
    cart = {"lines": [{"sku": "shoes-2", "qty": 1}]}
    assert first(example, products, journey={"cart": cart}).sku == "shoes-2"
    taste = {"categories": {"fish": 0.4}}
    dear, cheap = ({"price_percentile": p} for p in (0.95, 0.05))
    assert first(example, products, preferences=taste, promotion=dear).sku == "fish-2"
    assert first(example, products, preferences=taste, promotion=cheap).sku == "fish-3"


def test_bands_follow_the_prices_of_a_category(example: Any, products: Any) -> None:
    fish = sorted((p for p in products if p.category == "fish"), key=lambda p: p.price_minor)
    assert [round(p.band, 3) for p in fish] == [0.167, 0.5, 0.833]


def test_no_field_of_a_document_is_invented(example: Any, products: Any) -> None:
    schema = json.loads((HERE.parents[1] / "schema/profile-1.json").read_text("utf-8"))["properties"]
    assert {"categories", "interests", "brands"} <= set(schema["preferences"]["properties"])
    assert {"promo_ratio", "price_percentile"} <= set(schema["promotion"]["properties"])
    lines = schema["journey"]["properties"]["cart"]["properties"]["lines"]
    assert "sku" in lines["items"]["properties"]


@pytest.fixture
def served(example: Any, products: Any, valkey: EmbeddedStore) -> Iterator[tuple[Any, Deployed]]:
    deployed = Deployed(valkey.url)
    with ProfileReader(valkey.url, PATIENT) as reader, example.server(reader, products, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def ask(query: str) -> Any:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{server.server_port}/?{query}", timeout=60
            ) as reply:
                return json.load(reply)

        yield ask, deployed
        server.shutdown()
        thread.join()
    deployed.client.close()


@pytest.mark.store
def test_everybody_gets_a_window_and_is_told_why(served: tuple[Any, Deployed], products: Any) -> None:
    ask, deployed = served
    doc = document("c-1", preferences={"categories": {"fish": 0.9}})
    deployed.put("c-1", orjson.dumps(doc))
    deployed.put("c-2", b"{")
    ticked_s = time.time()
    deployed.tick()
    found = ask("customer=c-1&customer=c-2&customer=nobody&n=3")
    usual = [product.sku for product in products[:3]]
    assert found["c-1"]["products"] == ["fish-1", "fish-2", "fish-3"]
    assert found["c-1"]["because"] == "profile"
    assert 0 <= found["c-1"]["age_s"] <= time.time() - ticked_s + 0.001  # a tick is in whole milliseconds
    assert found["c-2"] == {"products": usual, "because": "unknown: damaged"}
    assert found["nobody"] == {"products": usual, "because": "new customer"}
    deployed.client.delete(keys.CLOCK)
    time.sleep(PATIENT.pulse_s)
    assert ask("customer=c-1&n=3") == {"c-1": {"products": usual, "because": "unknown: no_clock"}}


@pytest.mark.store
@pytest.mark.slow
def test_a_hundred_windows_are_a_matter_of_milliseconds(
    example: Any, products: Any, valkey: EmbeddedStore
) -> None:
    deployed = Deployed(valkey.url)
    ids = [f"c-{n}" for n in range(100)]
    for n, cid in enumerate(ids):
        doc = document(cid, preferences={"categories": {"fish": n / 100, "tea": 1 - n / 100}})
        deployed.put(cid, orjson.dumps(doc))
    with ProfileReader(valkey.url, PATIENT) as reader:
        took_ms = []
        for _ in range(20):
            deployed.tick()
            started = time.thread_time()  # what others do meanwhile does not count
            found = example.recommend(reader, products, ids, 5)
            took_ms.append((time.thread_time() - started) * 1000)
    deployed.client.close()
    assert {entry["because"] for entry in found.values()} == {"profile"}
    print(f"100 customers, {len(products)} products: median {statistics.median(took_ms):.1f} ms of CPU")
    assert statistics.median(took_ms) < 100  # about 10 on an idle machine
