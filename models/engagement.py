"""Engagement: what a customer does on the site and in the app.

Counts by calendar day give both the windows and the decayed activity, so all of it is exact whatever the
order of arrival.
"""

from bisect import bisect_left, insort
from typing import Any

import msgspec

from models.calendar import iso
from models.days import Days
from models.events import Click
from models.rules import Rules
from models.sessions import Sessions
from models.shares import shares, weight_of

WINDOWS = (7, 30, 90)
_WINDOW_NAMES = tuple(f"{width}d" for width in WINDOWS)
SEEN_MOST = 64  # event ids, 9 bytes each
LOOKS = 32  # about 15 bytes each
HALF_LIFE_DAYS = 14
_DECAY: tuple[float, ...] = tuple(0.5 ** (age / HALF_LIFE_DAYS) for age in range(WINDOWS[-1]))
# Known actions are counted by name, all others together, so that a state stays bounded.
_KNOWN = """
page_view product_view list_view search add_to_cart remove_from_cart checkout_start favourite
campaign_received campaign_click coupon_redeemed signup login
"""
ACTIONS = frozenset(_KNOWN.split())
OTHER_ACTION = "other"
# Stored numbers of actions: a new one goes to the end of `_KNOWN`, which has room for two more.
_CODES = {action: code for code, action in enumerate(_KNOWN.split())} | {OTHER_ACTION: 15}
RECENT = 64  # clicks with their instants, 9 bytes each
RECENT_MS = 48 * 3_600_000
PAGE_ACTIONS = frozenset(("page_view", "product_view", "list_view"))
DWELL_MOST_MS = 6 * 3_600_000  # a page left open overnight was not read for a night


class Engagement(msgspec.Struct, array_like=True, gc=False):
    """The aggregate of click events.

    Attributes:
        n: clicks.
        last_ms: time of the latest, epoch ms.
        pages: of them page, product and list views.
        dwell_ms: time spent as told by the clicks, each at most `DWELL_MOST_MS`.
        dwelt: how many clicks told it.
        actions: action -> clicks; unknown ones under `OTHER_ACTION`.
        days: clicks by calendar day, 90 days.
        sessions: visits.
        looks: (day, category) of the latest `LOOKS` clicks on something of a category, ascending.
        seen: identities of the latest `SEEN_MOST` clicks, oldest first.
        latest_ms: action -> time of its latest click.
        recent: 16 x time + number of the action, ascending, of the latest `RECENT` clicks that lie within
            `RECENT_MS` of the newest.
    """

    n: int = 0
    last_ms: int = 0
    pages: int = 0
    dwell_ms: int = 0
    dwelt: int = 0
    actions: dict[str, int] = {}
    days: Days = msgspec.field(default_factory=Days)
    sessions: Sessions = msgspec.field(default_factory=Sessions)
    looks: list[tuple[int, str]] = []
    seen: list[int] = []
    latest_ms: dict[str, int] = {}
    recent: list[int] = []

    def add(self, event: Click, rules: Rules) -> bool:
        """Count a click; False where it is a repeat."""
        if event.event_hash in self.seen:
            return False
        at_ms = event.ts_ms
        self.n += 1
        self.last_ms = max(self.last_ms, at_ms)
        action = event.action if event.action in ACTIONS else OTHER_ACTION
        self.actions[action] = self.actions.get(action, 0) + 1
        self.latest_ms[action] = max(at_ms, self.latest_ms.get(action, 0))
        insort(self.recent, at_ms * 16 + _CODES[action])
        self._trim_recent()
        self.pages += action in PAGE_ACTIONS
        if event.dwell_ms is not None and event.dwell_ms >= 0:
            self.dwell_ms += min(int(event.dwell_ms), DWELL_MOST_MS)
            self.dwelt += 1
        self.days.add(rules.calendar.day(at_ms), 1)
        self.days.trim(self.days.day[-1], WINDOWS[-1])
        self.sessions.add(at_ms)
        if event.category and (category := rules.categories.name(event.category)):
            insort(self.looks, (rules.calendar.day(at_ms), category))
            del self.looks[:-LOOKS]
        self.seen.append(event.event_hash)
        if len(self.seen) > SEEN_MOST:
            del self.seen[0]
        return True

    def merged(self, other: "Engagement") -> "Engagement":
        """Of two parts of one customer's clicks that share no event."""
        days = self.days.merged(other.days)
        if days.day:
            days.trim(days.day[-1], WINDOWS[-1])
        names = sorted(self.actions.keys() | other.actions.keys())
        mine, theirs = self.latest_ms, other.latest_ms
        out = Engagement(
            self.n + other.n,
            max(self.last_ms, other.last_ms),
            self.pages + other.pages,
            self.dwell_ms + other.dwell_ms,
            self.dwelt + other.dwelt,
            {name: self.actions.get(name, 0) + other.actions.get(name, 0) for name in names},
            days,
            self.sessions.merged(other.sessions),
            sorted([*self.looks, *other.looks])[-LOOKS:],
            (self.seen + other.seen)[-SEEN_MOST:],
            {name: max(mine.get(name, 0), theirs.get(name, 0)) for name in names},
            sorted([*self.recent, *other.recent]),
        )
        out._trim_recent()
        return out

    def times(self, action: str | None) -> list[int]:
        """When the recent clicks of an action, None = of any, happened, ascending, epoch ms."""
        if action is None:
            return [one >> 4 for one in self.recent]
        code = _CODES[action]
        return [one >> 4 for one in self.recent if one & 15 == code]

    def activity(self, today: int) -> float:
        """Clicks of the last 90 days, each halved every `HALF_LIFE_DAYS` calendar days."""
        days = zip(self.days.day, self.days.n, strict=True)
        return sum((n * _DECAY[today - day] for day, n in days if 0 <= today - day < WINDOWS[-1]), 0.0)

    def interests(self) -> dict[str, float]:
        """Decayed shares of the categories looked at; empty where none were."""
        weights: dict[str, float] = {}
        for day, category in self.looks:
            weights[category] = weights.get(category, 0.0) + weight_of(day)
        return shares(weights) if weights else {}

    def show(self, today: int) -> dict[str, Any]:
        """The section `engagement` of the document, as of a calendar day."""
        out: dict[str, Any] = {
            "clicks": self.n,
            "sessions": self.sessions.n,
            "pages": self.pages,
            "activity": round(self.activity(today), 6),
            "last_click_at": iso(self.last_ms),
            "actions": dict(sorted(self.actions.items())),
            "latest": {action: iso(at_ms) for action, at_ms in sorted(self.latest_ms.items())},
        }
        if self.dwelt:
            out["dwell_ms"] = self.dwell_ms
            out["dwell_mean_ms"] = self.dwell_ms / self.dwelt
        windows = zip(_WINDOW_NAMES, self.days.windows(today, WINDOWS), strict=True)
        out["windows"] = {name: {"clicks": n} for name, (n, _) in windows}
        return out

    def _trim_recent(self) -> None:
        recent = self.recent
        if recent:
            oldest = ((recent[-1] >> 4) - RECENT_MS) << 4
            drop = max(0, len(recent) - RECENT, bisect_left(recent, oldest))
            if drop:
                del recent[:drop]
