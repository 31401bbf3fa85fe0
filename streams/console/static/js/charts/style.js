// How all charts look: colours of tokens.css, thin lines, few grid lines, times in the deployment's zone.
import { axisTime, exact } from "../format.js";
import { colour } from "../theme.js";
import { bubble } from "./tooltip.js";

const FONT = 'ui-sans-serif, system-ui, "Segoe UI", Roboto, "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';
export const text = (name = "soft", size = 11) => ({ color: colour(name), fontFamily: FONT, fontSize: size });

/** The four topics, always in these colours. */
export const TOPICS = ["orders", "clicks", "service", "control"];
export const topicColour = (topic) => colour(`data-${TOPICS.indexOf(topic) + 1}`);

/** What all charts with axes share. */
export function frame({ legend = false, right = 12, left = 8, top = legend ? 30 : 12, bottom = 4 } = {}) {
  return {
    textStyle: text(),
    grid: { left, right, top, bottom, containLabel: true },
    legend: legend ? { top: 0, left: 0, itemWidth: 10, itemHeight: 10, itemGap: 14, icon: "roundRect", textStyle: text("ink"), inactiveColor: colour("line"), inactiveBorderColor: colour("line") } : { show: false },
  };
}

export function timeAxis(from, to, extra = {}) {
  const label = axisTime(to - from);
  return { type: "time", min: from, max: to, axisLine: { lineStyle: { color: colour("line") } }, axisTick: { show: false },
    axisLabel: { ...text(), hideOverlap: true, formatter: (at) => label(at) }, splitLine: { show: false }, ...extra };
}

export function valueAxis(format, extra = {}) {
  return { type: "value", min: 0, splitNumber: 3, axisLabel: { ...text(), formatter: format }, axisLine: { show: false }, axisTick: { show: false },
    splitLine: { lineStyle: { color: colour("line"), type: [2, 3] } }, ...extra };
}

export function nameAxis(names, extra = {}) {
  return { type: "category", data: names, axisLine: { lineStyle: { color: colour("line") } }, axisTick: { show: false }, axisLabel: text(), ...extra };
}

/** A thin line over time. */
export function line(name, data, paint, extra = {}) {
  return { id: name, name, type: "line", data, showSymbol: false, symbol: "circle", symbolSize: 6, lineStyle: { width: 1.75, color: paint }, itemStyle: { color: paint }, emphasis: { disabled: true }, ...extra };
}

/** A dashed line at a limit, named at its end. */
export function limit(value, name) {
  return { silent: true, symbol: "none", lineStyle: { color: colour("bad"), type: [4, 4], width: 1 },
    label: { ...text("bad"), formatter: () => name, position: "insideEndTop" }, data: [{ yAxis: value }] };
}

/** A tooltip over time: the instant, and a line for each series. */
export function timeTip(format, when = exact) {
  return tip({ trigger: "axis", axisPointer: { type: "line", lineStyle: { color: colour("soft"), width: 1, type: "solid" } },
    formatter: (points) => bubble(when(points[0].axisValue), points.map((point) => ({ name: point.seriesName, text: format(point.value[1], point), paint: point.color }))) });
}

/** A tooltip in the page's own look. */
export function tip(extra) {
  return { confine: true, className: "tip", backgroundColor: colour("raised"), borderColor: colour("line"), borderWidth: 1, padding: [6, 10],
    extraCssText: "box-shadow:none", textStyle: text("ink", 12), transitionDuration: 0, ...extra };
}
