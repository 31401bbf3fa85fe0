// How service went and what the customer said; and what other systems state.
import { h, put } from "../../dom.js";
import { apart, ms, number, percent } from "../../format.js";
import { t } from "../../language.js";
import { panel } from "../../parts/panel.js";
import { scroller } from "../../parts/table.js";

const lines = (rows) => rows.filter(([, value]) => value !== undefined && value !== false).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));

export function service() {
  const list = h("dl", { class: "facts" });
  const node = panel(t("service"), {}, list);
  node.show = ({ doc }) => {
    const { service: had, satisfaction: said } = doc;
    node.hidden = !had && !said;
    const trend = (change) => (change === undefined || Math.abs(change) < 1e-9 ? "" : change > 0 ? " ↑" : " ↓");
    put(list, lines([
      [t("service.contacts"), had && t("service.contacts.value", number(had.contacts), ms(had.last_contact_at) === undefined ? "" : apart(ms(had.last_contact_at), ms(doc.as_of)))],
      [t("service.open"), had?.open_tickets > 0 && number(had.open_tickets)],
      [t("service.complaints"), had?.complaints > 0 && number(had.complaints)],
      [t("service.returns"), had?.returns > 0 && number(had.returns)],
      ["CSAT", said?.csat_last !== undefined && `${percent(said.csat_last)}${trend(said.csat_trend)} · ${t("service.mean", percent(said.csat_mean), number(said.csat_n))}`],
      ["NPS", said?.nps_last !== undefined && `${number(said.nps_last, 1)} / 10${trend(said.nps_trend)} · ${t("service.mean", number(said.nps_mean, 1), number(said.nps_n))}`],
      [t("service.sentiment"), said?.sentiment_last !== undefined && `${number(said.sentiment_last, 2)}${trend(said.sentiment_trend)}`],
    ]));
  };
  return node;
}

/** Attributes and scores that others state. */
export function attributes() {
  const list = h("dl", { class: "facts" });
  const node = panel(t("attributes"), {}, scroller(t("attributes"), list));
  node.show = ({ doc }) => {
    const rows = [...Object.entries(doc.scores ?? {}).map(([name, one]) => [name, `${number(one.value, 3)} · ${one.model}`]),
      ...Object.entries(doc.attributes ?? {}).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)])];
    node.hidden = !rows.length;
    put(list, lines(rows));
  };
  return node;
}
