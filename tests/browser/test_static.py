"""The page's files, without a browser: syntax, both languages, no markup from data, size, licences."""

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import streams.console
from streams.cli.nouns import NOUNS

ROOT = Path(__file__).parents[2]
STATIC = Path(streams.console.__file__).parent / "static"
SCRIPTS = sorted((STATIC / "js").rglob("*.js"))
OURS = sorted(path for path in STATIC.rglob("*") if path.is_file() and path.parent.name != "vendor")
MOST_LINES = 260
MOST_BYTES = 1_000_000  # as transferred, everything together

need_node = pytest.mark.skipif(
    shutil.which("node") is None, reason="MISSING PART: Node: apt-get install nodejs"
)


def node(code: str, *args: str) -> str:
    argv = ["node", "--experimental-vm-modules", "--input-type=module", "-e", code, *args]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


PARSE = """
import { readFile } from "node:fs/promises";
import { SourceTextModule } from "node:vm";
for (const path of JSON.parse(process.argv[1]))
  new SourceTextModule(await readFile(path, "utf-8"), { identifier: path });
"""


@need_node
def test_every_script_is_a_script() -> None:
    scripts = [*SCRIPTS, ROOT / "deploy/console/build.mjs", ROOT / "deploy/console/charts.mjs"]
    node(PARSE, json.dumps([str(path) for path in scripts]))
    with pytest.raises(AssertionError, match="SyntaxError"):
        node(PARSE, json.dumps([str(STATIC / "index.html")]))


def imports_of(path: Path) -> dict[Path, set[str]]:
    """File -> names that a script imports of it, as far as they are listed."""
    out: dict[Path, set[str]] = {}
    text = path.read_text("utf-8")
    for names, target in re.findall(r'import (?:\{([^}]*)\} from )?"([^"]+)"', text):
        wanted = {name.split(" as ")[0].strip() for name in names.split(",") if name.strip()}
        out.setdefault((path.parent / target).resolve(), set()).update(wanted)
    for target in re.findall(r'import\("([^"]+)"\)', text):
        out.setdefault((path.parent / target).resolve(), set())
    return out


def test_every_import_leads_to_a_file_that_has_the_name() -> None:
    reached = {(STATIC / "js" / name).resolve() for name in ("early.js", "main.js")}
    for path in SCRIPTS:
        for target, names in imports_of(path).items():
            assert target.is_file(), f"{path.name} imports {target}"
            reached.add(target)
            if target.parent.name == "vendor":
                continue
            text = target.read_text("utf-8")
            given = set(re.findall(r"export (?:async )?(?:const|let|function|class) (\w+)", text))
            assert names <= given, f"{path.name} wants {names - given} of {target.name}"
    assert {path.resolve() for path in SCRIPTS} <= reached, "a script that nobody imports"


def test_every_name_that_is_imported_is_used() -> None:
    for path in SCRIPTS:
        text = path.read_text("utf-8")
        for names in re.findall(r"import \{([^}]*)\} from", text):
            for name in (part.split(" as ")[-1].strip() for part in names.split(",") if part.strip()):
                assert len(re.findall(rf"(?<!\w)(?<!\w\.)(?<!\)\.){re.escape(name)}\b", text)) > 1, (
                    f"{path.name}: {name}"
                )


WORDS = """
const of = async (name) => (await import("file://%s/js/words/" + name + ".js"));
const [en, zh] = [(await of("en")).words, (await of("zh")).words];
const names = [(await of("names_en")).names, (await of("names_zh")).names];
const kind = (words) => Object.fromEntries(Object.entries(words).map(([k, v]) => [k, typeof v]));
console.log(JSON.stringify({ en: kind(en), zh: kind(zh), names: names.map((one) =>
  Object.fromEntries(Object.entries(one).map(([k, v]) => [k, Object.keys(v)]))) }));
"""


@need_node
def test_both_languages_have_the_same_texts_and_every_text_that_is_asked_for() -> None:
    found = json.loads(node(WORDS % STATIC))
    assert found["en"] == found["zh"]
    text = "".join(path.read_text("utf-8") for path in SCRIPTS if path.parent.name != "words")
    asked = set(re.findall(r'\bt\("([^"]+)"', text))
    for begin in re.findall(r"\bt\(`([^`$]+)\$\{", text):
        assert any(key.startswith(begin) for key in found["en"]), begin
    assert asked <= found["en"].keys(), asked - found["en"].keys()
    quoted = set(re.findall(r'"([\w.-]+)"', text))
    begins = tuple(re.findall(r"`([\w.-]+\.)\$\{", text))
    unused = {key for key in found["en"] if key not in quoted and not key.startswith(begins)}
    assert unused == set()


@need_node
def test_chinese_has_a_name_for_all_that_the_product_can_say() -> None:
    from models import lifecycle
    from models.contract import REASONS
    from models.rfm import SEGMENTS
    from streams.population.names import PROTOTYPES, WORDS_OF_FEATURES

    english, chinese = json.loads(node(WORDS % STATIC))["names"]
    for group, names in english.items():
        assert set(names) <= set(chinese[group]), group
    stages = {stage for one in lifecycle.VOCABULARIES.values() for stage in one.stages()}
    assert stages <= set(chinese["stage"])
    assert {name for row in SEGMENTS for name in row} <= set(chinese["segment"])
    assert set(PROTOTYPES) <= set(chinese["cluster"])
    assert {word for pair in WORDS_OF_FEATURES for word in pair} | {"average"} == set(chinese["cluster-word"])
    assert set(REASONS) <= set(chinese["reason"])
    assert set(REASONS) <= set(english["reason"])


