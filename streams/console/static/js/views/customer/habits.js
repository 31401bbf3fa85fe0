// When orders are made: hours of the day and days of the week, and what they cost.
import { h, put } from "../../dom.js";
import { number, percent } from "../../format.js";
import { named, t } from "../../language.js";
import { panel } from "../../parts/panel.js";

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

export function habits() {
  const body = h("div", {});
  const node = panel(t("habits"), { note: t("habits.note") }, body);
  node.show = ({ doc }) => {
    const { habits: known, promotion } = doc;
    node.hidden = !known && !promotion;
    put(body, known && [columns(t("habits.hours"), Array.from({ length: 24 }, (_, i) => String(i)), known.hours ?? {}, (hour) => (hour % 6 === 0 ? hour : "")),
      columns(t("habits.days"), DAYS, known.weekdays ?? {}, (day) => named("weekday", day))],
    h("dl", { class: "facts" }, [
      [t("habits.promo"), promotion?.promo_ratio, percent], [t("habits.discount"), promotion?.discount_ratio, percent],
      [t("habits.night"), known?.night_ratio, percent], [t("habits.weekend"), known?.weekend_ratio, percent],
    ].filter(([, value]) => value !== undefined).map(([name, value, format]) => h("div", {}, h("dt", {}, name), h("dd", {}, format(value))))));
  };
  return node;
}

/** A small column chart; each column says its figure. */
function columns(title, names, counts, label) {
  const most = Math.max(1, ...names.map((name) => counts[name] ?? 0));
  return h("div", { class: "columns" }, h("h3", {}, title), h("ol", {}, names.map((name) => {
    const n = counts[name] ?? 0;
    return h("li", { title: `${label(name) || name}: ${number(n)}` }, h("span", { class: "away" }, `${label(name) || name}: ${number(n)}`),
      h("i", { "aria-hidden": "true", vars: { "--share": n / most } }), h("span", { class: "tick", "aria-hidden": "true" }, label(name)));
  })));
}
