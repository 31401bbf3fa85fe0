"""Satisfaction: what customers say when asked (CSAT, NPS) and how their words sound (sentiment).

CSAT is shown as a share of its scale, 0..1 (a 4 of 5 is 0.8); NPS on its own scale, 0..10; sentiment from
-1 to 1, when the event carries it. An answer outside its scale is no answer.
"""

from typing import Any

import msgspec

from models.events import Service
from models.scores import Scores

CSAT_SCALE = 5.0  # where the event does not say
NPS_SCALE = 10.0


class Satisfaction(msgspec.Struct, array_like=True, gc=False):
    """The aggregate; `sentiment` is kept as a share, -1 as 0 and 1 as 1."""

    csat: Scores = msgspec.field(default_factory=Scores)
    nps: Scores = msgspec.field(default_factory=Scores)
    sentiment: Scores = msgspec.field(default_factory=Scores)

    def add(self, event: Service) -> None:
        """Count what a service event says about satisfaction."""
        if event.score is not None and event.action in ("csat", "nps"):
            scores, usual = (self.csat, CSAT_SCALE) if event.action == "csat" else (self.nps, NPS_SCALE)
            scale = event.scale if event.scale is not None else usual
            if 0 <= event.score <= scale and scale > 0:
                scores.add(event.ts_ms, event.score / scale)
        if event.sentiment is not None and -1 <= event.sentiment <= 1:
            self.sentiment.add(event.ts_ms, (event.sentiment + 1) / 2)

    def merged(self, other: "Satisfaction") -> "Satisfaction":
        """Of two parts of one customer's events."""
        return Satisfaction(
            self.csat.merged(other.csat), self.nps.merged(other.nps), self.sentiment.merged(other.sentiment)
        )

    def show(self) -> dict[str, Any]:
        """The section `satisfaction` of the document; empty where nothing was said."""
        out: dict[str, Any] = {}
        for name, scores, low, width in (
            ("csat", self.csat, 0.0, 1.0),
            ("nps", self.nps, 0.0, NPS_SCALE),
            ("sentiment", self.sentiment, -1.0, 2.0),
        ):
            if not scores.n:
                continue
            out[f"{name}_n"] = scores.n
            out[f"{name}_mean"] = round(low + width * scores.mean, 6)
            out[f"{name}_last"] = round(low + width * scores.last, 6)
            if scores.trend is not None:
                out[f"{name}_trend"] = round(width * scores.trend, 6)
        return out
