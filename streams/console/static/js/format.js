// Numbers, money, spans and instants as people of the language write them. "–" is what is not known.
import { language, locale, t } from "./language.js";

export const NONE = "–";
const SIGNS = { millisecond: "ms", second: "s", minute: "min", hour: "h", day: "d" };
const UNITS = [["year", 31_557_600_000], ["month", 2_629_800_000], ["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1_000]];
const made = new Map();
let zone = "UTC";
let currency = "USD";

/** What the deployment says of itself. */
export function settle(meta) {
  zone = meta.zone || "UTC";
  currency = meta.currency || "USD";
  made.clear();
}

function maker(Kind, options) {
  const key = `${locale()} ${Kind.name} ${JSON.stringify(options)}`;
  if (!made.has(key)) made.set(key, build(Kind, options));
  return made.get(key);
}

function build(Kind, options) {
  try {
    return new Kind(locale(), options);
  } catch {
    // A currency or zone that this browser does not know.
    return new Kind(locale(), { ...options, style: undefined, currency: undefined, timeZone: "UTC" });
  }
}

const known = (n) => typeof n === "number" && Number.isFinite(n);

export function number(n, digits = 0) {
  return known(n) ? maker(Intl.NumberFormat, { maximumFractionDigits: digits }).format(n) : NONE;
}

/** Always so many decimals: figures below one another, or that move. */
export function fixed(n, digits) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return known(n) ? maker(Intl.NumberFormat, options).format(n) : NONE;
}

/** A difference: +1.2, −0.4, 0.0. */
export function signed(n, digits) {
  return known(n) ? maker(Intl.NumberFormat, { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "exceptZero" }).format(n) : NONE;
}

/** A long number in a small place: 12.3K. */
export function short(n) {
  if (!known(n) || Math.abs(n) < 10_000) return number(n, Math.abs(n) < 10 ? 1 : 0);
  return maker(Intl.NumberFormat, { notation: "compact", maximumFractionDigits: 1 }).format(n);
}

/** So many a second. */
export const rate = (n) => (known(n) ? (n < 10 ? fixed(n, 1) : short(n)) : NONE);

export function percent(share, digits = 0) {
  return known(share) ? maker(Intl.NumberFormat, { style: "percent", maximumFractionDigits: digits }).format(share) : NONE;
}

function minorScale() {
  return 10 ** (maker(Intl.NumberFormat, { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2);
}

/** Minor units as money; `brief` without decimals, long ones shortened. */
export function money(minor, { brief = false } = {}) {
  if (!known(minor)) return NONE;
  const options = { style: "currency", currency, currencyDisplay: "narrowSymbol" };
  if (brief) Object.assign(options, { maximumFractionDigits: 0, ...(Math.abs(minor) >= 1e6 ? { notation: "compact", minimumFractionDigits: 1, maximumFractionDigits: 1 } : {}) });
  return maker(Intl.NumberFormat, options).format(minor / minorScale());
}

export function bytes(n) {
  if (!known(n)) return NONE;
  const unit = n >= 1e9 ? ["gigabyte", 1e9] : n >= 1e6 ? ["megabyte", 1e6] : n >= 1e3 ? ["kilobyte", 1e3] : ["byte", 1];
  return count(n / unit[1], unit[0], "short", n >= 1e9 ? 1 : 0);
}

function count(n, unit, unitDisplay = "long", digits = 0) {
  return maker(Intl.NumberFormat, { style: "unit", unit, unitDisplay, maximumFractionDigits: digits }).format(n);
}

/** A measured figure with the sign of its unit; what English abbreviates ("secs") is no sign. */
function measured(n, unit, digits = 0) {
  return language() === "zh" ? count(n, unit, "short", digits) : `${number(n, digits)} ${SIGNS[unit]}`;
}

/** Milliseconds that are measured: 8.2 ms, 340 ms, 1.25 s. */
export function millis(ms) {
  if (!known(ms)) return NONE;
  return ms < 1000 ? measured(ms, "millisecond", ms < 10 ? 1 : 0) : seconds(ms / 1000);
}

/** Seconds that are measured, in the unit that fits. */
export function seconds(s) {
  if (!known(s)) return NONE;
  if (s < 60) return measured(s, "second", s < 10 ? 1 : 0);
  if (s < 3600) return measured(s / 60, "minute");
  return s < 86_400 ? measured(s / 3600, "hour", 1) : measured(s / 86_400, "day", 1);
}

/** A span in its largest unit: 3 days; 50 days say more than one month does. */
export function span(ms) {
  if (!known(ms)) return NONE;
  const size = Math.abs(ms);
  const [unit, of] = UNITS.find(([name, each]) => size >= each * (name === "year" || name === "month" ? 2 : 1)) ?? UNITS.at(-1);
  return count(Math.round(size / of), unit);
}

/** An instant seen from another: "3 days ago", "in 3 days". */
export function apart(ms, nowMs) {
  if (!known(ms) || !known(nowMs)) return NONE;
  const off = ms - nowMs;
  if (Math.abs(off) < 1000) return t("now");
  const [unit, of] = UNITS.find(([name, each]) => Math.abs(off) >= each * (name === "year" || name === "month" ? 2 : 1)) ?? UNITS.at(-1);
  return maker(Intl.RelativeTimeFormat, { numeric: "always" }).format(Math.round(off / of), unit);
}

const date = (options) => (ms) => (known(ms) ? maker(Intl.DateTimeFormat, { timeZone: zone, ...options }).format(ms) : NONE);

export const day = date({ year: "numeric", month: "short", day: "numeric" });
/** From a day to another, without saying twice what both share. */
export function days(from, until) {
  if (!known(from) || !known(until)) return NONE;
  return maker(Intl.DateTimeFormat, { timeZone: zone, year: "numeric", month: "short", day: "numeric" }).formatRange(Math.min(from, until), until);
}

export const monthDay = date({ month: "short", day: "numeric" });
export const instant = date({ year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const exact = date({ year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
export const clock = date({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
export const minute = date({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** Epoch ms of an instant of the document, undefined where there is none. */
export function ms(text) {
  const at = typeof text === "string" ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** Labels of a time axis that spans so many ms. */
export function axisTime(spanMs) {
  if (spanMs <= 600_000) return clock;
  return spanMs <= 2 * 86_400_000 ? minute : spanMs <= 300 * 86_400_000 ? monthDay : date({ year: "numeric", month: "short" });
}

/** Joins parts of a sentence as the language does. */
export const list = (parts) => parts.filter(Boolean).join(language() === "zh" ? "，" : ", ");
export const zoneName = () => zone;
