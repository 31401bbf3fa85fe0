// The eleven RFM segments: customers and money, side by side.
import { h, put } from "../../dom.js";
import { money, number, percent } from "../../format.js";
import { named, t } from "../../language.js";
import { panel } from "../../parts/panel.js";

export function segmentBars() {
  const body = h("div", {});
  const node = panel(t("shares"), { note: t("shares.note") }, body);
  node.show = ({ segments, profiles }) => {
    const rows = segments.toSorted((a, b) => b.customers - a.customers);
    const most = Math.max(1, ...rows.map((row) => row.customers));
    const allMoney = rows.reduce((all, row) => all + row.monetary_minor, 0) || 1;
    const mostMoney = Math.max(1, ...rows.map((row) => row.monetary_minor));
    const bar = (share, name) => h("span", { class: `bar ${name}`, "aria-hidden": "true" }, h("i", { vars: { "--share": share } }));
    put(body, h("table", { class: "shares" }, h("caption", { class: "away" }, t("shares")),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("segment")), h("td", { class: "cell-bar" }), h("th", { scope: "col", class: "num" }, t("customers")), h("td", { class: "cell-bar" }), h("th", { scope: "col", class: "num" }, t("money")))),
      h("tbody", {}, rows.map((row) => h("tr", {}, h("th", { scope: "row" }, named("segment", row.id)),
        h("td", { class: "cell-bar" }, bar(row.customers / most)), h("td", { class: "num", title: percent(row.customers / (profiles || 1), 1) }, number(row.customers)),
        h("td", { class: "cell-bar" }, bar(row.monetary_minor / mostMoney, "second")), h("td", { class: "num", title: percent(row.monetary_minor / allMoney, 1) }, money(row.monetary_minor, { brief: true })))))));
  };
  return node;
}
