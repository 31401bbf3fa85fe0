"""What tags cost: the pure path of an order under catalogues of growing size.

Larger catalogues are the shipped one, its tags declared again under other ids, so that the mixture of cheap
and dear tags stays the same. CPU time of the process as in `fold.py`, the sizes in turn, medians of the runs;
the baseline is the same path with one tag.

    python tests/bench/tags.py --events 10000 --sizes 1 33 100 300
"""

import argparse
import gc
import re
import sys
import time
from dataclasses import replace
from itertools import count, islice, pairwise
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2]))

from fold import batches, whole_path
from throughput import machine
from workload import SEED, make

from models.rules import Rules
from streams import catalogues
from streams.config import Config

_TAG = re.compile(r"^\[tags\.(\w+)\]$", re.MULTILINE)


def grown(text: str, size: int) -> str:
    """The first `size` tags of the shipped catalogue, then the same under other ids, and so on."""
    starts = [found.start() for found in _TAG.finditer(text)] + [len(text)]
    blocks = [text[a:b] for a, b in pairwise(starts)]
    again = (
        re.sub(r"^\[tags\.(\w+)", rf"[tags.\1_{n}", block, flags=re.MULTILINE)
        for n in count(2)
        for block in blocks
    )
    return text[: starts[0]] + "".join((blocks + list(islice(again, max(0, size - len(blocks)))))[:size])


def ruled(size: int) -> Rules:
    """Rules with so many tags."""
    rules = Config().rules()
    catalogue = catalogues.compiled(grown(rules.catalogue.text, size), revision=1)
    assert len(catalogue.tags) == size
    return replace(rules, catalogue=catalogue)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--events", type=int, default=10_000)
    options.add_argument("--batch", type=int, default=2_000)
    options.add_argument("--sizes", type=int, nargs="+", default=[1, 33, 100, 300])
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--seed", type=int, default=SEED)
    args = options.parse_args()
    now_ms = int(time.time() * 1000)
    corpus = [value for _, _, value in make(args.events, args.seed, now_ms).rows]
    fetched = batches(corpus, args.batch, now_ms)
    spent: dict[int, list[float]] = {size: [] for size in args.sizes}
    gc.disable()
    for _ in range(args.runs):
        for size, times in spent.items():
            times.append(whole_path(fetched, now_ms, ruled(size))[0])
            gc.collect()
    print(machine())
    print(f"seed      {args.seed}, {len(corpus):,} orders, batches of {args.batch:,}\n")
    print("| tags | whole path us/order | against the first | us a tag more |\n|---|---|---|---|")
    least, base = args.sizes[0], 0.0
    for size, times in spent.items():
        us = median(times) / len(corpus) * 1e6
        base = base or us
        more = f"{(us - base) / (size - least):.2f}" if size > least else ""
        print(f"| {size} | {us:.1f} | {us / base:.2f} | {more} |")


if __name__ == "__main__":
    main()
