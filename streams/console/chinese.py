"""A short sentence in Chinese for each tag that is held: what, since when, and what follows when.

Labels are those of the catalogue. What decided is not in it: the page tells evidence in its own words
(`static/js/views/changes/because.js`).
"""

from models.catalogue.catalogue import Catalogue
from streams.cli.part import Part
from streams.cli.why import Sentence
from streams.cli.wording import label
from streams.screen import Times, plain

VALUES = {
    # lifecycle
    "prospect": "潜在客户", "acquisition": "获客期", "new": "新客", "first_purchase": "首购",
    "activation": "激活期", "active": "活跃", "repeat": "复购", "growth": "成长期", "maturity": "成熟期",
    "reactivated": "召回", "at_risk": "有流失风险", "decline": "衰退期", "dormant": "沉睡", "lapsed": "流失",
    "lost": "已流失",
    # segments
    "champions": "冠军客户", "loyal_customers": "忠诚客户", "potential_loyalists": "潜力忠诚客户",
    "new_customers": "新客户", "promising": "有希望的客户", "need_attention": "需要关注",
    "about_to_sleep": "即将沉睡", "cannot_lose_them": "不能失去的客户", "hibernating": "休眠",
    # levels
    "low": "低", "medium": "中", "high": "高",
    "healthy": "健康", "sub_healthy": "亚健康", "unhealthy": "不健康",
}  # fmt: skip


def sentence(catalogue: Catalogue, said: Sentence, entry: Part, times: Times) -> str:
    """One tag.

    Args:
        catalogue: in force.
        said: the same in English.
        entry: what the document says of the tag.
        times: shows instants.
    """
    value = _value(entry.value("value"), said.value)
    head = plain(label(catalogue, said.tag, "zh")) + (f"：{value}" if value else "")
    since, until = times.minute(entry.text("since")), times.exact(entry.text("until"))
    if since:
        head += f"，自 {since} 起"
    if not until:
        return f"{head}。仅随时间推移不会改变。"
    return f"{head}。若无新动作，{until} {_then(said, is_flag=entry.is_true('value'))}。"


def _then(said: Sentence, *, is_flag: bool) -> str:
    if said.follows is None:
        return "移除" if is_flag else "改变"
    return "移除" if said.follows.value is None else f"变为“{_value(str(said.follows.value), said.then)}”"


def _value(value: str, words: str) -> str:
    """A value in words; numbers as in English, with their unit; "" of a flag."""
    return VALUES.get(value, words) if words else ""
