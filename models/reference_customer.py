"""Rows of the field reference: the document itself, consent, lifecycle, attributes and tags."""

from models import lifecycle
from models.document import SCHEMA
from models.payloads import CONSENTS, MAX_NAMES
from models.reference_kinds import (
    ANY,
    AT_LEAST_ONE,
    BALANCE,
    COUNT,
    INSTANT,
    MINOR,
    SCORE,
    TEXT,
    Field,
    Kind,
    one_of,
)
from models.tags import TAGS

_STAGES = [stage for names in lifecycle.VOCABULARIES.values() for stage in names.stages()]
_TAG_IDS = tuple(tag.id for tag in TAGS)
_UNSEEN = "nothing but attributes or consent was ever said"


def _because(name: str, kind: Kind, unit: str, meaning: str, of: str) -> Field:
    """A value that decided about a tag."""
    return Field(f"tags.*.because.{name}", kind, unit, meaning, f"the tag is not {of}")


ROWS = (
    Field("customer_id", TEXT, "", "Whose profile this is, as the events name the customer."),
    Field("schema", one_of(SCHEMA), "", "Version of this reference; a change that breaks readers raises it."),
    Field("version", COUNT, "count", "Stored writes of this profile; grows by one with each.",
          serves=(20, 56)),
    Field("as_of", INSTANT, "", "The instant whose truth the document states.", serves=(20, 56)),
    Field("updated_at", INSTANT, "", "When the document was made, by the clock of the worker.", serves=(56,)),
    Field("normalisation", Kind("string", pattern="^[0-9a-f]{8}$"), "",
          "Fingerprint of the exchange rates and aliases in force.", "none are configured", serves=(11,)),
    Field("first_seen_at", INSTANT, "", "Time of the earliest order, click or service event.", _UNSEEN),
    Field("last_seen_at", INSTANT, "", "Time of the latest one.", _UNSEEN),
    Field("consent.status", one_of(*CONSENTS), "",
          "What the customer said last; withdrawn empties the profile.", serves=(54,)),
    Field("consent.at", INSTANT, "", "When that was said.", serves=(54,)),
    Field("lifecycle.stage", one_of(*_STAGES), "",
          "Stage by number of orders and silence since the last one, in the vocabulary of the setting "
          "`lifecycle`: " + "; ".join(
              f"{name} has {', '.join(names.stages())}" for name, names in lifecycle.VOCABULARIES.items()
          ) + ".", serves=(30, 31)),
    Field("lifecycle.since", INSTANT, "", "Since when it has been announced.",
          "it has not been announced yet", serves=(30,)),
    Field("attributes.*", ANY, "",
          f"Latest value that a source stated under this name; the {MAX_NAMES} names written latest, 8 KiB "
          "together; the setting `privacy` drops, masks or hashes by name.", serves=(7, 8, 12, 42)),
    Field("tags.*.value", Kind("flag"), "",
          "True for a tag that is held, a name for `lifecycle` (see `lifecycle.stage`) and `rfm_segment` "
          "(see `rfm.segment`).", serves=(17, 18, 20, 29, 31), keys=_TAG_IDS),
    Field("tags.*.since", INSTANT, "", "Since when it has had this value.", serves=(20,), keys=_TAG_IDS),
    Field("tags.*.rule", Kind("string", pattern=r"^[a-z0-9_]+@[0-9]+$"), "",
          "The rule that decided and its version, id@version.", serves=(18,), keys=_TAG_IDS),
    Field("tags.*.until", INSTANT, "", "When the value changes if nothing happens.",
          "time alone changes nothing", serves=(20, 45), keys=_TAG_IDS),
    _because("orders", COUNT, "count", "Orders that count.", "`lifecycle`"),
    _because("last_order_at", INSTANT, "", "Time of the latest order that counts, if there is one.",
             "`lifecycle`"),
    _because("at_risk_days", AT_LEAST_ONE, "days",
             "Setting of that name; of the three, the one that was crossed last or comes first.",
             "`lifecycle`"),
    _because("dormant_days", AT_LEAST_ONE, "days", "Setting of that name.", "`lifecycle`"),
    _because("lost_days", AT_LEAST_ONE, "days", "Setting of that name.", "`lifecycle`"),
    _because("r", SCORE, "score 1..5", "Recency score.", "`rfm_segment`"),
    _because("f", SCORE, "score 1..5", "Frequency score.", "`rfm_segment`"),
    _because("m", SCORE, "score 1..5", "Monetary score.", "`rfm_segment`"),
    _because("last_active_at", INSTANT, "", "Latest event that was the customer's own doing.",
             "`active_30d`"),
    _because("within_days", AT_LEAST_ONE, "days", "Setting `active_days`.", "`active_30d`"),
    _because("net_minor", BALANCE, "minor units", "Spending less refunds.", "`high_value`"),
    _because("at_least_minor", MINOR, "minor units", "Setting `high_value_minor`.", "`high_value`"),
    _because("idle_since", INSTANT, "", "When the cart, or the looking around, was last touched.",
             "`cart_abandoned` or `browse_abandoned`"),
    _because("after_s", COUNT, "seconds", "Setting `cart_abandoned_s` or `browse_abandoned_s`.",
             "`cart_abandoned` or `browse_abandoned`"),
)  # fmt: skip
