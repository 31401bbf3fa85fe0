// R x F: how many customers stand where, and what they brought. A real table: each cell says both figures.
import { h, put } from "../../dom.js";
import { money, number } from "../../format.js";
import { t } from "../../language.js";
import { panel } from "../../parts/panel.js";

const SCORES = [1, 2, 3, 4, 5];

export function heat() {
  const body = h("div", { class: "heat-box" });
  const node = panel(t("heat"), { note: t("heat.note"), className: "heat-panel" }, body);
  node.show = ({ heat: cells }) => {
    const at = new Map((cells ?? []).map((cell) => [`${cell.r} ${cell.f}`, cell]));
    const most = Math.max(1, ...(cells ?? []).map((cell) => cell.customers));
    put(body,
      h("table", { class: "heat" }, h("caption", { class: "away" }, t("heat.caption")),
        h("thead", {}, h("tr", {}, h("td", { class: "corner", "aria-hidden": "true" }), SCORES.map((f) => h("th", { scope: "col" }, `F${f}`)))),
        h("tbody", {}, SCORES.toReversed().map((r) => h("tr", {}, h("th", { scope: "row" }, `R${r}`), SCORES.map((f) => cellOf(at.get(`${r} ${f}`), most)))))),
      h("p", { class: "heat-axis soft" }, t("heat.axis")));
  };
  return node;
}

function cellOf(cell, most) {
  if (!cell?.customers) return h("td", { class: "none" }, h("span", { class: "soft" }, "0"));
  const share = Math.sqrt(cell.customers / most);
  return h("td", { vars: { "--heat": share.toFixed(3) } },
    h("b", {}, number(cell.customers)), h("small", {}, money(cell.monetary_minor, { brief: true })));
}
