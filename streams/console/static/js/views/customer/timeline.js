// What happened and what followed: events that the profile remembers and changes of tags, newest first.
import { chart } from "../../charts/chart.js";
import { frame, nameAxis, text, timeAxis, tip } from "../../charts/style.js";
import { bubble } from "../../charts/tooltip.js";
import { h, put } from "../../dom.js";
import { day, exact, instant, minute } from "../../format.js";
import { t } from "../../language.js";
import { tagLink } from "../../parts/chip.js";
import { colour } from "../../theme.js";
import { LANES, moments } from "./moments.js";

const LISTED = 60;
const PAINTS = { orders: "data-1", clicks: "data-2", service: "data-3", tags: "data-4" };

export function timeline(scope) {
  let all = [];
  let shown;
  const list = h("ol", { class: "moments", tabindex: 0, "aria-label": t("timeline") });
  const node = chart(scope, t("timeline"), {
    note: t("timeline.note"), className: "timeline",
    words: () => t("timeline.words", all.length),
    table: () => ({ head: [{ text: t("time") }, { text: t("kind") }, { text: t("what") }], rows: all.map((one) => [exact(one.at), t(`lane.${one.lane}`), one.text]) }),
    option: () => strip(all),
  });
  node.append(list);
  node.show = (answer) => {
    all = moments(answer);
    node.hidden = !all.length;
    const key = JSON.stringify(all);
    if (key === shown) return;
    shown = key;
    put(list, days(all.slice(0, LISTED)));
    node.draw();
  };
  return node;
}

function days(rows) {
  let last;
  return rows.map((one) => {
    const date = day(one.at);
    const head = date === last ? null : h("h3", {}, date);
    last = date;
    return h("li", {}, head, h("div", { class: "moment", title: exact(one.at) }, h("time", { class: "soft" }, minute(one.at)),
      h("i", { class: `mark ${one.lane}`, "aria-hidden": "true" }),
      h("span", {}, one.tag && tagLink(one.tag), one.tag ? ` ${one.text.slice(one.label.length).trim()}` : one.text, one.why && h("small", {}, ` · ${one.why}`))));
  });
}

function strip(all) {
  const lanes = LANES.filter((lane) => all.some((one) => one.lane === lane));
  const [from, until] = [Math.min(...all.map((one) => one.at)), Math.max(...all.map((one) => one.at))];
  const pad = Math.max(3_600_000, (until - from) * 0.03);
  return {
    ...frame({ top: 4 }), xAxis: timeAxis(from - pad, until + pad),
    yAxis: nameAxis(lanes.map((lane) => t(`lane.${lane}`)), { inverse: true, axisLine: { show: false }, axisLabel: text("soft", 11), splitLine: { show: true, lineStyle: { color: colour("line"), type: [2, 3] } } }),
    tooltip: tip({ formatter: ({ data }) => bubble(instant(data.value[0]), [{ name: data.says, text: "" }]) }),
    series: [{ id: "moments", type: "scatter", symbolSize: 8, data: all.map((one) => ({ value: [one.at, lanes.indexOf(one.lane)], says: one.text, itemStyle: { color: colour(PAINTS[one.lane]), opacity: 0.75 } })) }],
  };
}
