"""Read customer profiles of a profilestream deployment; also the distribution `profilestream-reader`.

    from profilestream_reader import Known, ProfileReader

    with ProfileReader("rediss://reader:...@redis:6379/0") as reader:
        match reader.get("c-1"):
            case Known(value=profile):
                print(profile.doc["rfm"]["segment"])

Needs the standard library, redis and orjson, and nothing else of profilestream: what it knows of the store is
the published contract (deploy/schema/READING.md). Reading order: `answers`, `deployment`, `core`, `clients`.
"""

from .answers import (
    Absent,
    Answer,
    Damaged,
    Known,
    NotKnown,
    Page,
    Profile,
    ReaderError,
    Reason,
    Unknown,
    WrongDeployment,
)
from .clients import AsyncProfileReader, ProfileReader, options
from .core import key_of
from .deployment import Lag, Settings
from .documents import ProfileDocument, Tag
from .watch import TagChange

__all__ = [
    "Absent",
    "Answer",
    "AsyncProfileReader",
    "Damaged",
    "Known",
    "Lag",
    "NotKnown",
    "Page",
    "Profile",
    "ProfileDocument",
    "ProfileReader",
    "ReaderError",
    "Reason",
    "Settings",
    "Tag",
    "TagChange",
    "Unknown",
    "WrongDeployment",
    "key_of",
    "options",
]
