"""Lifecycle: a table of stages over aggregates and the instant, never a remembered state.

Because a stage is a function of what is known and of the instant, late events and replays cannot leave a
customer in a stage that the facts do not support. "Reactivated" is a gap before the last order.

Three vocabularies are at hand; a deployment speaks one. First line that holds, silence counted from the
last order (thresholds from `Rules`):

                              standard      purchase          growth
    no order counts           prospect      prospect          acquisition
    silent for lost_days      lost          lapsed            decline
    silent for dormant_days   dormant       lapsed            decline
    silent for at_risk_days   at_risk       (as below)        decline
    after a gap >= dormant    reactivated   reactivated       reactivated
    one order                 new           first_purchase    activation
    mature_orders or more     active        repeat            maturity
    anything else             active        repeat            growth
"""

from typing import NamedTuple

from models.rules import DAY_MS, Rules


class Vocabulary(NamedTuple):
    """The names of one vocabulary.

    Attributes:
        prospect: no order counts.
        silence: (name of the threshold in `Rules`, stage from there on), by rising threshold.
        reactivated: the last order came dormant_days or more after the one before.
        new: exactly one order.
        mature: mature_orders or more.
        active: anything else.
    """

    prospect: str
    silence: tuple[tuple[str, str], ...]
    reactivated: str
    new: str
    mature: str
    active: str

    def stages(self) -> tuple[str, ...]:
        """Every name, each once."""
        silent = (name for _, name in self.silence)
        return tuple(
            dict.fromkeys((self.prospect, self.new, self.active, self.mature, self.reactivated, *silent))
        )


VOCABULARIES = {
    "standard": Vocabulary(
        prospect="prospect",
        silence=(("at_risk_days", "at_risk"), ("dormant_days", "dormant"), ("lost_days", "lost")),
        reactivated="reactivated",
        new="new",
        mature="active",
        active="active",
    ),
    "purchase": Vocabulary(
        prospect="prospect",
        silence=(("dormant_days", "lapsed"),),
        reactivated="reactivated",
        new="first_purchase",
        mature="repeat",
        active="repeat",
    ),
    "growth": Vocabulary(
        prospect="acquisition",
        silence=(("at_risk_days", "decline"),),
        reactivated="reactivated",
        new="activation",
        mature="maturity",
        active="growth",
    ),
}


def threshold_days(name: str, rules: Rules) -> int:
    """The days of silence that made a stage, or, of one that silence did not make, that end it first."""
    silence = VOCABULARIES[rules.lifecycle].silence
    threshold = next((threshold for threshold, stage in silence if stage == name), silence[0][0])
    days: int = getattr(rules, threshold)
    return days


def stage(at_ms: int, orders: int, last_order_ms: int, last_gap_ms: int, rules: Rules) -> tuple[str, int]:
    """Stage at an instant, and the instant at which it changes if nothing happens.

    Args:
        at_ms: the instant.
        orders: orders that count.
        last_order_ms: time of the latest of them.
        last_gap_ms: time between the last two of them.
        rules: thresholds and vocabulary.

    Returns:
        The stage and the next change in epoch ms, 0 where time alone changes nothing.
    """
    names = VOCABULARIES[rules.lifecycle]
    if not orders:
        return names.prospect, 0
    silent, until_ms = "", 0
    for threshold, name in names.silence:
        from_ms = last_order_ms + getattr(rules, threshold) * DAY_MS
        if at_ms < from_ms:
            until_ms = from_ms
            break
        silent = name
    if silent:
        return silent, until_ms
    if last_gap_ms >= rules.dormant_days * DAY_MS:
        return names.reactivated, until_ms
    if orders == 1:
        return names.new, until_ms
    return (names.mature if orders >= rules.mature_orders else names.active), until_ms
