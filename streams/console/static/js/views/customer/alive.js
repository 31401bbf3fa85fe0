// How likely it is that the customer still is one, as silence goes on; and when the risk will rise.
import { chart } from "../../charts/chart.js";
import { frame, line, text, timeAxis, timeTip, valueAxis } from "../../charts/style.js";
import { apart, day, monthDay, ms, percent } from "../../format.js";
import { named, t } from "../../language.js";
import { colour } from "../../theme.js";

const LITTLE = 0.02;
const PAINT = { low: "ok", medium: "warn", high: "bad" };

export function aliveChart(scope) {
  let curve = { at_ms: [], p_alive: [] };
  let risks = [];
  let now = 0;
  const at = (instant) => curve.p_alive[Math.max(0, curve.at_ms.findLastIndex((one) => one <= instant))] ?? 0;
  const node = chart(scope, t("alive"), {
    note: t("alive.note"), className: "alive",
    words: () => [t("alive.words", percent(at(now), 1)), ...risks.map((one) => t("alive.risk", named("risk", one.risk), day(one.at_ms), apart(one.at_ms, now)))].join("; "),
    table: () => ({ head: [{ text: t("day") }, { text: t("alive.p"), num: true }], rows: [...risks.map((one) => [day(one.at_ms), t("alive.becomes", named("risk", one.risk))]), ...curve.at_ms.map((one, i) => [day(one), percent(curve.p_alive[i], 1)])] }),
    option: () => {
      const [from, until] = [curve.at_ms[0], curve.at_ms.at(-1)];
      const pin = (instant, name, paint, level) => ({ xAxis: instant, lineStyle: { color: paint, type: [3, 3], width: 1.25 },
        label: { ...text("ink", 11), color: paint, formatter: () => name, position: "end", distance: 2 + 13 * level, align: instant > from + 0.75 * (until - from) ? "right" : instant < from + 0.25 * (until - from) ? "left" : "center" } });
      const marks = risks.filter((one) => one.at_ms <= until).map((one, i) => pin(one.at_ms, `${named("risk-up", one.risk)} · ${monthDay(one.at_ms)}`, colour(PAINT[one.risk] ?? "warn"), i));
      const here = { silent: true, animation: false, symbol: "circle", symbolSize: 9, itemStyle: { color: colour("accent") }, label: { ...text("ink", 13), fontWeight: 600, position: [4, 13], formatter: () => percent(at(now)) }, data: [{ coord: [Math.max(now, from), at(now)] }] };
      return { ...frame({ top: 34 }), tooltip: timeTip((p) => percent(p, 1), day), xAxis: timeAxis(from, until),
        yAxis: valueAxis((p) => percent(p), { max: 1, splitNumber: 2 }),
        series: [line(t("alive.p"), curve.at_ms.map((one, i) => [one, curve.p_alive[i]]), colour("accent"), { smooth: 0.2, areaStyle: { color: colour("accent"), opacity: 0.12 },
          markPoint: here, markLine: { symbol: "none", silent: true, animation: false, data: marks } })] };
    },
  });
  node.show = (answer) => {
    node.hidden = !answer.curve;
    if (!answer.curve) return;
    risks = answer.risks ?? [];
    curve = upTo(answer.curve, risks.at(-1)?.at_ms ?? 0);
    now = Math.max(ms(answer.doc.as_of), curve.at_ms[0] ?? 0);
    node.draw();
  };
  return node;
}

/** The curve as far as it tells something: until little is left, and a little beyond the last risk. */
function upTo({ at_ms: at, p_alive: p }, lastRisk) {
  const [from] = at;
  const flat = p.findIndex((one) => one < LITTLE);
  const beyond = at.findIndex((one) => one > from + 1.15 * (lastRisk - from));
  const end = flat < 0 || beyond < 0 ? at.length : Math.max(30, flat, beyond);
  return { at_ms: at.slice(0, end + 1), p_alive: p.slice(0, end + 1) };
}
