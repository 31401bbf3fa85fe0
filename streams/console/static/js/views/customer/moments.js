// The instants that a profile remembers, and its log of tag changes, as one list: {at, lane, text, ...}.
import { ms } from "../../format.js";
import { named, t } from "../../language.js";
import { tagLabel, tagValue } from "../../meta.js";

export const LANES = ["orders", "clicks", "service", "tags"];

/** Newest first. */
export function moments({ doc, history }) {
  const out = [...changesOf(history ?? []), ...eventsOf(doc)];
  return out.filter((one) => one.at !== undefined).sort((a, b) => b.at - a.at);
}

function eventsOf(doc) {
  const { rfm = {}, engagement, service, preferences } = doc;
  const out = [];
  const add = (at, lane, text) => out.push({ at: ms(at), lane, text });
  add(rfm.first_order_at, "orders", t("moment.first-order"));
  if (rfm.last_order_at !== rfm.first_order_at) add(rfm.last_order_at, "orders", t("moment.last-order"));
  for (const [channel, slice] of Object.entries(preferences?.slices ?? {})) {
    if (slice.last_order_at !== rfm.last_order_at) add(slice.last_order_at, "orders", t("moment.channel-order", named("channel", channel)));
  }
  for (const [action, at] of Object.entries(engagement?.latest ?? {})) add(at, "clicks", t("moment.last", named("action", action)));
  add(service?.last_contact_at, "service", t("moment.contact"));
  add(service?.oldest_open_ticket_at, "service", t("moment.ticket"));
  add(doc.consent?.at, "service", t("moment.consent", named("consent", doc.consent?.status)));
  return out;
}

function changesOf(history) {
  return history.map((one) => {
    const label = tagLabel(one.tag);
    return { at: one.at_ms, lane: "tags", tag: one.tag, label, text: `${label} ${moved(one)}`, why: causeOf(one.cause), seq: one.seq };
  });
}

/** What became of a tag, in words: "entered", "left", "low → high". */
export function moved({ tag, old, new: now, kind, direction }) {
  const corrected = (direction ?? kind ?? "").endsWith("corrected") ? `${t("moved.corrected")} ` : "";
  if (old === null || old === undefined) return `${corrected}${t("moved.entered")} ${tagValue(tag, now)}`.trim();
  if (now === null || now === undefined) return `${corrected}${t("moved.left")} ${tagValue(tag, old)}`.trim();
  return `${corrected}${tagValue(tag, old)} → ${tagValue(tag, now)}`;
}

/** What brought a change: an event, the passing of time, another catalogue or population. */
export function causeOf(cause) {
  if (!cause) return "";
  if (typeof cause === "string") return cause;
  if (cause.topic) return t("cause.event", named("topic", cause.topic), `${cause.partition}@${cause.offset}`);
  if (cause.timer) return t("cause.time");
  if (cause.catalogue !== undefined) return t("cause.catalogue", cause.catalogue);
  return cause.population !== undefined ? t("cause.population", cause.population) : "";
}
