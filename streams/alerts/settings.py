"""The rules file: one TOML file says whom to alert about, where to, how often, and whom to leave out.

Secrets are not in it: it names the variables of the environment that hold them.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from models.rulelang.literals import duration_ms
from streams.alerts import signing, template
from streams.alerts.rules import Rule, Rules
from streams.config import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_TOP = {"name", "salt", "start", "group", "holdout", "cool_down", "rules", "sinks"}
_RULE = {"tag", "values", "sinks", "cool_down", "holdout"}
_SINK = {
    "jsonl": {"kind", "path", "holdout"},
    "webhook": {"kind", "url", "url_env", "secret_env", "body", "headers", "headers_env", "holdout", "tries",
                "timeout_s", "first_delay_s", "longest_delay_s"},
}  # fmt: skip
MOST_TRIES = 20


@dataclass(frozen=True, slots=True)
class JsonLines:
    """A sink: a file, or stdout where the path is "-"; `takes_holdout`: whether it has the hold-out too."""

    path: str
    takes_holdout: bool


@dataclass(frozen=True, slots=True)
class Webhook:
    """A sink: an HTTP endpoint.

    Attributes:
        url: http or https.
        key: of the signature; None = unsigned.
        body: template, None = the alert itself.
        headers: of each request besides ours.
        takes_holdout: whether alerts of the hold-out arm go there too.
        tries: of one alert at most.
        timeout_s: of one try.
        first_delay_s: before the second try; doubles with each, with jitter.
        longest_delay_s: between two tries.
    """

    url: str
    key: bytes | None
    body: Any
    headers: dict[str, str]
    takes_holdout: bool
    tries: int
    timeout_s: float
    first_delay_s: float
    longest_delay_s: float


@dataclass(frozen=True, slots=True)
class Settings:
    """The rules file, read.

    Attributes:
        rules: whom to alert about.
        sinks: by name.
        group: Kafka consumer group; "" = one process that reads all partitions.
        start: where a group that never read begins: earliest or latest.
    """

    rules: Rules
    sinks: dict[str, JsonLines | Webhook]
    group: str
    start: str


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read the rules file.

    Raises:
        ConfigError: with one sentence that names what is wrong.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"rules file {path} cannot be read: {error}") from None
    return settings(table, environ)


def settings(table: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """The same of a table that was read already."""
    top = _Part("the rules file", table, _TOP)
    name = top.text("name", "alerts")
    start = top.text("start", "earliest")
    if not _NAME.fullmatch(name):
        raise top.wrong("name", "must be lower-case letters, digits, - and _")
    if start not in ("earliest", "latest"):
        raise top.wrong("start", "must be earliest or latest")
    sinks = {sink: _sink(sink, said, environ) for sink, said in top.tables("sinks").items()}
    rules = {rule: _rule(rule, said, top, sinks.keys()) for rule, said in top.tables("rules").items()}
    if not rules:
        raise top.wrong("rules", "must have at least one rule")
    share = max(rule.holdout for rule in rules.values())
    if share and not top.text("salt", ""):
        raise top.wrong("salt", "is needed for a hold-out: it decides who is in it")
    group = top.text("group", f"profilestream-{name}")
    return Settings(Rules(name, top.text("salt", ""), rules), sinks, group, start)


def _rule(name: str, said: Any, top: "_Part", sinks: Any) -> Rule:
    part = _Part(f"rule '{name}'", said, _RULE)
    if not _NAME.fullmatch(name):
        raise part.wrong("name", "must be lower-case letters, digits, - and _")
    values = part.get("values", list, [])
    if not all(isinstance(value, bool | str | int | float) for value in values):
        raise part.wrong("values", "must be texts, numbers or true")
    wanted = part.get("sinks", list, [])
    if unknown := [sink for sink in wanted if sink not in sinks]:
        raise part.wrong("sinks", f"names {unknown[0]!r}; there are {', '.join(sinks) or 'none'}")
    if not part.text("tag", ""):
        raise part.wrong("tag", "must name a tag")
    share = part.share("holdout", top.share("holdout", 0.0))
    cool_ms = part.span_ms("cool_down", top.span_ms("cool_down", 0))
    return Rule(name, part.text("tag", ""), tuple(values), tuple(wanted), cool_ms, share)


def _sink(name: str, said: Any, environ: Mapping[str, str]) -> JsonLines | Webhook:
    kind = said.get("kind") if isinstance(said, dict) else None
    if kind not in _SINK:
        raise ConfigError(f"sink '{name}': kind must be {' or '.join(_SINK)}")
    part = _Part(f"sink '{name}'", said, _SINK[kind])
    takes_holdout = part.get("holdout", bool, False)
    if kind == "jsonl":
        return JsonLines(part.text("path", "-"), takes_holdout)
    url = part.secret("url_env", environ) or part.text("url", "")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise part.wrong("url", "must be an http or https URL")
    key: bytes | None = None
    if secret := part.secret("secret_env", environ):
        try:
            key = signing.key_of(secret)
        except ValueError as error:
            raise part.wrong("secret_env", str(error)) from None
    body = part.get("body", dict, None)
    try:
        template.check(body)
    except template.TemplateError as error:
        raise part.wrong("body", str(error)) from None
    tries = part.get("tries", int, 8)
    if not 1 <= tries <= MOST_TRIES:
        raise part.wrong("tries", f"must be 1 to {MOST_TRIES}")
    headers = {header: str(value) for header, value in part.get("headers", dict, {}).items()}
    for header, variable in part.get("headers_env", dict, {}).items():
        headers[header] = part.variable("headers_env", str(variable), environ)
    return Webhook(url, key, body, headers, takes_holdout, tries, part.seconds("timeout_s", 10.0),
                   part.seconds("first_delay_s", 0.5), part.seconds("longest_delay_s", 30.0))  # fmt: skip


class _Part:
    """A table of the file, read name by name; an unknown name is an error."""

    def __init__(self, where: str, said: Any, known: set[str]) -> None:
        self._where = where
        if not isinstance(said, Mapping):
            raise ConfigError(f"{where} must be a table")
        self._said = said
        if unknown := sorted(set(said) - known):
            raise self.wrong(unknown[0], f"is unknown; there are {', '.join(sorted(known))}")

    def wrong(self, name: str, what: str) -> ConfigError:
        return ConfigError(f"{self._where}: {name} {what}")

    def get(self, name: str, kind: type, default: Any) -> Any:
        value = self._said.get(name, default)
        if value is not default and type(value) is not kind:
            raise self.wrong(name, f"must be a {kind.__name__}")
        return value

    def text(self, name: str, default: str) -> str:
        return str(self.get(name, str, default))

    def tables(self, name: str) -> dict[str, Any]:
        return dict(self.get(name, dict, {}))

    def share(self, name: str, default: float) -> float:
        value = self._said.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            raise self.wrong(name, "must be a share from 0 to below 1")
        return float(value)

    def seconds(self, name: str, default: float) -> float:
        value = self._said.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 300:
            raise self.wrong(name, "must be seconds above 0, at most 300")
        return float(value)

    def span_ms(self, name: str, default_ms: int) -> int:
        written = self.get(name, str, "")
        if not written:
            return default_ms
        try:
            found = 0 if written == "0s" else duration_ms(written)
        except ValueError:
            found = None
        if found is None:
            raise self.wrong(name, "must be a duration in quotes, like 90s, 2h, 7d")
        return found

    def secret(self, name: str, environ: Mapping[str, str]) -> str:
        variable = self.text(name, "")
        return self.variable(name, variable, environ) if variable else ""

    def variable(self, name: str, variable: str, environ: Mapping[str, str]) -> str:
        if not environ.get(variable):
            raise self.wrong(name, f"names the variable {variable}, which is not set")
        return environ[variable]
