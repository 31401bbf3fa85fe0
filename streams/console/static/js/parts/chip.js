// Small words in a frame: a state, a tag, a value. The word says it; the colour only helps.
import { h } from "../dom.js";
import { tagLabel } from "../meta.js";
import { link } from "../router.js";

export const chip = (text, tone = "") => h("span", { class: `chip ${tone}`.trim() }, text);

/** A tag by its label, leading to its page. */
export const tagLink = (id) => h("a", { class: "tag-link", href: link("tag", id) }, tagLabel(id));

/** A customer by the id, leading to the person. */
export const customerLink = (id) => h("a", { class: "mono customer-link", href: link("customer", id) }, id);

const TONES = { active: "good", new: "good", reactivated: "good", repeat: "good", growth: "good", maturity: "good", first_purchase: "good",
  at_risk: "warn", decline: "warn", dormant: "warn", lapsed: "warn", lost: "bad", high: "bad", medium: "warn", low: "good",
  healthy: "good", sub_healthy: "warn", unhealthy: "bad", abandoned: "warn", champions: "good", loyal_customers: "good", cannot_lose_them: "bad" };

/** Whether a stage, a risk or a band is good news. */
export const tone = (name) => TONES[name] ?? "";
