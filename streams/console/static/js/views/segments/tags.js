// Tags: how many hold each, who came and who went; of the one that is looked at, over time.
import { chart } from "../../charts/chart.js";
import { frame, text, timeAxis, timeTip, valueAxis } from "../../charts/style.js";
import { h, put } from "../../dom.js";
import { instant, minute, number, span } from "../../format.js";
import { t } from "../../language.js";
import { tagLabel, tagValue } from "../../meta.js";
import { choice } from "../../parts/choice.js";
import { tagLink } from "../../parts/chip.js";
import { panel } from "../../parts/panel.js";
import { scroller } from "../../parts/table.js";
import { colour } from "../../theme.js";

const ORDERS = { customers: (row) => row.customers ?? -1, moved: (row) => (row.entered ?? 0) + (row.left ?? 0) };

export function tagTable(scope) {
  let all = { tags: [], tag_times: { at_ms: [], entered: {}, left: {} } };
  let order = "customers";
  let chosen;
  const times = overTime(scope, () => all.tag_times, () => chosen);
  const head = h("tr", {});
  const rows = h("tbody", {});
  const box = scroller(t("tags"), h("table", {}, h("caption", { class: "away" }, t("tags")), h("thead", {}, head), rows));
  const by = choice(t("tags.order"), [{ id: "customers", text: t("customers") }, { id: "moved", text: t("tags.moved") }], order, (id) => {
    order = id;
    list();
  });
  const tablePanel = panel(t("tags"), { note: "", tools: by }, box);
  const node = h("div", { class: "tags-row" }, tablePanel, times);

  function choose(id) {
    chosen = id;
    for (const row of rows.children) row.classList.toggle("chosen", row.dataset.tag === id);
    for (const one of rows.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one.dataset.tag === id));
    times.rename(t("tags.times", tagLabel(id)));
    times.draw();
  }

  function list() {
    const sorted = all.tags.toSorted((a, b) => ORDERS[order](b) - ORDERS[order](a));
    const had = rows.contains(document.activeElement) ? document.activeElement.dataset.row : undefined;
    put(head, [["tag"], ["customers", 1], ["tags.entered", 1], ["tags.left", 1], ["tags.show", 1]].map(([key, num]) => h("th", { scope: "col", class: num && "num" }, key === "tags.show" ? h("span", { class: "away" }, t(key)) : t(key))));
    put(rows, sorted.map((row) => {
      const value = row.value === true ? "" : tagValue(row.id, row.value);
      const key = `${row.id} ${row.value}`;
      return h("tr", { data: { tag: row.id } }, h("th", { scope: "row" }, tagLink(row.id), value && h("span", { class: "soft" }, ` ${value}`)),
        h("td", { class: "num" }, number(row.customers)), h("td", { class: "num" }, row.entered ? `+${number(row.entered)}` : "–"), h("td", { class: "num" }, row.left ? `−${number(row.left)}` : "–"),
        h("td", { class: "num" }, h("button", { type: "button", class: "quiet small", "aria-pressed": "false", data: { tag: row.id, row: key }, "aria-label": `${t("tags.show")}: ${tagLabel(row.id)} ${value}`, on: { click: () => choose(row.id) } }, "▸")));
    }));
    if (had) [...rows.querySelectorAll("button")].find((one) => one.dataset.row === had)?.focus();
    choose(chosen ?? busiest(all) ?? sorted[0]?.id);
  }

  node.show = (now) => {
    all = now;
    tablePanel.querySelector(".note").textContent = now.span_s ? t("tags.note", span(now.span_s * 1000)) : "";
    list();
  };
  return node;
}

function busiest({ tags }) {
  return tags.toSorted((a, b) => ORDERS.moved(b) - ORDERS.moved(a)).find((row) => ORDERS.moved(row) > 0)?.id;
}

/** Entries above the line, exits below it. */
function overTime(scope, times, chosen) {
  const of = (which) => times()[which]?.[chosen()] ?? [];
  const sum = (values) => values.reduce((all, n) => all + (n ?? 0), 0);
  const node = chart(scope, t("tags.times", ""), {
    words: () => t("tags.times.words", number(sum(of("entered"))), number(sum(of("left")))),
    table: () => ({ head: [{ text: t("time") }, { text: t("tags.entered"), num: true }, { text: t("tags.left"), num: true }], rows: times().at_ms.map((at, i) => [instant(at), number(of("entered")[i] ?? 0), number(of("left")[i] ?? 0)]).reverse() }),
    option: () => {
      const at = times().at_ms;
      const series = (key, sign, paint) => ({ id: key, name: t(`tags.${key}`), type: "bar", stack: "all", barMaxWidth: 10, barMinWidth: 1.5, itemStyle: { color: paint }, data: at.map((ms, i) => [ms, sign * (of(key)[i] ?? 0)]) });
      return { ...frame({ legend: true }), xAxis: timeAxis(at[0], at.at(-1), { axisLabel: { ...text(), formatter: (ms) => minute(ms), hideOverlap: true } }),
        yAxis: valueAxis((n) => number(Math.abs(n)), { min: undefined, minInterval: 1 }), tooltip: timeTip((n) => number(Math.abs(n)), instant),
        series: [series("entered", 1, colour("accent")), series("left", -1, colour("data-3"))] };
    },
  });
  node.rename = (title) => { node.querySelector("h2").textContent = title; };
  return node;
}
