// Clusters on a plane: near is alike, large is many. One is looked at: what sets it apart from the mean.
import { chart } from "../../charts/chart.js";
import { frame, text, tip, valueAxis } from "../../charts/style.js";
import { bubble } from "../../charts/tooltip.js";
import { h, put } from "../../dom.js";
import { fixed, number, percent, signed } from "../../format.js";
import { named, t } from "../../language.js";
import { sided } from "../../parts/bars.js";
import { colour, faint } from "../../theme.js";

const nameOf = (one) => named("cluster", one.name);

export function clusters(scope) {
  let all = [];
  let chosen;
  const list = h("div", { class: "cluster-list", role: "group", "aria-label": t("clusters") });
  const profile = h("div", { class: "cluster-profile", role: "status" });
  const none = h("p", { class: "soft", hidden: true }, t("clusters.none"));
  const node = chart(scope, t("clusters"), {
    className: "clusters-panel", note: t("clusters.note"),
    words: () => (all.length ? all.map((one) => `${nameOf(one)}: ${number(one.customers)}`).join("; ") : t("clusters.none")),
    table: () => {
      const features = [...new Set(all.flatMap((one) => Object.keys(one.profile ?? {})))];
      return { head: [{ text: t("cluster") }, { text: t("customers"), num: true }, ...features.map((name) => ({ text: named("feature", name), num: true }))],
        rows: all.map((one) => [nameOf(one), number(one.customers), ...features.map((name) => fixed(one.profile?.[name], 2))]) };
    },
    pick: ({ data }) => choose(data.id),
    option: () => plane(all, chosen),
  });
  const side = h("div", { class: "cluster-side" }, list, profile);
  node.querySelector(".canvas").before(none);
  node.append(side);

  function choose(id) {
    chosen = id;
    for (const one of list.children) one.setAttribute("aria-pressed", String(one.dataset.id === String(id)));
    const cluster = all.find((one) => one.id === id);
    const features = Object.entries(cluster?.profile ?? {}).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
    const most = Math.max(1, ...all.flatMap((one) => Object.values(one.profile ?? {}).map(Math.abs)));
    put(profile, cluster && h("h3", {}, t("clusters.profile", nameOf(cluster))),
      features.length > 0 && sided(features.map(([name, z]) => ({ name: named("feature", name), value: z, text: signed(z, 1) })), most));
    node.draw();
  }

  node.show = ({ clusters: now, profiles }) => {
    all = (now ?? []).toSorted((a, b) => b.customers - a.customers);
    none.hidden = all.length > 0;
    side.hidden = !all.length;
    const focused = document.activeElement?.dataset?.id;
    const had = list.contains(document.activeElement);
    put(list, all.map((one) => h("button", { type: "button", "aria-pressed": "false", data: { id: one.id }, on: { click: () => choose(one.id) } },
      h("span", {}, nameOf(one)), h("span", { class: "num soft" }, `${number(one.customers)} · ${percent(one.customers / (profiles || 1))}`))));
    if (had) [...list.children].find((one) => one.dataset.id === focused)?.focus();
    choose(all.some((one) => one.id === chosen) ? chosen : all[0]?.id);
  };
  return node;
}

function plane(all, chosen) {
  const most = Math.max(1, ...all.map((one) => one.customers));
  const axis = valueAxis(() => "", { min: undefined, scale: true, splitLine: { show: false }, boundaryGap: ["12%", "14%"] });
  return {
    ...frame({ left: 4, right: 4, top: 4, bottom: 4 }), xAxis: axis, yAxis: { ...axis },
    tooltip: tip({ formatter: ({ data }) => bubble(data.name, [{ name: t("customers"), text: number(data.customers) }]) }),
    series: [{
      id: "clusters", type: "scatter", labelLayout: { moveOverlap: "shiftY", hideOverlap: false },
      data: all.map((one) => ({
        id: one.id, name: nameOf(one), customers: one.customers, value: [one.x, one.y], symbolSize: 12 + 42 * Math.sqrt(one.customers / most),
        itemStyle: { opacity: 1, color: one.id === chosen ? colour("accent") : faint("data-2", 0.5), borderColor: colour("surface"), borderWidth: 1 },
        label: { show: true, position: "bottom", distance: 3, ...text(one.id === chosen ? "ink" : "soft", 12), formatter: ({ name }) => (name.length > 26 ? `${name.slice(0, 25)}…` : name) },
      })),
    }],
  };
}
