"""What every command shares: where the configuration comes from."""

from pathlib import Path
from typing import Any

import click

from streams.config import Config
from streams.settings import load


class Context:
    """Options of the group, and the configuration they lead to."""

    def __init__(self, path: Path | None, overrides: dict[str, Any]) -> None:
        self._path = path
        self._overrides = overrides

    def config(self, **more: Any) -> Config:
        """The configuration, with a command's own overrides on top."""
        return load(self._path, overrides={**self._overrides, **more})


pass_context = click.make_pass_decorator(Context)
