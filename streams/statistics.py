"""The numbers of a deployment, in one function: printed by `profilestream stats`, fit to be exposed.

Counts of members are exact and cheap (the sets are kept with the profiles); counts of tags without a set
cost a look at every profile.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from models.feedback import ALERT_OUTCOME, TAG_RIGHT, TAG_WRONG, TAKEN
from streams import books, feedback, keys
from streams.alerts.rules import HOLDOUT, TREATMENT

_SCAN = 2_000
Numbers = dict[str, Any]


def collect(client: Any, buckets: int, sets: list[str], *, every_tag: bool = False) -> Numbers:
    """Profiles, members, alerts and feedback.

    Args:
        client: blocking Redis client.
        buckets: of the deployment.
        sets: names of the sets of members that the catalogue keeps.
        every_tag: look at every profile and count all tags by value.

    Returns:
        `profiles`, `members` (set -> count), `alerts` (name -> rules and counts), `feedback` (rules, tags,
        recommendations) and, if asked for, `tags` (tag -> value -> count).
    """
    out: Numbers = {"profiles": 0, "members": _members(client, buckets, sets)}
    tags: dict[str, Counter[str]] = {}
    cursor = 0
    while True:
        cursor, found = client.scan(cursor, match="ps:profile:*", count=_SCAN)
        out["profiles"] += len(found)
        if every_tag:
            _count_tags(client, found, tags)
        if not cursor:
            break
    if every_tag:
        out["tags"] = {tag: dict(sorted(tags[tag].items())) for tag in sorted(tags)}
    counted = books.counted(client)
    out["feedback"] = said(counted.pop(feedback.NAME, {}))
    out["alerts"] = {
        name.removeprefix("alerts-"): raised(counts)
        for name, counts in sorted(counted.items())
        if name.startswith("alerts-")
    }
    return out


def _members(client: Any, buckets: int, sets: list[str]) -> dict[str, int]:
    pipe = client.pipeline(transaction=False)
    for name in sets:
        for b in range(buckets):
            pipe.scard(keys.members(b, name))
    sizes = pipe.execute()
    return {name: sum(sizes[i * buckets : (i + 1) * buckets]) for i, name in enumerate(sets)}


def _count_tags(client: Any, found: list[bytes], tags: dict[str, Counter[str]]) -> None:
    pipe = client.pipeline(transaction=False)
    for key in found:
        pipe.hget(key, keys.DOC)
    for doc in pipe.execute():
        held = orjson.loads(doc)["tags"] if doc is not None else {}
        for tag, entry in held.items():
            value = entry["value"]
            name = value if isinstance(value, str) else orjson.dumps(value).decode()
            tags.setdefault(tag, Counter())[name] += 1


def raised(counts: Mapping[str, int]) -> Numbers:
    """What a consumer of alerts counted: by rule and arm, and of the whole topic."""
    out: Numbers = {"rules": {}}
    for name, count in sorted(counts.items()):
        rule, arm, what = name.split("/")
        if rule:
            out["rules"].setdefault(rule, {}).setdefault(arm, {})[what] = count
        else:
            out[what] = count
    return out


def said(counts: Mapping[str, int]) -> Numbers:
    """What feedback says: precision by rule and arm, uplift by rule, precision by tag.

    Precision is right / (right + wrong); `retained_ratio` is retained / (retained + churned); uplift is the
    difference of that between the arms, above 0 where alerts keep customers. Absent where nothing is known.
    """
    rules: dict[str, Numbers] = {}
    tags: dict[str, Numbers] = {}
    out: Numbers = {"rules": rules, "tags": tags, "recommendations_taken": 0}
    for name, count in sorted(counts.items()):
        kind, _, rest = name.partition("/")
        if kind == ALERT_OUTCOME:
            rule, arm, outcome = rest.split("/")
            rules.setdefault(rule, {}).setdefault(arm, {})[outcome] = count
        elif kind in (TAG_RIGHT, TAG_WRONG):
            tags.setdefault(rest.split("/")[0], {})[kind.removeprefix("tag_")] = count
        elif kind == TAKEN:
            out["recommendations_taken"] = count
        else:
            out[kind] = count
    for one in tags.values():
        _ratio(one, "precision", "right", "wrong")
    for arms in rules.values():
        for arm in arms.values():
            _ratio(arm, "precision", "right", "wrong")
            _ratio(arm, "retained_ratio", "retained", "churned")
        kept = [arms.get(arm, {}).get("retained_ratio") for arm in (TREATMENT, HOLDOUT)]
        if None not in kept:
            arms["uplift"] = round(kept[0] - kept[1], 6)
    return out


def _ratio(numbers: Numbers, name: str, good: str, bad: str) -> None:
    total = numbers.get(good, 0) + numbers.get(bad, 0)
    if total:
        numbers[name] = round(numbers.get(good, 0) / total, 6)
