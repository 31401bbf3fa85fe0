// A tag's page: what it means, how many hold it over time, how restless and how right it is.
import { step } from "../../api.js";
import { chart } from "../../charts/chart.js";
import { frame, line, timeAxis, timeTip, valueAxis } from "../../charts/style.js";
import { h, put, say } from "../../dom.js";
import { instant, number, percent, short } from "../../format.js";
import { language, t } from "../../language.js";
import { tagLabel, tagOf } from "../../meta.js";
import { panel } from "../../parts/panel.js";
import { empty, overlay } from "../../parts/notice.js";
import { tile } from "../../parts/tile.js";
import { link, queried } from "../../router.js";
import { colour } from "../../theme.js";
import { AGAIN_MS, Feed } from "../changes/feed.js";

const EVERY_MS = 10_000;

export function open(scope, { steps: [id = ""] }) {
  const body = h("div", {});
  const back = h("a", { href: link("changes") }, t("tag.all"));
  put(scope.host, h("div", { class: "head" }, h("h1", {}, tagLabel(id)), h("code", { class: "soft" }, id), h("div", { class: "head-tools" }, back)), body);
  document.title = `${tagLabel(id)} · profilestream`;
  let page;
  const show = (tag) => {
    overlay(scope.host);
    if (!page) {
      page = pageOf(scope, id);
      put(body, page);
    }
    page.show(tag);
  };
  const fail = (error) => {
    if (error.kind !== "unknown") return overlay(scope.host, error, () => ask());
    overlay(scope.host);
    page = undefined;
    return put(body, empty(t("tag.unknown", id), t("tag.unknown.hint")));
  };
  const ask = scope.poll(EVERY_MS, () => scope.ask(`tags/${step(id)}`), show, fail);
}

function pageOf(scope, id) {
  const [members, entered, left, corrected, restless, precision] = ["members", "entered", "left", "corrected", "restless", "precision"].map((key) => tile(t(`tag.${key}`), { trend: false }));
  const about = meaning(id);
  const over = overTime(scope);
  const feed = new Feed({ tag: false });
  const changes = panel(t("tag.latest"), { tools: h("a", { href: queried("changes", { tag: id }) }, t("tag.more")), className: "tag-feed" }, feed.node);
  const node = h("div", {}, h("dl", { class: "tiles" }, members, entered, left, corrected, restless, precision), h("div", { class: "tag-grid" }, about, over), changes);
  node.show = (tag) => {
    members.show(number(tag.customers), t("tag.members.detail"));
    entered.show(number(tag.entered), t("tag.entered.detail"));
    left.show(number(tag.left), tag.changed ? t("tag.changed.detail", number(tag.changed)) : t("tag.left.detail"));
    corrected.show(number(tag.corrected), t("tag.corrected.detail"));
    restless.show(number(tag.flip_rate_per_customer_day ?? undefined, tag.flip_rate_per_customer_day < 1 ? 3 : 1), t("tag.restless.detail"));
    precision.show(percent(tag.precision ?? undefined), t(typeof tag.precision === "number" ? "tag.precision.detail" : "tag.precision.none"));
    about.show(tag);
    over.show(tag.members_over_time);
  };
  const load = async () => {
    feed.wait();
    const answer = await scope.ask("tag-changes", { tag: id, limit: 50 }).catch(() => undefined);
    if (scope.isOver) return;
    if (!answer) return void setTimeout(() => scope.isOver || load(), AGAIN_MS); // what is shown stays
    feed.fill(answer.changes);
    changes.hidden = !feed.size;
  };
  scope.on("change", (change) => change.tag === id && feed.add(change));
  scope.on("missed", load);
  const drawing = setInterval(() => feed.flush() && (changes.hidden = false), 250);
  scope.signal.addEventListener("abort", () => clearInterval(drawing));
  load();
  return node;
}

/** The definition in words, and as the catalogue has it. */
function meaning(id) {
  const words = h("p", { class: "words" });
  const rule = h("pre", { class: "rule", tabindex: 0, "aria-label": t("tag.rule") });
  const known = tagOf(id);
  const facts = h("dl", { class: "facts" });
  const rows = (said) => [[t("tag.purpose"), said.includes(known?.purpose) ? "" : known?.purpose], [t("tag.owner"), known?.owner], [t("tag.version"), known?.version], [t("tag.kind"), known?.kind && t(`tag.kind.${known.kind}`)]]
    .filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
  const node = panel(t("tag.meaning"), {}, words, facts, h("h3", {}, t("tag.rule")), rule);
  node.show = (tag) => {
    say(words, tag.words?.[language()] ?? tag.words?.en ?? "");
    put(facts, rows(words.textContent));
    say(rule, typeof tag.definition === "string" ? tag.definition : JSON.stringify(tag.definition ?? "", null, 1));
  };
  return node;
}

function overTime(scope) {
  let past = { at_ms: [], customers: [] };
  const node = chart(scope, t("tag.over-time"), {
    words: () => t("tag.over-time.words", number(past.customers.at(-1))),
    table: () => ({ head: [{ text: t("time") }, { text: t("customers"), num: true }], rows: past.at_ms.map((at, i) => [instant(at), number(past.customers[i])]).reverse() }),
    option: () => ({ ...frame(), tooltip: timeTip((n) => number(n), instant), xAxis: timeAxis(past.at_ms[0], past.at_ms.at(-1)), yAxis: valueAxis(short, { min: undefined, scale: true, minInterval: 1 }),
      series: [line(t("customers"), past.at_ms.map((at, i) => [at, past.customers[i]]), colour("accent"), { step: "end", areaStyle: { color: colour("accent"), opacity: 0.12 } })] }),
  });
  node.show = (now) => {
    past = now ?? past;
    node.draw();
  };
  return node;
}