BECAUSE = """
globalThis.document = { documentElement: { lang: "zh" } };
globalThis.localStorage = { getItem: () => null };
const { because } = await import("file://%s/js/views/changes/because.js");
console.log(JSON.stringify(JSON.parse(process.argv[1]).map((item) => because([item]))));
"""


def in_chinese(items: list[list[Any]]) -> list[str]:
    """Each item of evidence as the page tells it."""
    told: list[str] = json.loads(node(BECAUSE % STATIC, json.dumps(items)))
    return told


@need_node
def test_every_field_has_a_chinese_name() -> None:
    facts = [_with_key(name) for name in NOUNS]
    for fact, says in zip(facts, in_chinese([[fact, "x"] for fact in facts]), strict=True):
        assert re.search(r"[\u4e00-\u9fff]", says), (fact, says)
        assert not re.search(r"[a-z]{2}|[{}*]", says), (fact, says)


def _with_key(name: str) -> str:
    """A field as evidence has it, of a map with a key."""
    if "*" in name:
        return name.replace(".*", '["30d"]')
    return name + '["7"]' if "{}" in NOUNS[name] else name


@need_node
@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (['rfm.windows["365d"].orders', 5, ">=", 4], "365 天内订单数 5 ≥ 4"),
        (['habits.weekdays["sat"] / rfm.frequency', 0.5, ">", 0.4], "周六订单数 / 订单数 0.5 > 0.4"),
        (["since(last_active_at)", "2026-11-01T09:00:00.000Z", "<", "30d"], "最近活动距今不到 30 天"),
        (["count(search, 2h)", 3, ">=", 2], "2 小时内搜索 3 ≥ 2"),
        (['engagement.latest["search"]', None, "unknown"], "最近搜索未知"),
        (["rfm.net_minor", 5_000, "<", 50_000], "净消费 $50 < $500"),
        (["rfm.frequency", 3, ">=", 2.6], "订单数 3 ≥ 2.6"),
        (["population.frequency_p60", 4], "全体订单数 60 分位 4"),
        (['attributes["a$&b"]', "v"], "属性“a$&b” v"),
        (["new.field_of_later", 1], "field of later 1"),
    ],
)
def test_evidence_in_chinese(item: list[Any], expected: str) -> None:
    assert in_chinese([item]) == [expected]


def test_no_text_of_data_can_become_markup_or_code() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|javascript:"
        r"|createContextualFragment|DOMParser|setHTML"
    )
    for path in SCRIPTS:
        assert not forbidden.search(path.read_text("utf-8")), path
    page = (STATIC / "index.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", page)
    assert not re.search(r"https?://(?!www\.w3\.org)", "".join(path.read_text("utf-8") for path in OURS))


def test_files_are_small_and_so_is_the_whole() -> None:
    for path in OURS:
        assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES, path
    sent = {path: len(gzip.compress(path.read_bytes(), 9)) for path in STATIC.rglob("*") if path.is_file()}
    print(f"{len(sent)} files, {sum(sent.values()):,} bytes compressed")
    assert sum(sent.values()) < MOST_BYTES


def test_what_is_not_ours_comes_with_its_licence_and_version() -> None:
    vendor = STATIC / "vendor"
    versions = dict(line.split() for line in (vendor / "VERSIONS").read_text().splitlines())
    made_of = json.loads((ROOT / "deploy/console/package.json").read_text())["devDependencies"]
    lock = json.loads((ROOT / "deploy/console/package-lock.json").read_text())["packages"]
    assert versions["echarts"] == made_of["echarts"] == lock["node_modules/echarts"]["version"]
    assert versions["zrender"] == lock["node_modules/zrender"]["version"]
    assert not any("resolved" in entry for entry in lock.values())
    assert "Apache License" in (vendor / "LICENSE-echarts").read_text()
    assert "Apache Software Foundation" in (vendor / "NOTICE-echarts").read_text()
    banner = (vendor / "echarts.min.js").read_text("utf-8")[:300]
    for name in re.findall(r"(?:LICENSE|NOTICE)-\w+", banner):
        assert (vendor / name).is_file()


THEMES = re.compile(r"--([\w-]+): ([^;]+);")


def test_every_colour_has_its_dark_side() -> None:
    css = (STATIC / "css/tokens.css").read_text("utf-8")
    _, light, dark = re.split(r":root[^{]*\{", css)
    colours = {name for name, value in THEMES.findall(light) if value.startswith("#")}
    assert colours <= dict(THEMES.findall(dark)).keys()
    used = set(
        re.findall(
            r"var\(--([\w-]+)", "".join(path.read_text("utf-8") for path in OURS if path.suffix == ".css")
        )
    )
    given = dict(THEMES.findall(css)).keys()
    set_elsewhere = {"share", "paint", "heat", "name", "text", "chart"}
    assert used - set_elsewhere <= given, used - set_elsewhere - given
