"""A shop window in the customer's own order: profiles from Redis, a catalogue, and one screen of arithmetic.

    pip install profilestream-reader
    python recommend.py redis://127.0.0.1:6379/0 --port 8090
    curl 'http://127.0.0.1:8090/?customer=c-1&customer=c-2&n=5'

The profiles of all customers are read in one round trip. Where nothing is known of somebody, and where the
store cannot be asked, the window is the shop's usual one: the answer says which of them it was.
"""

import argparse
import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from profilestream_reader import Absent, Known, ProfileDocument, ProfileReader, Settings, Unknown

WEIGHTS = {"taste": 3.0, "intent": 2.0, "brand": 1.0, "price": 1.0, "offer": 0.5}
IN_CART = 1.0  # intent towards what lies in the cart; an interest is a share, so at most as much


class Product(NamedTuple):
    """Something to sell.

    Attributes:
        sku: its name in the shop.
        category: as in the events.
        brand: as in the events.
        price_minor: in the deployment's currency.
        band: where its price stands among those of its category, 0..1.
        is_offer: whether it is reduced.
    """

    sku: str
    category: str
    brand: str
    price_minor: int
    band: float
    is_offer: bool


def catalogue(rows: Iterable[Mapping[str, Any]]) -> list[Product]:
    """Products in the shop's usual order, each with its price band."""
    rows = list(rows)
    prices: dict[str, list[int]] = {}
    for row in sorted(rows, key=lambda row: row["price_minor"]):
        prices.setdefault(row["category"], []).append(row["price_minor"])

    def band(row: Mapping[str, Any]) -> float:
        all_of_it = prices[row["category"]]
        return (bisect_left(all_of_it, row["price_minor"]) + 0.5) / len(all_of_it)

    return [
        Product(
            row["sku"], row["category"], row["brand"], row["price_minor"], band(row), row.get("offer", False)
        )
        for row in rows
    ]


def score(product: Product, profile: ProfileDocument) -> float:
    """How well a product suits a customer, 0 to 7.5; what is not known of the customer adds nothing."""
    preferences, promotion = profile.get("preferences", {}), profile.get("promotion", {})
    cart = profile.get("journey", {}).get("cart", {}).get("lines", [])
    percentile = promotion.get("price_percentile")
    parts = {
        "taste": preferences.get("categories", {}).get(product.category, 0.0),
        "intent": preferences.get("interests", {}).get(product.category, 0.0),
        "brand": preferences.get("brands", {}).get(product.brand, 0.0),
        "price": 0.0 if percentile is None else 1.0 - abs(product.band - percentile),
        "offer": promotion.get("promo_ratio", 0.0) if product.is_offer else 0.0,
    }
    if any(line.get("sku") == product.sku for line in cart):
        parts["intent"] = IN_CART
    return sum(WEIGHTS[name] * part for name, part in parts.items())


def window(products: Sequence[Product], profile: ProfileDocument, n: int) -> list[str]:
    """The n products that suit best; of equals the shop's usual order decides."""
    ranked = sorted(products, key=lambda product: -score(product, profile))
    return [product.sku for product in ranked[:n]]


def recommend(
    reader: ProfileReader, products: Sequence[Product], customers: Iterable[str], n: int
) -> dict[str, dict[str, Any]]:
    """A window for each customer, and why it is personal or not."""
    usual = [product.sku for product in products[:n]]
    out: dict[str, dict[str, Any]] = {}
    for customer, answer in reader.get_many(customers).items():
        match answer:
            case Known(value=profile, age_s=age_s):
                out[customer] = {
                    "products": window(products, profile.doc, n),
                    "because": "profile",
                    "age_s": age_s,
                }
            case Absent():
                out[customer] = {"products": usual, "because": "new customer"}
            case Unknown(reason=reason):
                out[customer] = {"products": usual, "because": f"unknown: {reason}"}
    return out


def server(reader: ProfileReader, products: Sequence[Product], port: int) -> ThreadingHTTPServer:
    """An HTTP server on loopback; threads share the reader."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            found = recommend(reader, products, asked.get("customer", []), int(asked.get("n", ["5"])[0]))
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Customer ids do not belong into a log."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main() -> None:
    """Serve until interrupted."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("url", help="redis://... of the deployment")
    options.add_argument("--port", type=int, default=8090)
    options.add_argument("--products", type=Path, default=Path(__file__).with_name("products.json"))
    options.add_argument("--max-age", type=float, default=60.0, help="seconds")
    args = options.parse_args()
    products = catalogue(json.loads(args.products.read_text("utf-8")))
    with ProfileReader(args.url, Settings(max_age_s=args.max_age)) as reader:
        server(reader, products, args.port).serve_forever()


if __name__ == "__main__":
    main()
