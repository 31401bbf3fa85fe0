"""Rules, queries and the services of the profile `monitoring` against the code and against each other.

What Prometheus makes of the rules its own promtool says; what they do in a real run is seen in tests/faults.
"""

import itertools
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import missing
from monitoring import (
    DASHBOARDS,
    JOB,
    ROOT,
    RULES,
    alert_names,
    panel_queries,
    prometheus_available,
    rules,
    shortened,
)

from streams.config import PREFIX, Config
from streams.metrics.declared import HISTOGRAM, METRICS

PROMETHEUS = ROOT / "deploy/prometheus"
GRAFANA = ROOT / "deploy/grafana"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))[
    "services"
]
CONFIG: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))
LABELS = {f"profilestream_{metric.name}": {*metric.labels} for metric in METRICS}
HISTOGRAMS = {f"profilestream_{metric.name}" for metric in METRICS if metric.kind == HISTOGRAM}
RECORDED = {rule["record"] for rule in rules(RULES.read_text("utf-8")) if "record" in rule}
ALWAYS = {"job", "instance", "le", "service", "alertstate", "alertname"}


def expressions() -> list[tuple[str, str]]:
    """Every PromQL expression of rules and panels, and where it stands."""
    found = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules(RULES.read_text("utf-8"))]
    return found + [(asked.where, asked.expr) for asked in panel_queries()]


# --- queries ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("where", "expr"), expressions(), ids=lambda text: str(text)[:50])
def test_queries_ask_for_metrics_and_labels_that_are_declared(where: str, expr: str) -> None:
    bare = re.sub(r'"[^"]*"', '""', expr)
    assert set(re.findall(r"profilestream:[a-z0-9_:]+", bare)) <= RECORDED
    labels = set(ALWAYS)
    for name in re.findall(r"profilestream_[a-z_]+", bare):
        base = re.sub("_(bucket|sum|count)$", "", name)
        assert name in LABELS or base in HISTOGRAMS, name
        labels |= LABELS[name if name in LABELS else base]
        assert (base in HISTOGRAMS) <= (name != base), f"{name} is a histogram"
    if "profilestream:" in bare:
        labels |= {"topic"}
    used = set(re.findall(r"(\w+) ?=~? ?\"", bare))
    for listed in re.findall(r"\b(?:by|on|without|group_left) ?\(([^)]*)\)", bare):
        used |= {label.strip() for label in listed.split(",") if label.strip()}
    assert used <= labels, where


def test_counters_are_asked_for_their_increase() -> None:
    raw = {
        "profilestream_data_gap_records_total",
        "profilestream_trainer_drift_alarms_total",
    }  # rare: since the start
    for where, expr in expressions():
        for match in re.finditer(r"(?P<before>\w+\()?(?P<name>profilestream_\w+_total)", expr):
            assert match["name"] in raw or match["before"] in ("rate(", "increase("), where


# --- rules ------------------------------------------------------------------------------------------------


def test_every_alert_says_what_it_means_and_where_to_read_on() -> None:
    alerts = [rule for rule in rules(RULES.read_text("utf-8")) if "alert" in rule]
    assert len({alert["alert"] for alert in alerts}) == len(alerts)
    for alert in alerts:
        assert re.fullmatch("Profilestream[A-Z][A-Za-z]+", alert["alert"])
        assert alert["labels"]["severity"] in ("critical", "warning")
        assert alert["labels"]["service"] == "profilestream"
        assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert alert["annotations"]["runbook_url"] == f"RUNBOOK.md#{alert['alert'].lower()}"
        assert alert["annotations"]["description"].endswith(".")


def test_limits_fall_back_to_the_defaults_of_the_settings() -> None:
    told = r'max\(last_over_time\(profilestream_setting\{name="(\w+)"\}\[1h\]\)\) or vector\((\d+)\)'
    found = dict(re.findall(told, RULES.read_text("utf-8")))
    assert found.keys() == {"lag_slo_s", "stall_s", "trainer_interval_s"}
    for name, default in found.items():
        assert float(default) == getattr(Config(), name)


def test_every_alert_is_tested_to_fire_and_not_to() -> None:
    tests = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text("utf-8"))["tests"]
    fires, rests = set(), set()
    for expected in itertools.chain.from_iterable(test["promql_expr_test"] for test in tests):
        for pattern in re.findall(r'alertname=~?"([^"]+)"', expected["expr"]):
            named = {alert for alert in alert_names() if re.fullmatch(pattern, alert)}
            shown = json.dumps(expected["exp_samples"])
            by_name = "by (alertname" in expected["expr"]
            fires |= {alert for alert in named if expected["exp_samples"] and (alert in shown or not by_name)}
            rests |= {alert for alert in named if not expected["exp_samples"]}
    assert fires == rests == set(alert_names())


