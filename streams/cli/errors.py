"""What can go wrong in the world, not in the program: shown as one sentence, without a traceback."""

import click
from redis.exceptions import RedisError

from models.codec import CodecError
from streams.config import ConfigError
from streams.local.datasets import DatasetError
from streams.local.process import LocalProcessError
from streams.store.contract import StoreUnfit, Unavailable

EXPECTED = (
    CodecError,
    ConfigError,
    DatasetError,
    LocalProcessError,
    StoreUnfit,
    Unavailable,
    RedisError,
    click.ClickException,
    click.Abort,
    KeyboardInterrupt,
)


def sentence(error: BaseException) -> str:
    """The message for a person."""
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return "stopped"
    return str(error)
