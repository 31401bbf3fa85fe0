// How long the oldest event of each partition waits, over the last two minutes: one that stands still is a streak.
import { chart } from "../../charts/chart.js";
import { frame, nameAxis, text, tip } from "../../charts/style.js";
import { bubble } from "../../charts/tooltip.js";
import { clock, number, seconds } from "../../format.js";
import { named, t } from "../../language.js";
import { meta } from "../../meta.js";
import { recent } from "../../stream.js";
import { colour } from "../../theme.js";

const MOST = 120;
const LEAST = 40;
const nameOf = ({ topic, partition }) => `${topic}/${partition}`;
const partitionsOf = (live) => live?.lag?.partitions ?? [];

export function backlog(scope) {
  const lanes = () => partitionsOf(recent.at(-1)).map(nameOf);
  const worst = () => partitionsOf(recent.at(-1)).reduce((most, one) => ((one.seconds ?? 0) > (most?.seconds ?? -1) ? one : most), undefined);
  const node = chart(scope, t("backlog"), {
    moves: true, note: t("backlog.note"),
    words: () => (worst() ? t("backlog.words", nameOf(worst()), seconds(worst().seconds), number(worst().records)) : t("backlog.none")),
    table: () => ({
      head: [{ text: t("topic") }, { text: t("partition"), num: true }, { text: t("backlog.records"), num: true }, { text: t("backlog.age"), num: true }],
      rows: partitionsOf(recent.at(-1)).map((one) => [named("topic", one.topic), one.partition, number(one.records), seconds(one.seconds)]),
    }),
    option: () => option(lanes()),
  });
  node.show = () => node.draw();
  return node;
}

function option(lanes) {
  const rows = new Map(lanes.map((name, i) => [name, i]));
  const shown = recent.slice(-MOST);
  const slots = Math.max(LEAST, shown.length);
  const pad = slots - shown.length;
  const data = shown.flatMap((live, x) => partitionsOf(live).filter((one) => rows.has(nameOf(one))).map((one) => [x + pad, rows.get(nameOf(one)), one.seconds ?? 0, one.records]));
  const slo = meta().lag_slo_s;
  const times = Array.from({ length: slots }, (_, x) => (x < pad ? "" : clock(shown[x - pad].at_ms)));
  // One label for each topic, in the middle of its lanes.
  const label = (name, i) => {
    const topic = name.split("/")[0];
    const own = lanes.filter((one) => one.startsWith(`${topic}/`));
    return lanes.indexOf(own[0]) + (own.length >> 1) === i ? named("topic", topic) : "";
  };
  return {
    ...frame(),
    xAxis: nameAxis(times, { axisLabel: { ...text(), interval: Math.floor(slots / 3) - 1 } }),
    yAxis: nameAxis(lanes, { inverse: true, axisLine: { show: false }, axisLabel: { ...text(), interval: 0, formatter: label } }),
    visualMap: { show: false, min: 0, max: slo, dimension: 2, inRange: { color: [colour("heat-0"), colour("data-3"), colour("bad")] } },
    tooltip: tip({ formatter: ({ data: [x, y, age, records] }) => bubble(`${lanes[y]} · ${times[x]}`, [{ name: t("backlog.age"), text: seconds(age) }, { name: t("backlog.records"), text: number(records) }]) }),
    series: [{ id: "lag", type: "heatmap", data, progressive: 0, itemStyle: { borderWidth: 0 }, emphasis: { itemStyle: { borderColor: colour("ink"), borderWidth: 1 } } }],
  };
}
