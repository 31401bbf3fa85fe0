"""The types of the wire fields: limits of the contract as the typed decoder reads them.

`ts`, amounts and hashes are decoded as one type and replaced in place by another before anyone sees them
(see `events`), so the decoder is told the first and the type checker the second.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Raw

from models.contract import MAX_ID, MAX_NUMBER, MAX_PRICE_DIGITS, MAX_QTY
from models.money import MAX_TEXT, NUMERIC

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
Number = Annotated[float, Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
Quantity = Annotated[float, Meta(ge=0, le=MAX_QTY)]
Price = (
    Annotated[float, Meta(ge=0, lt=10**MAX_PRICE_DIGITS)]
    | Annotated[str, Meta(pattern=rf"\A0*[0-9]{{1,{MAX_PRICE_DIGITS}}}(\.[0-9]+)?\Z", max_length=MAX_TEXT)]
)
Status = Literal["placed", "paid", "cancelled"]
Currency = Annotated[str, Meta(min_length=3, max_length=3)]

if TYPE_CHECKING:
    Instant = int
    Minor = int | None
    Hash = int
else:
    Instant = int | str
    Minor = Annotated[float, Meta(ge=0)] | Annotated[str, Meta(pattern=NUMERIC, max_length=MAX_TEXT)] | None
    Hash = Raw
