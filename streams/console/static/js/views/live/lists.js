// What was refused, by reason, and what runs: processes, outbox, timers, the population.
import { h, put } from "../../dom.js";
import { bytes, number, rate, seconds } from "../../format.js";
import { named, t } from "../../language.js";
import { bars } from "../../parts/bars.js";
import { empty } from "../../parts/notice.js";
import { panel } from "../../parts/panel.js";
import { link } from "../../router.js";

/** Dead letters by reason. */
export function refused() {
  const body = h("div", {});
  const node = panel(t("live.dead"), { tools: h("a", { href: link("dead-letters"), class: "small" }, t("live.dead.more")) }, body);
  let shown;
  node.show = (live) => {
    const key = JSON.stringify(live.dead_letters ?? {});
    if (shown === key) return;
    shown = key;
    const reasons = Object.entries(live.dead_letters ?? {}).sort((a, b) => b[1] - a[1]);
    const most = reasons[0]?.[1] ?? 1;
    put(body, reasons.length
      ? bars(reasons.slice(0, 8).map(([reason, n]) => ({ name: named("reason", reason), share: n / most, text: number(n), mark: "warn" })))
      : empty(t("live.dead.none")));
  };
  return node;
}

/** What runs, and what it has in hand. */
export function processes() {
  const list = h("ul", { class: "processes" });
  const facts = h("dl", { class: "facts" });
  const node = panel(t("live.running"), {}, list, facts);
  node.show = (live) => {
    const running = live.processes ?? [];
    put(list, running.length ? running.map(processRow) : h("li", { class: "soft" }, t("live.running.none")));
    put(facts, [
      [t("fact.outbox"), t("fact.outbox.value", number(live.outbox?.entries), seconds(live.outbox?.oldest_s))],
      [t("fact.timers"), t("fact.timers.value", number(live.timers?.due), rate(live.timers?.fired_per_s))],
      [t("fact.delay"), seconds(live.timers?.delay_p99_s)],
      [t("fact.population"), live.population?.version ? t("fact.population.value", live.population.version, seconds(live.population.age_s)) : t("fact.population.none")],
    ].map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  };
  return node;
}

function processRow({ role, name, ready, rss_bytes }) {
  return h("li", {}, h("span", { class: `chip ${ready ? "good" : "bad"}` }, t(ready ? "ready" : "not-ready")),
    h("b", {}, named("role", role)), h("span", { class: "mono soft" }, name), h("span", { class: "num soft" }, bytes(rss_bytes)));
}
