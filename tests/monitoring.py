"""A real Prometheus over a local stack, with the shipped rules; and what rules and dashboards ask.

The rules are written for minutes and hours. `shortened` divides `for`, ranges and offsets in them by one
number, so that a test lives through in seconds what takes an hour, and limits in seconds by another, because
work does not get quicker with it. What is compared with a setting is not touched: a test sets it short.
"""

import json
import re
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from streams.cli import cli
from streams.local.ports import free_port
from streams.local.process import LocalProcess
from streams.local.server import LocalServer
from streams.local.stack import LocalStack, environment

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "deploy/prometheus/rules.yml"
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
JOB = "profilestream-"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = re.compile(r"(?P<before>\[|offset )(?P<number>\d+)(?P<unit>ms|s|m|h|d)\b")


class Asked(NamedTuple):
    """A query and where it stands."""

    where: str
    expr: str


def rules(text: str) -> list[dict[str, Any]]:
    """Every rule of a rules file."""
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def alert_names() -> list[str]:
    """Every alert of the shipped rules."""
    return [rule["alert"] for rule in rules(RULES.read_text("utf-8")) if "alert" in rule]


def shortened(text: str, factor: float, limits: float) -> str:
    """A rules file with stretches of time and limits divided, see above."""

    def divided(number: str, unit: str) -> str:
        return f"{round(int(number) * _UNITS[unit] * 1000 / factor)}ms"

    def span(match: "re.Match[str]") -> str:
        return match["before"] + divided(match["number"], match["unit"])

    loaded = yaml.safe_load(text)
    for group in loaded["groups"]:
        for rule in group["rules"]:
            rule["expr"] = _SPAN.sub(span, rule["expr"])
            if "for" in rule:
                rule["for"] = re.sub(r"(\d+)(\w+)", lambda m: divided(m[1], m[2]), rule["for"])
            if rule.get("record", "").endswith("_limit_seconds"):
                rule["expr"] = re.sub(
                    r"^vector\((\d+)\)$", lambda m: f"vector({int(m[1]) / limits})", rule["expr"]
                )
    return yaml.safe_dump(loaded, sort_keys=False)


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name of the file and panel, of all dashboards."""
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            yield path.stem, panel


def panel_queries() -> list[Asked]:
    """Every query of every panel, for all jobs and instances."""
    out = []
    for board, panel in panels():
        for target in panel.get("targets", ()):
            expr = target["expr"].replace("$job", ".*").replace("$instance", ".*")
            out.append(Asked(f"{board}: {panel['title']}: {target['legendFormat']}", expr))
    return out


def prometheus_available() -> bool:
    """Whether server and promtool are installed."""
    return shutil.which("prometheus") is not None and shutil.which("promtool") is not None


def answers(url: str) -> bool:
    """Whether a GET succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Prometheus(LocalServer):
    """A Prometheus on loopback that scrapes and evaluates each second.

    Args:
        directory: for its data, configuration and log.
        factor: by which stretches of time in the shipped rules are divided.
        limits: by which limits in seconds are.
    """

    def __init__(self, directory: Path, factor: float = 1.0, limits: float = 1.0) -> None:
        self._directory = directory
        self._factors = factor, limits
        self._targets: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{free_port()}"
        argv = ["prometheus", f"--config.file={directory / 'prometheus.yml'}", "--log.level=warn"]
        argv += [f"--storage.tsdb.path={directory / 'data'}", f"--web.listen-address={self.url[7:]}"]
        process = LocalProcess("Prometheus", argv, log=directory / "prometheus.log", env={})
        super().__init__(process, self._is_ready, 180.0)

    def start(self) -> None:
        """Write the configuration, start, and return once it answers."""
        self._directory.mkdir(parents=True, exist_ok=True)
        rules_text = shortened(RULES.read_text("utf-8"), *self._factors)
        (self._directory / "rules.yml").write_text(rules_text, encoding="utf-8")
        found = {"files": [str(self._directory / "targets.json")], "refresh_interval": "1s"}
        scrape = {"job_name": "set by the targets", "file_sd_configs": [found]}
        timing = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config = {"global": timing, "rule_files": ["rules.yml"], "scrape_configs": [scrape]}
        (self._directory / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        self._write_targets()
        super().start()

    def scrape(self, job: str, port: int) -> None:
        """Scrape a process on loopback from now on."""
        self._targets.append({"targets": [f"127.0.0.1:{port}"], "labels": {"job": JOB + job}})
        self._write_targets()

    def _write_targets(self) -> None:
        draft = self._directory / "targets.draft"
        if self._directory.exists():
            draft.write_text(json.dumps(self._targets), encoding="utf-8")
            draft.rename(self._directory / "targets.json")

    def _is_ready(self) -> bool:
        return answers(f"{self.url}/-/ready")

    def query(self, expr: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each sample that an expression gives now.

        Raises:
            ValueError: Prometheus does not understand it.
        """
        asked = urllib.parse.urlencode({"query": expr})
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?{asked}", timeout=60) as answer:
                found = json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{expr}: {json.load(error)['error']}") from None
        if found["resultType"] == "scalar":
            return [({}, float(found["result"][1]))]
        return [(sample["metric"], float(sample["value"][1])) for sample in found["result"]]

    def firing(self) -> set[str]:
        """Names of the alerts that are firing."""
        return {labels["alertname"] for labels, _ in self.query('ALERTS{alertstate="firing"}')}

    def alerts(self) -> list[dict[str, Any]]:
        """Active alerts with their annotations."""
        with urllib.request.urlopen(f"{self.url}/api/v1/alerts", timeout=60) as answer:
            return list(json.load(answer)["data"]["alerts"])


class WatchedStack(LocalStack):
    """A local stack whose processes are scraped; stops Prometheus with the rest."""

    def __init__(
        self,
        directory: Path,
        settings: dict[str, Any],
        factors: tuple[float, float] = (1.0, 1.0),
        **parts: Any,
    ) -> None:
        super().__init__(directory, settings, **parts)
        self.prometheus = Prometheus(directory / "prometheus", *factors)
        self._others: list[LocalProcess] = []

    def start(self) -> "WatchedStack":
        self.prometheus.start()
        super().start()
        return self

    def start_watched(self, job: str, *argv: str) -> LocalProcess:
        """Start `profilestream ARGV`, scraped under the job; `{at}` in an argument is where it answers."""
        port = free_port()
        env = environment(self.settings | {"metrics": f"127.0.0.1:{port}"})
        words = [word.format(at=f"127.0.0.1:{port}") for word in argv or (job,)]
        log = self.directory / f"{job}-{len(self._others)}.log"
        process = LocalProcess(job, [sys.executable, "-m", "streams", *words], log=log, env=env)
        process.start()
        self._others.append(process)
        self.prometheus.scrape(job, port)
        return process

    def start_console(self) -> LocalProcess | None:
        """Start a console and ask it something; None where this version has none."""
        if "console" not in cli.commands:
            return None
        at = f"127.0.0.1:{free_port()}"
        process = self.start_watched("console", "console", "--address", at)
        process.wait_until(lambda: answers(f"http://{at}/api/meta"), 240)  # others start beside it
        return process

    def stop(self) -> None:
        for process in reversed(self._others):
            process.stop()
        super().stop()
        self.prometheus.stop()
