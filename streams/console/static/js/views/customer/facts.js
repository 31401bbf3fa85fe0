// Key facts: what was bought, when last, what is expected.
import { h, put } from "../../dom.js";
import { apart, day, days, money, ms, number, span } from "../../format.js";
import { named, t } from "../../language.js";
import { panel } from "../../parts/panel.js";

const DAY_MS = 86_400_000;

export function facts() {
  const figures = h("dl", { class: "big-facts" });
  const rest = h("dl", { class: "facts" });
  const node = panel(t("facts"), {}, figures, rest);
  node.show = ({ doc }) => {
    const now = ms(doc.as_of);
    put(figures, pairs(bigOf(doc)));
    put(rest, pairs(restOf(doc, now)));
  };
  return node;
}

const pairs = (rows) => rows.filter(([, value]) => value).map(([name, value, title]) => h("div", { title }, h("dt", {}, name), h("dd", {}, value)));

function bigOf({ rfm = {}, value, promotion }) {
  return [
    [t("facts.orders"), number(rfm.frequency ?? 0)],
    [t("facts.spent"), money(rfm.net_minor, { brief: Math.abs(rfm.net_minor) >= 1e6 })],
    promotion?.mean_order_minor !== undefined ? [t("facts.mean"), money(promotion.mean_order_minor)] : [],
    value?.clv_365d_minor !== undefined ? [t("facts.clv"), money(value.clv_365d_minor, { brief: true }), t("facts.clv.title")] : [],
  ];
}

function restOf(doc, now) {
  const { rfm = {}, habits, value, engagement, journey } = doc;
  const last = ms(rfm.last_order_at);
  const [from, until] = [ms(habits?.next_order_from), ms(habits?.next_order_until)];
  const windows = rfm.windows ?? {};
  return [
    [t("facts.last"), last !== undefined && `${apart(last, now)} · ${day(last)}`],
    [t("facts.next"), from !== undefined && `${days(from, until)}${now > until ? ` · ${t("facts.overdue")}` : ""}`],
    [t("facts.gap"), habits?.gap_median_days !== undefined && t("facts.every", span(habits.gap_median_days * DAY_MS))],
    [t("facts.lately"), windows["30d"] && t("facts.window", number(windows["30d"].orders), money(windows["30d"].monetary_minor))],
    [t("facts.year"), windows["365d"] && t("facts.window", number(windows["365d"].orders), money(windows["365d"].monetary_minor))],
    [t("facts.refunds"), rfm.refunds_minor > 0 && money(rfm.refunds_minor)],
    [t("facts.unknown"), rfm.orders_without_amount > 0 && number(rfm.orders_without_amount)],
    [t("facts.expected"), value?.expected_orders_365d !== undefined && number(value.expected_orders_365d, 1)],
    [t("facts.visits"), engagement && t("facts.visits.value", number(engagement.sessions), number(engagement.clicks))],
    [t("facts.step"), journey?.step && named("step", journey.step)],
    [t("facts.customer"), ms(rfm.first_order_at) !== undefined && day(ms(rfm.first_order_at))],
    [t("facts.seen"), ms(doc.last_seen_at) !== undefined && apart(ms(doc.last_seen_at), now)],
    [t("facts.consent"), doc.consent && `${named("consent", doc.consent.status)} · ${day(ms(doc.consent.at))}`],
  ];
}
