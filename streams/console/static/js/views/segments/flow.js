// From which stage of the lifecycle to which: what was seen to change. Left before, right after.
import { chart } from "../../charts/chart.js";
import { frame, text, tip } from "../../charts/style.js";
import { bubble } from "../../charts/tooltip.js";
import { h, put } from "../../dom.js";
import { number, span } from "../../format.js";
import { named, t } from "../../language.js";
import { noteOf } from "../../parts/panel.js";
import { colour } from "../../theme.js";

// The same stations of a life in all three vocabularies of stages.
const PAINTS = { prospect: "line-strong", acquisition: "line-strong", new: "data-2", first_purchase: "data-2", activation: "data-2", active: "accent", repeat: "accent",
  growth: "accent", maturity: "ok", reactivated: "data-4", at_risk: "data-3", decline: "data-3", dormant: "warn", lapsed: "warn", lost: "bad" };

export function flow(scope) {
  let all = { flows: [], stages: [], span_s: 0 };
  const nameOf = (stage, side = "to") => (stage === null || stage === undefined ? t(side === "from" ? "flow.new" : "flow.gone") : named("stage", stage));
  const flows = () => all.flows.filter((one) => one.customers > 0).sort((a, b) => b.customers - a.customers);
  const counts = h("ul", { class: "stages" });
  const node = chart(scope, t("flow"), {
    className: "flow-panel", note: "",
    words: () => (flows().length ? flows().slice(0, 5).map((one) => t("flow.words", nameOf(one.from, "from"), nameOf(one.to), number(one.customers))).join("; ") : t("flow.none")),
    table: () => ({ head: [{ text: t("flow.from") }, { text: t("flow.to") }, { text: t("customers"), num: true }], rows: flows().map((one) => [nameOf(one.from, "from"), nameOf(one.to), number(one.customers)]) }),
    option: () => sankey(flows(), nameOf),
  });
  const none = h("p", { class: "soft", hidden: true }, t("flow.none"));
  node.querySelector(".canvas").before(none);
  node.append(counts);
  node.show = (now) => {
    all = now;
    none.hidden = flows().length > 0;
    node.querySelector(".canvas").classList.toggle("away", !flows().length || node.querySelector("[aria-expanded]").ariaExpanded === "true");
    noteOf(node).textContent = all.span_s ? t("flow.note", span(all.span_s * 1000)) : "";
    put(counts, all.stages.filter((one) => one.customers).map((one) => h("li", {}, h("i", { class: "dot", vars: { "--paint": paint(one.id) } }), named("stage", one.id), h("b", {}, number(one.customers)))));
    node.draw();
  };
  return node;
}

const paint = (stage) => colour(PAINTS[stage] ?? "line-strong");

function sankey(flows, nameOf) {
  const side = (which, stages) => [...new Set(stages)].map((stage) => ({
    name: `${which}:${stage}`, itemStyle: { color: paint(stage), borderWidth: 0 },
    label: { ...text("ink", 12), position: which === "a" ? "right" : "left", formatter: () => nameOf(stage, which === "a" ? "from" : "to") },
  }));
  return {
    ...frame(),
    xAxis: { show: false }, yAxis: { show: false },
    tooltip: tip({ formatter: ({ dataType, data, value }) => (dataType === "edge"
      ? bubble(`${data.says[0]} → ${data.says[1]}`, [{ name: t("customers"), text: number(value) }])
      : bubble(data.says, [{ name: t("customers"), text: number(value) }])) }),
    series: [{
      id: "flow", type: "sankey", left: 4, right: 4, top: 6, bottom: 6, nodeWidth: 9, nodeGap: 9, draggable: false, emphasis: { focus: "adjacency" },
      labelLayout: { moveOverlap: "shiftY" }, lineStyle: { color: "source", opacity: 0.32, curveness: 0.5 },
      data: [...side("a", flows.map((one) => one.from)), ...side("b", flows.map((one) => one.to))].map((one) => ({ ...one, says: one.label.formatter() })),
      links: flows.map((one) => ({ source: `a:${one.from}`, target: `b:${one.to}`, value: one.customers, says: [nameOf(one.from, "from"), nameOf(one.to)] })),
    }],
  };
}
