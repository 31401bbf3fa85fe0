"""Rows of the field reference: the document itself, consent, lifecycle, attributes and tags."""

from models import lifecycle
from models.document import SCHEMA
from models.payloads import CONSENTS, MAX_NAMES
from models.reference_kinds import (
    ANY,
    COUNT,
    INSTANT,
    TEXT,
    Field,
    Kind,
    one_of,
)

_STAGES = [stage for names in lifecycle.VOCABULARIES.values() for stage in names.stages()]
_UNSEEN = "nothing but attributes or consent was ever said"


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
    Field("scores.*.value", Kind("number"), "", "Latest score of this name: the attribute `scores.<name>` of "
          "a control record, an object with `value`, `model` and, if known, `at`.", serves=(8,)),
    Field("scores.*.model", TEXT, "", "The model that it comes from, as its owner names it.", serves=(8,)),
    Field("scores.*.at", INSTANT, "", "When the model computed it; when it was stated, if that is not said.",
          serves=(8,)),
    Field("last_active_at", INSTANT, "", "Time of the latest event that was the customer's own doing.",
          "there was none", serves=(2, 56)),
    Field("tags.*.value", Kind("tag"), "",
          "True for a flag that is held, a name for a category, a number for a number; the catalogue says "
          "which.", serves=(17, 18, 19, 20, 29, 31, 38)),
    Field("tags.*.since", INSTANT, "", "Since when it has had this value.", serves=(20,)),
    Field("tags.*.rule", Kind("string", pattern=r"^[a-z0-9_]+@[0-9]+$"), "",
          "The rule that decided and its version, id@version.", serves=(18, 19)),
    Field("tags.*.because", Kind("evidence"), "",
          "The comparisons that decided: fact, value, operator, limit, each true as it stands. Of a "
          "`since(...)` the value is the instant. A fact with its value alone is what was looked at.",
          serves=(18, 20)),
    Field("tags.*.cause.topic", TEXT, "", "Topic of the event that announced the value.",
          "time or another catalogue did", serves=(20,)),
    Field("tags.*.cause.partition", COUNT, "", "Its partition.", "time or another catalogue did"),
    Field("tags.*.cause.offset", COUNT, "", "Its offset there.", "time or another catalogue did"),
    Field("tags.*.cause.timer", INSTANT, "", "The instant that announced the value.",
          "an event or another catalogue did", serves=(20,)),
    Field("tags.*.cause.catalogue", COUNT, "", "Revision of the catalogue that announced the value.",
          "an event or time did", serves=(19,)),
    Field("tags.*.cause.population", COUNT, "", "Population snapshot that announced the value.",
          "an event, time or another catalogue did", serves=(34,)),
    Field("tags.*.until", INSTANT, "", "When the value changes if nothing happens.",
          "time alone changes nothing", serves=(20, 45)),
)  # fmt: skip
