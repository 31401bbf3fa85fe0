from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from streams.config import PREFIX, Config, ConfigError, instant_ms
from streams.settings import load


def sentence(**given: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(**{"environ": {}, **given})
    text = str(caught.value)
    assert text
    assert "\n" not in text
    return text


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "profilestream.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_defaults_are_valid_and_need_nothing() -> None:
    assert load(environ={"PATH": "/bin", "PROFILESTREAMER": "x"}) == Config()


@pytest.mark.parametrize("setting", fields(Config), ids=lambda setting: setting.name)
def test_every_setting_has_a_unit_and_a_meaning(setting: Any) -> None:
    assert setting.metadata["unit"].strip()
    assert len(setting.metadata["meaning"].split()) >= 3
    units = {"_s": "seconds", "_ms": "ms", "_days": "days"}
    for suffix, unit in units.items():
        if setting.name.endswith(suffix) and not setting.name.endswith("_per_s"):
            assert setting.metadata["unit"] == unit


def test_a_variable_wins_over_the_file_and_an_override_over_both(tmp_path: Path) -> None:
    path = file(tmp_path, 'group = "file"\npartitions = 3\nbuckets = 8\n')
    environ = {f"{PREFIX}GROUP": "environment", f"{PREFIX}PARTITIONS": "5"}
    config = load(path, environ, {"group": "override", "zone": None})
    assert (config.group, config.partitions, config.buckets, config.zone) == ("override", 5, 8, "UTC")


def test_every_setting_can_come_from_the_environment_and_from_a_file(tmp_path: Path) -> None:
    lines, environ = [], {}
    for setting in fields(Config):
        value = getattr(Config(), setting.name)
        if isinstance(value, dict):
            environ[PREFIX + setting.name.upper()] = "{}"
            lines.append(f"{setting.name} = {{}}")
        elif isinstance(value, tuple):
            environ[PREFIX + setting.name.upper()] = ",".join(map(str, value))
            lines.append(f"{setting.name} = {list(value)}")
        else:
            environ[PREFIX + setting.name.upper()] = str(value)
            lines.append(f"{setting.name} = {str(value).lower() if isinstance(value, bool) else repr(value)}")
    assert load(environ=environ) == load(file(tmp_path, "\n".join(lines)), {}) == Config()


def test_an_unknown_name_is_an_error_that_names_it_and_the_known_ones(tmp_path: Path) -> None:
    text = sentence(path=file(tmp_path, "partitons = 3"))
    assert "'partitons'" in text
    assert "partitions" in text
    text = sentence(environ={f"{PREFIX}PARTITONS": "3"})
    assert f"{PREFIX}PARTITONS" in text
    assert "PARTITIONS" in text


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("partitions", "many"), ("partitions", "0"), ("partitions", "-1"), ("partitions", "1.5"),
        ("buckets", ""),
        ("stall_s", "0"), ("stall_s", "nan"), ("heartbeat_s", "-3"), ("commit_interval_s", "soon"),
        ("relay_durable", "maybe"), ("clock", "sundial"), ("log_level", "verbose"), ("on_data_loss", "shrug"),
        ("zone", "Europe/Atlantis"), ("zone", ""), ("zone", "../../etc/passwd"),
        ("clock_until", "2017-10-01"), ("clock_until", "tomorrow"),
        ("recency_edges_days", "1,2,3"), ("recency_edges_days", "4,3,2,1"), ("frequency_edges", "1,1,2,3"),
        ("monetary_edges_minor", "1,2,3,x"),
    ],
)  # fmt: skip
def test_a_bad_value_is_one_sentence_that_names_the_setting(name: str, bad: str) -> None:
    text = sentence(environ={PREFIX + name.upper(): bad})
    assert name in text or bad in text


@pytest.mark.parametrize(
    ("name", "bad"), [("group", 5), ("relay_durable", 1), ("frequency_edges", 5), ("buckets", [1])]
)
def test_a_value_of_the_wrong_kind_is_refused(name: str, bad: object) -> None:
    assert f"'{name}'" in sentence(overrides={name: bad})


def test_yes_and_no_are_written_in_two_ways() -> None:
    values = {
        text: load(environ={f"{PREFIX}RELAY_DURABLE": text}).relay_durable
        for text in ("true", "1", "False", "0")
    }
    assert values == {"true": True, "1": True, "False": False, "0": False}


def test_a_file_that_is_missing_or_broken_is_one_sentence(tmp_path: Path) -> None:
    assert "does not exist" in sentence(path=tmp_path / "none.toml")
    assert "cannot be read" in sentence(path=file(tmp_path, "a = = 1"))
    assert "cannot be read" in sentence(path=tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'group = "\xff"')
    assert "cannot be read" in sentence(path=tmp_path / "latin.toml")


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().group = "other"  # type: ignore[misc]


def test_rules_carry_the_settings_they_need() -> None:
    rules = load(environ={}, overrides={"zone": "Asia/Tokyo", "currency": "JPY", "mature_orders": 7}).rules()
    assert (rules.currency, rules.mature_orders) == ("JPY", 7)
    assert "lifecycle" in rules.catalogue.by_id
    assert rules.calendar.day(54_000_000) == 1  # 15:00 UTC is midnight in Tokyo
    assert load(environ={}).rules().calendar.day(54_000_000) == 0


def test_an_instant_is_read_to_the_millisecond() -> None:
    assert instant_ms("1970-01-01T01:00:00.001+01:00") == 1
    for bad in ("1970-01-01T00:00:00", "1970-01-01", "x", ""):
        with pytest.raises(ConfigError):
            instant_ms(bad)


def test_a_currency_is_three_capital_letters() -> None:
    assert "currency" in sentence(environ={f"{PREFIX}CURRENCY": "usd"})


@pytest.mark.parametrize("bad", ["partitions = 1.7", "partitions = true", "partitions = inf",
                                 "recency_edges_days = [1.5, 2.5, 3.5, 4.5]"])  # fmt: skip
def test_a_fraction_is_no_whole_number_in_a_file_either(tmp_path: Path, bad: str) -> None:
    assert bad.split(maxsplit=1)[0] in sentence(path=file(tmp_path, bad))
