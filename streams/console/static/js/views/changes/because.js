// Evidence of a rule in a line: what was looked at, with figures as people write them.
import { day, instant, list, money, ms, number } from "../../format.js";
import { hasName, named, t } from "../../language.js";

const SIGNS = { ">=": "≥", "<=": "≤", "==": "=", "!=": "≠" };
const SHOWN = 3;
const INSTANT = /^\d{4}-\d\d-\d\dT/;
// Facts whose values are names, and of which group.
const GROUPS = { "health.band": "band", "journey.cart.state": "cart", "churn.risk": "risk", "lifecycle.stage": "stage", "rfm.segment": "segment", "cluster.name": "cluster", "cluster.cause": "cluster-cause" };
const FIELD = /\w+(?:\.\w+|\["[^"\]]+"\])+|\b\w+_at\b/g;
// Maps whose keys are names, and of which group.
const KEYS = {
  "engagement.latest": "action", "engagement.actions": "action", "journey.steps": "step", "habits.weekdays": "weekday", "habits.seasons": "season",
  "preferences.channels": "channel", "preferences.slices": "channel", "health.components": "component",
};

/** `items` are [fact, value, operator, limit], the last two may be missing. */
export function because(items) {
  return list((Array.isArray(items) ? items : []).slice(0, SHOWN).map(one));
}

function one([name, value, operator, limit]) {
  const fact = String(name);
  const since = /^since\((.*)\)$/.exec(fact);
  if (operator === "unknown" || value === null) return t("because.unknown", word(since?.[1] ?? fact));
  if (since && /^[<>]/.test(operator ?? "")) return t(operator.startsWith("<") ? "because.within" : "because.past", word(since[1]), amount(fact, limit));
  const shown = amount(fact, value);
  if (operator === undefined) return t("because.is", word(fact), shown);
  return t("because.is", word(fact), `${shown} ${SIGNS[operator] ?? operator} ${amount(fact, limit)}`);
}

/** What a fact is called; an expression has its fields by name. */
function word(fact) {
  if (hasName("fact", fact)) return named("fact", fact);
  const [, what, within] = /^count\((\w+), (\w+)\)$/.exec(fact) ?? [];
  if (what) return t("because.count", named("action", what), span(within));
  return fact.replaceAll(FIELD, field);
}

/** What a field is called, with the key of a map in its place. */
function field(path) {
  const [, above, key, below] = /^([\w.]+)\["(.+)"\](.*)$/.exec(path) ?? /^(population\.\w+_p)(\d+)()$/.exec(path) ?? [null, path, "", ""];
  const name = below ? `${above}.*${below}` : above;
  if (!hasName("fact", name)) return path.replaceAll('"', "").replace(/^\w+\./, "").replaceAll(/[_.]/g, " ");
  return named("fact", name).replace("{}", () => (KEYS[above] ? named(KEYS[above], key) : span(key)));
}

function amount(fact, value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return /_minor|^population\.monetary/.test(fact) ? money(value, { brief: true }) : number(value, 3);
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (GROUPS[fact]) return named(GROUPS[fact], value);
  if (INSTANT.test(value) && ms(value) !== undefined) return /T00:00:00/.test(value) ? day(ms(value)) : instant(ms(value));
  return span(String(value));
}

/** "30d" as people say it; any other text in words. */
function span(text) {
  const long = /^(\d+)([dhms])$/.exec(text);
  return long ? t(`because.${long[2]}`, long[1]) : text.replaceAll("_", " ");
}
