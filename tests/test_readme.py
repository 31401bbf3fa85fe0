"""The README says what the code says."""

from dataclasses import fields
from pathlib import Path

from streams.cli import cli
from streams.config import PREFIX, Config

README = Path(__file__).resolve().parent.parent / "README.md"


def settings_table() -> str:
    """The table of settings as it should stand in the README."""
    rows = ["| setting | default | unit | meaning |", "|---|---|---|---|"]
    for field in fields(Config):
        value = getattr(Config(), field.name)
        default = ",".join(map(str, value)) if isinstance(value, tuple) else "" if value == {} else str(value)
        unit = field.metadata["unit"].replace("|", " or ")
        rows.append(
            f"| `{field.name}` | {f'`{default}`' if default else ''} | {unit} | {field.metadata['meaning']} |"
        )
    return "\n".join(rows)


def test_the_settings_table_is_the_one_of_the_code() -> None:
    assert PREFIX == "PROFILESTREAM_"
    assert settings_table() in README.read_text(encoding="utf-8")


def test_every_command_stands_in_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    assert [name for name in cli.commands if f"profilestream {name}" not in text] == []
