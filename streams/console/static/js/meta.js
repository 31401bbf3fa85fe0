// What the deployment says of itself, and how its tags are called.
import { money, number } from "./format.js";
import { language, named } from "./language.js";

let facts = { tags: [], stages: [], segments: [], lag_slo_s: 5, clock: "wall", version: "" };
let byId = new Map();

/** Remembers the answer of /api/meta. */
export function know(meta) {
  facts = { ...facts, ...meta };
  byId = new Map(facts.tags.map((tag) => [tag.id, tag]));
}

export const meta = () => facts;
export const tagOf = (id) => byId.get(id);

/** What people call a tag; one without a label by its name in words. */
export function tagLabel(id) {
  const label = byId.get(id)?.label;
  return label?.[language()] || label?.en || String(id).replaceAll("_", " ");
}

const GROUPS = { lifecycle: "stage", rfm_segment: "segment", churn_risk: "risk", channel_first: "channel", cluster: "cluster" };

/** A value of a tag in words; "" of a flag that is held. */
export function tagValue(id, value) {
  if (value === true || value === null || value === undefined) return "";
  if (typeof value === "number") return /minor/.test(byId.get(id)?.definition ?? "") ? money(value, { brief: true }) : number(value, 2);
  return GROUPS[id] ? named(GROUPS[id], value) : String(value).replaceAll("_", " ");
}
