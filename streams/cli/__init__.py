"""The command line: small modules, one a command; a foreseeable failure is one sentence and exit 1."""

import sys

from streams.cli.main import cli


def main() -> None:
    """Entry point of the console script."""
    from streams.cli.errors import EXPECTED, sentence
    from streams.logs import last_words

    try:
        cli(standalone_mode=False)
    except EXPECTED as error:
        last_words(sentence(error))
        sys.exit(1)


__all__ = ["cli", "main"]
