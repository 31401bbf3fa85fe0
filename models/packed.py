"""How the details of an order are remembered: few bytes, read only when the order is spoken of again.

A word is a number in a list that all orders of a customer share; when the list is full, a new word stands
in the order itself.
"""

import msgspec

from models.details import OTHER, UNSAID, Details

WORDS = 96  # of one customer, about 10 bytes each
_FIXED = ("", OTHER)  # numbers 0 and 1
Word = int | str


class Form(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """`Details` as numbers, what is said most often first; defaults at the end are not written."""

    lines: tuple[tuple[Word, int, int], ...] = ()
    channel: Word = 0
    payments: tuple[Word, ...] = ()
    discount_minor: int = UNSAID
    brands: tuple[Word, ...] = ()
    coupon: bool = False
    currency: Word = 0
    foreign_minor: int = 0


_encode = msgspec.msgpack.Encoder().encode
_DEFAULTS: tuple[object, ...] = ([], 0, [], UNSAID, [], False, 0, 0)
_decode = msgspec.msgpack.Decoder(Form).decode


def pack(said: Details, words: list[str]) -> bytes:
    """The form to remember; new words are appended."""
    form = [
        [(_number(name, words), units, minor) for name, units, minor in said.lines],
        _number(said.channel, words),
        [_number(name, words) for name in said.payments],
        said.discount_minor,
        [_number(name, words) for name in said.brands],
        said.coupon,
        _number(said.currency, words),
        said.foreign_minor,
    ]
    while form and form[-1] == _DEFAULTS[len(form) - 1]:
        form.pop()
    return _encode(form)


def form_of(packed: bytes) -> Form:
    """The numbers as they are remembered."""
    return _decode(packed)


def text(word: Word, words: list[str]) -> str:
    """The word of a number."""
    if isinstance(word, str):
        return word
    return words[word - 2] if word > 1 else _FIXED[word]


def unpack(packed: bytes | None, words: list[str]) -> Details | None:
    """What was said."""
    if packed is None:
        return None
    form = _decode(packed)
    return Details(
        text(form.channel, words),
        tuple([text(name, words) for name in form.payments]),
        tuple([(text(name, words), units, minor) for name, units, minor in form.lines]),
        tuple([text(name, words) for name in form.brands]),
        form.discount_minor,
        form.coupon,
        text(form.currency, words),
        form.foreign_minor,
    )


def brief(packed: bytes) -> bytes:
    """Without what was bought and how it was paid, which takes most of the room."""
    form = _decode(packed)
    if not (form.lines or form.brands or form.payments):
        return packed
    return _encode(msgspec.structs.replace(form, lines=(), brands=(), payments=()))


def _number(word: str, words: list[str]) -> Word:
    if not word:
        return 0
    if word in words:
        return 2 + words.index(word)
    if word == OTHER:
        return 1
    if len(words) >= WORDS:
        return word
    words.append(word)
    return 1 + len(words)
