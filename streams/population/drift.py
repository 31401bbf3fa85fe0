"""Has the population moved away from its clusters? river's Page-Hinkley test on what each epoch finds.

One number an epoch: the logarithm of how much worse the centres of the epoch before serve the panel now than
they served it then. It is about 0 while nothing moves. ADWIN would do as well, but keeps its state in Rust,
where it cannot be saved.
"""

from collections.abc import Mapping
from math import inf, log
from typing import Any

from river.drift import PageHinkley

DELTA = 0.005  # a change of half a per cent an epoch is no news
THRESHOLD = 0.1
_FIELDS = ("_sum_increase", "_sum_decrease", "_min_increase", "_max_decrease", "_drift_detected")


class Drift:
    """The alarm."""

    def __init__(self) -> None:
        self._test = PageHinkley(min_instances=3, delta=DELTA, threshold=THRESHOLD, mode="up")

    def update(self, inertia: float, before: float) -> bool:
        """Whether there is drift.

        Args:
            inertia: mean squared distance of the panel now to the centres of the epoch before.
            before: that of the panel then, above 0.
        """
        self._test.update(log(inertia / before) if inertia > 0 < before else 0.0)
        return bool(self._test.drift_detected)

    def save(self) -> dict[str, Any]:
        """Plain data for JSON."""
        mean = self._test._x_mean  # noqa: SLF001  river saves by pickle only
        fields = {name: getattr(self._test, name) for name in _FIELDS}
        unset = fields["_min_increase"] == inf
        return {"n": mean.n, "mean": mean._mean, **fields, "_min_increase": None if unset else fields["_min_increase"]}  # noqa: SLF001, E501  # fmt: skip

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Become what was saved."""
        self._test._x_mean.n, self._test._x_mean._mean = saved["n"], saved["mean"]  # noqa: SLF001
        for name in _FIELDS:
            setattr(self._test, name, saved[name])
        if saved["_min_increase"] is None:
            self._test._min_increase = inf  # noqa: SLF001
