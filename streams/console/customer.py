"""One customer: the document, why each tag is held, what is foreseen, what changed; and how to find one."""

import re
import time
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from models import codec, history
from models.rules import Rules
from models.state import State
from streams import keys
from streams.cli import why
from streams.cli.part import Part
from streams.console import chinese, outlook
from streams.console.answers import Refused
from streams.console.known import Known, wall_ms
from streams.screen import Times

LONGEST_ID = 128
FOUND_MOST = 20
SCANNED = 2_000
SEARCH_S = 0.4  # a search ends then, wherever it is
_GLOB = re.compile(r"([\\*?\[\]])")
Doc = dict[str, Any]


class Customers:
    """Answers about customers.

    Args:
        client: asyncio Redis client.
        known: rules and instant of the deployment.
    """

    def __init__(self, client: Any, known: Known) -> None:
        self._client, self._known = client, known
        self._buckets = known.config.buckets
        self._zone: tzinfo = ZoneInfo(known.config.zone)

    async def show(self, cid: str) -> Doc:
        """Everything about one; what the client raises goes to the caller.

        Raises:
            Refused: there is no such customer.
        """
        if not 0 < len(cid) <= LONGEST_ID:
            raise _unknown()
        b = keys.bucket(cid, self._buckets)
        found = await self._client.hmget(keys.profile(b, cid), keys.DOC, keys.STATE, keys.LOG)
        raw, private, log = found
        if raw is None:
            raise _unknown()
        doc, state, rules = orjson.loads(raw), readable(private), self._known.rules
        now_ms = self._known.instant_ms
        return {
            "doc": doc,
            "bucket": b,
            "document_age_s": self._age_s(),
            "explained": explained(doc, state, now_ms, rules, self._zone),
            "curve": outlook.curve(state, now_ms, rules) if state is not None else None,
            "risks": outlook.risks(state, now_ms, rules) if state is not None else [],
            "history": [past.public() for past in history.read(log)],
        }

    def _age_s(self) -> float | None:
        """How far behind the clock what is stored may be; None where nobody says, or events are the clock."""
        current_ms = self._known.current_ms
        if current_ms is None or self._known.config.clock != "wall":
            return None
        return round(max(0, wall_ms() - current_ms) / 1000, 3)

    async def find(self, wanted: str) -> Doc:
        """The customer of that id, and others whose ids begin so, as far as they are found in a moment.

        Args:
            wanted: an id, or the beginning of one.
        """
        if not 0 < len(wanted) <= LONGEST_ID:
            raise Refused(400, "bad_query", f"q is the beginning of an id, 1 to {LONGEST_ID} characters")
        key = keys.profile(keys.bucket(wanted, self._buckets), wanted)
        is_exact = bool(await self._client.exists(key))
        found = {wanted: None} if is_exact else {}
        pattern = "ps:profile:*:" + _GLOB.sub(r"\\\1", wanted) + "*"
        cursor, until_s = 0, time.monotonic() + SEARCH_S
        while True:
            cursor, some = await self._client.scan(cursor, match=pattern, count=SCANNED)
            ids = (keys.customer(one) for one in some)
            found.update(dict.fromkeys(cid for cid in ids if cid.startswith(wanted)))
            if not cursor or len(found) > FOUND_MOST or time.monotonic() > until_s:
                break
        first = [wanted] if is_exact else []
        others = sorted(found.keys() - {wanted})
        partial = bool(cursor) or len(first + others) > FOUND_MOST
        return {"exact": is_exact, "customers": (first + others)[:FOUND_MOST], "partial": partial}


def explained(doc: Doc, state: State | None, now_ms: int, rules: Rules, zone: tzinfo) -> dict[str, list[Doc]]:
    """A sentence for each tag that is held, by language."""
    out: dict[str, list[Doc]] = {"en": [], "zh": []}
    tags, times = Part(doc).part("tags"), Times(now_ms, zone)
    for one in why.sentences(doc, now_ms, rules, zone, state=state):
        said = {
            "en": one.says,
            "zh": chinese.sentence(rules.catalogue, one, tags.part(one.tag), times),
        }
        for lang, says in said.items():
            out[lang].append({"tag": one.tag, "says": says, "until_ms": one.until_ms})
    return out


def readable(private: bytes | None) -> State | None:
    """A state, where it is of this version: without it less is said."""
    try:
        return codec.decode(private) if private is not None else None
    except codec.CodecError:
        return None


def _unknown() -> Refused:
    return Refused(404, "unknown", "there is no such customer")
