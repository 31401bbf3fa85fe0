"""The runbook: an entry for each alert, and nothing in it that does not exist."""

import re

import pytest
import yaml
from click.testing import CliRunner
from monitoring import ROOT, alert_names

from streams.cli import cli
from streams.config import Config
from streams.metrics.declared import METRICS

RUNBOOK = (ROOT / "RUNBOOK.md").read_text("utf-8")
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]


def entries() -> dict[str, str]:
    """Alert -> its text in the runbook, in the order of the page."""
    parts = re.split(r"^## (\w+)\n", RUNBOOK, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_alert_has_an_entry_and_every_entry_an_alert() -> None:
    assert sorted(entries()) == sorted(alert_names())
    for text in entries().values():
        parts = re.findall(
            r"^\*\*(Means|You notice|Look|Do)\.\*\*|^\*\*(Do not)\*\*", text, flags=re.MULTILINE
        )
        assert [a or b for a, b in parts] == ["Means", "You notice", "Look", "Do", "Do not"]
    named = set(re.findall(r"Profilestream\w+", RUNBOOK))
    assert named <= set(alert_names())


def commands() -> list[str]:
    """Command lines of ours in the runbook, without the program's name."""
    return re.findall(r"`profilestream ([^`\n]+)`", RUNBOOK) + re.findall(
        r"^profilestream (.+?)(?:  .*)?$", RUNBOOK, flags=re.MULTILINE
    )


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_commands_of_the_runbook_exist(line: str) -> None:
    result = CliRunner().invoke(cli, [*line.split(), "--help"])
    assert result.exit_code == 0, result.output
    for option in re.findall(r"--[a-z-]+", line):
        assert option in result.output


def test_services_metrics_and_settings_of_the_runbook_exist() -> None:
    for line in re.findall(r"docker compose ([^`\n]+)", RUNBOOK):
        words = [word for word in line.split() if not word.startswith("-") and not word.isdecimal()]
        named = {word.partition("=")[0] for word in words[1:]} - {"monitoring", "up"}
        assert named <= SERVICES.keys(), line
    known = set(Config.__dataclass_fields__) | {metric.name for metric in METRICS}
    known |= {"aof_enabled", "aof_last_write_status"}  # of Redis' INFO
    words = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", RUNBOOK))
    assert words - known == {"in_future"}  # a reason of dead letters
