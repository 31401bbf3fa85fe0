// A person: panels in three columns, each a function of the answer. A part that is not known takes no room.
import { h, put } from "../../dom.js";
import { instant, ms, span } from "../../format.js";
import { named, t } from "../../language.js";
import { chip, tone } from "../../parts/chip.js";
import { aliveChart } from "./alive.js";
import { cart } from "./cart.js";
import { facts } from "./facts.js";
import { habits } from "./habits.js";
import { likes } from "./likes.js";
import { attributes, service } from "./service.js";
import { standing } from "./standing.js";
import { tags } from "./tags.js";
import { timeline } from "./timeline.js";

export function person(scope) {
  const headline = h("div", { class: "headline" });
  const left = [facts(), standing(), cart(), service()];
  const middle = [tags(), attributes()];
  const right = [aliveChart(scope), timeline(scope), likes(), habits()];
  const grid = h("div", { class: "person" }, [left, middle, right].map((column) => h("div", { class: "column" }, column)));
  const gone = h("p", { class: "panel withdrawn", hidden: true });
  const node = h("div", {}, headline, gone, grid);
  node.show = (answer) => {
    const { doc } = answer;
    const withdrawn = doc.consent?.status === "withdrawn";
    put(headline, headlineOf(answer));
    gone.hidden = !withdrawn;
    grid.hidden = withdrawn;
    gone.textContent = withdrawn ? t("customer.withdrawn", instant(ms(doc.consent.at))) : "";
    if (!withdrawn) [...left, ...middle, ...right].forEach((one) => one.show(answer));
  };
  return node;
}

function headlineOf({ doc, document_age_s: age }) {
  const { stage, since } = doc.lifecycle ?? {};
  const segment = doc.rfm?.segment;
  const risk = doc.churn?.risk;
  return [
    stage && chip(named("stage", stage), tone(stage)),
    segment && chip(named("segment", segment), segment === "champions" ? "accent" : ""),
    risk && chip(t("customer.risk", named("risk", risk)), tone(risk)),
    doc.cluster?.name && chip(named("cluster", doc.cluster.name)),
    since && h("span", { class: "soft" }, t("customer.since", named("stage", stage), instant(ms(since)))),
    h("span", { class: "soft as-of" }, t("customer.as-of", instant(ms(doc.as_of)), typeof age === "number" ? span(age * 1000) : "")),
  ];
}
