// One change of a tag in a row: when, who, which, from what to what, why, and what brought it.
import { h } from "../../dom.js";
import { apart, clock, exact, monthDay } from "../../format.js";
import { t } from "../../language.js";
import { customerLink, tagLink } from "../../parts/chip.js";
import { causeOf, moved } from "../customer/moments.js";
import { because } from "./because.js";

const LATE_MS = 60_000;

export function rowOf(change, withTag = true, isNew = false) {
  const late = change.known_ms - change.at_ms;
  const when = h("time", { title: t("row.times", exact(change.at_ms), exact(change.known_ms)) }, clock(change.known_ms));
  return h("tr", { class: isNew ? "fresh" : null }, h("td", { class: "when" }, when,
    Math.abs(late) > LATE_MS && h("small", { title: apart(change.at_ms, change.known_ms) }, ` ${t("row.as-of", monthDay(change.at_ms))}`)),
  h("td", { class: "who" }, customerLink(change.customer_id)),
  withTag && h("td", {}, tagLink(change.tag)),
  h("td", { class: `moved ${change.direction}` }, h("i", { "aria-hidden": "true" }, SIGNS[change.direction] ?? "•"), moved(change)),
  h("td", { class: "evidence soft" }, because(change.because)),
  h("td", { class: "soft cause" }, causeOf(change.cause)));
}

const SIGNS = { entered: "+", left: "−", changed: "→", corrected: "↺" };
