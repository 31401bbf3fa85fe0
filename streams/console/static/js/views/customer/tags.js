// Tags that are held: what, since when, why, and until when if nothing happens.
import { h, put, say } from "../../dom.js";
import { apart, day, exact, ms } from "../../format.js";
import { language, t } from "../../language.js";
import { tagLabel, tagOf, tagValue } from "../../meta.js";
import { tagLink } from "../../parts/chip.js";
import { because } from "../changes/because.js";
import { panel } from "../../parts/panel.js";

export function tags() {
  const list = h("ul", { class: "held" });
  const none = h("p", { class: "soft" }, t("tags.none"));
  const node = panel(t("held"), { note: "" }, none, list);
  let shown;
  node.show = ({ doc, explained }) => {
    const says = new Map((explained?.[language()] ?? explained?.en ?? []).map((one) => [one.tag, one]));
    const held = Object.entries(doc.tags ?? {});
    const key = JSON.stringify([doc.tags, doc.as_of, [...says.values()]]);
    if (key === shown) return; // what somebody reads or selects is left alone
    shown = key;
    none.hidden = held.length > 0;
    say(node.querySelector(".note"), held.length || "");
    put(list, held.map(([id, tag]) => row(id, tag, says.get(id), ms(doc.as_of))));
  };
  return node;
}

function row(id, tag, said, now) {
  const since = ms(tag.since);
  const until = said?.until_ms ?? ms(tag.until);
  const gone = until === undefined || until === null ? undefined : (now - since) / Math.max(1, until - since);
  const value = tagValue(id, tag.value);
  const evidence = because(tag.because);
  return h("li", {},
    h("div", { class: "held-head" }, tagLink(id), value && h("b", {}, value),
      h("span", { class: "until num", title: until ? exact(until) : undefined }, until ? t("held.until", day(until), apart(until, now)) : t("held.stays"))),
    gone === undefined ? null : h("span", { class: "bar thin", "aria-hidden": "true" }, h("i", { vars: { "--share": Math.max(0, Math.min(1, gone)) } })),
    h("p", { class: "why-text" }, told(said?.says ?? "", tagLabel(id))),
    language() !== "en" && evidence && h("p", { class: "why-text" }, t("held.because", evidence)), // in English the sentence has it
    h("p", { class: "away" }, tagOf(id)?.purpose ?? ""));
}

/** The sentence without what stands above it: the label and the value. */
function told(says, label) {
  const at = says.startsWith(label) ? says.search(language() === "zh" ? /自 \d/ : /since \d/) : -1;
  const rest = at < 0 ? says : says.slice(at);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}
