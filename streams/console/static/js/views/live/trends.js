// Three charts over time: events by kind, how long the oldest event waits, how long an event takes.
import { chart } from "../../charts/chart.js";
import { frame, limit, line, timeAxis, timeTip, TOPICS, topicColour, valueAxis } from "../../charts/style.js";
import { clock, instant, millis, rate, seconds, short } from "../../format.js";
import { named, t } from "../../language.js";
import { meta } from "../../meta.js";
import { colour } from "../../theme.js";

const pairs = (at, values) => at.map((ms, i) => [ms, values[i] ?? null]);
const newest = (values) => values.findLast((value) => typeof value === "number");

/** Rows for the table beside a chart: at most sixty of them, the newest first. */
function rowsOf(past, columns, format) {
  const { at, from, until } = past.columns;
  const each = Math.max(1, Math.ceil(at.length / 60));
  const when = until - from > 86_000_000 ? instant : clock;
  return at.map((ms, i) => [when(ms), ...columns.map((values) => format(values[i]))]).filter((_, i) => (at.length - 1 - i) % each === 0).reverse();
}

export function eventsChart(scope, past) {
  const topics = () => TOPICS.filter((topic) => past.columns.events[topic]?.some(Boolean));
  return chart(scope, t("live.events"), {
    className: "wide", moves: true, note: t("live.events.note"),
    words: () => topics().map((topic) => `${named("topic", topic)} ${rate(newest(past.columns.events[topic]))}`).join(", "),
    table: () => ({ head: [{ text: t("time") }, ...topics().map((topic) => ({ text: named("topic", topic), num: true }))], rows: rowsOf(past, topics().map((topic) => past.columns.events[topic]), rate) }),
    option: () => {
      const { at, from, until, events } = past.columns;
      return { ...frame({ legend: true }), tooltip: timeTip(rate), xAxis: timeAxis(from, until), yAxis: valueAxis(short, { minInterval: 1 }),
        series: topics().map((topic) => line(named("topic", topic), pairs(at, events[topic]), topicColour(topic), { stack: "all", lineStyle: { width: 0 }, areaStyle: { color: topicColour(topic), opacity: 0.8 } })) };
    },
  });
}

export function waitChart(scope, past) {
  const slo = meta().lag_slo_s;
  return chart(scope, t("live.wait"), {
    moves: true, note: t("live.wait.note"),
    words: () => t("live.wait.words", seconds(newest(past.columns.lag)), seconds(slo)),
    table: () => ({ head: [{ text: t("time") }, { text: t("live.wait"), num: true }], rows: rowsOf(past, [past.columns.lag], seconds) }),
    option: () => {
      const { at, from, until, lag } = past.columns;
      const accent = colour("accent");
      return { ...frame(), tooltip: timeTip(seconds), xAxis: timeAxis(from, until),
        yAxis: valueAxis(seconds, { max: ({ max }) => Math.max(slo * 1.25, max * 1.05) }),
        series: [line(t("live.wait"), pairs(at, lag), accent, { areaStyle: { color: accent, opacity: 0.14 }, markLine: limit(slo, t("live.limit", seconds(slo))) })] };
    },
  });
}

export function latencyChart(scope, past) {
  const shown = () => ["p50", "p95", "p99"].filter((name) => past.columns[name].length);
  const paints = { p50: "data-2", p95: "data-3", p99: "accent" };
  return chart(scope, t("live.latency"), {
    moves: true, note: t("live.latency.note"),
    words: () => shown().map((name) => `${name} ${millis(newest(past.columns[name]))}`).join(", "),
    table: () => ({ head: [{ text: t("time") }, ...shown().map((name) => ({ text: name, num: true }))], rows: rowsOf(past, shown().map((name) => past.columns[name]), millis) }),
    option: () => {
      const { at, from, until } = past.columns;
      return { ...frame({ legend: true }), tooltip: timeTip(millis), xAxis: timeAxis(from, until), yAxis: valueAxis((ms) => millis(ms)),
        series: shown().map((name) => line(name, pairs(at, past.columns[name]), colour(paints[name]))) };
    },
  });
}