def test_shortening_touches_time_and_limits_in_seconds_only() -> None:
    text = shortened(RULES.read_text("utf-8"), 60, 10)
    was, now = rules(RULES.read_text("utf-8")), rules(text)
    by_name = {rule.get("alert") or rule["record"]: rule for rule in now}
    assert len(was) == len(now)
    assert by_name["ProfilestreamStale"]["for"] == "2000ms"
    assert by_name["profilestream:stale:avg1h"]["expr"] == "avg_over_time(profilestream:stale:bool[60000ms])"
    assert by_name["profilestream:outbox_limit_seconds"]["expr"] == "vector(6.0)"
    assert by_name["profilestream:stale_budget:ratio"]["expr"] == "vector(0.005)"
    assert not re.search(r"\[\d+[smhd]\]|offset \d+[smhd]\b", text)


def promtool(*argv: str) -> None:
    if not prometheus_available():
        missing("Prometheus")
    done = subprocess.run(["promtool", *argv], check=False, capture_output=True, text=True, cwd=PROMETHEUS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_rules_and_configuration(tmp_path: Path) -> None:
    promtool("check", "rules", "rules.yml")
    promtool("check", "config", "prometheus.yml")
    (tmp_path / "rules.yml").write_text(shortened(RULES.read_text("utf-8"), 60, 10), "utf-8")
    promtool("check", "rules", str(tmp_path / "rules.yml"))


@pytest.mark.slow
def test_promtool_sees_each_alert_fire_and_not_fire() -> None:
    promtool("test", "rules", "rules_test.yml")


# --- services ---------------------------------------------------------------------------------------------


def mounted(service: str) -> dict[str, Path]:
    """Path in the container -> file or folder here; all of them may only be read."""
    out = {}
    for entry in SERVICES[service]["volumes"]:
        source, target, *how = entry.split(":")
        if source.startswith("./"):
            assert how == ["ro"], entry
            out[target] = ROOT / source
    return out


def published(service: str) -> int:
    """The port inside that is published on loopback, under the same number."""
    (entry,) = SERVICES[service]["ports"]
    host, outside, inside = entry.split(":")
    assert host == "127.0.0.1"
    assert outside == inside
    return int(inside)


def test_prometheus_reads_the_files_that_are_mounted_and_finds_every_process() -> None:
    mounts = mounted("prometheus")
    command = dict(word.lstrip("-").split("=", 1) for word in SERVICES["prometheus"]["command"])
    assert mounts[command["config.file"]] == PROMETHEUS / "prometheus.yml"
    folder = str(Path(command["config.file"]).parent)
    assert [mounts[f"{folder}/{name}"] for name in CONFIG["rule_files"]] == [RULES]
    found = {}
    for scrape in CONFIG["scrape_configs"]:
        (discovery,) = scrape["dns_sd_configs"]
        (found[scrape["job_name"]],) = discovery["names"]
        assert discovery["type"] == "A"
        environment = SERVICES["worker"]["environment"]
        assert environment[PREFIX + "METRICS"] == f"0.0.0.0:{discovery['port']}"
    assert all(job == JOB + service for job, service in found.items())
    ours = {name for name, service in SERVICES.items() if "build" in service} - {"topics"}
    assert ours <= set(found.values()) <= ours | {"console"}
    assert SERVICES["lag"]["command"][-1] == SERVICES["worker"]["environment"][PREFIX + "METRICS"]


def test_jobs_that_alerts_ask_for_are_scraped() -> None:
    asked = {job for _, expr in expressions() for job in re.findall(r'job="([^"]+)"', expr)}
    assert asked
    assert asked <= {scrape["job_name"] for scrape in CONFIG["scrape_configs"]}


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_services_of_the_profile_are_pinned_and_may_do_nothing(name: str) -> None:
    service = SERVICES[name]
    assert service["profiles"] == SERVICES["lag"]["profiles"] == ["monitoring"]
    assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", service["image"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert str(published(name)) in service["healthcheck"]["test"][-1]


def test_provisioning_finds_data_source_and_dashboards() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text("utf-8"))[
        "datasources"
    ]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/profilestream.yml").read_text("utf-8"))[
        "providers"
    ]
    mounts = mounted("grafana")
    assert mounts["/etc/grafana/provisioning"] == GRAFANA / "provisioning"
    assert mounts[provider["options"]["path"]] == GRAFANA / "dashboards"
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (mounts[str(home.parent)] / home.name).is_file()
    assert source["url"].split("/")[2] == f"prometheus:{published('prometheus')}"
    assert source["jsonData"]["timeInterval"] == CONFIG["global"]["scrape_interval"]
    for path in DASHBOARDS:
        variable = json.loads(path.read_text("utf-8"))["templating"]["list"][0]
        assert variable["current"]["value"] == source["uid"]
