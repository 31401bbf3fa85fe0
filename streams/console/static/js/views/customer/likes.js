// What is bought, where, how it is paid, what is looked at: shares as bars.
import { h, put } from "../../dom.js";
import { percent } from "../../format.js";
import { hasName, named, t } from "../../language.js";
import { bars } from "../../parts/bars.js";
import { panel } from "../../parts/panel.js";

const KINDS = ["categories", "interests", "brands", "channels", "payments"];
const WORDS = { channels: "channel", payments: "payment" };

export function likes() {
  const body = h("div", { class: "likes" });
  const node = panel(t("likes"), { note: t("likes.note") }, body);
  node.show = ({ doc }) => {
    const known = KINDS.filter((kind) => Object.keys(doc.preferences?.[kind] ?? {}).length);
    node.hidden = !known.length;
    put(body, known.map((kind) => h("div", {}, h("h3", {}, t(`likes.${kind}`)), bars(rows(doc.preferences[kind], WORDS[kind]), "thin"))));
  };
  return node;
}

function rows(shares, group) {
  const most = Math.max(0.01, ...Object.entries(shares).map(([name, share]) => (name === "other" ? 0 : share)));
  return Object.entries(shares).map(([name, share]) => ({
    name: name === "other" ? t("other") : group && hasName(group, name) ? named(group, name) : name, title: name, share: Math.min(1, share / most), text: percent(share), mark: name === "other" ? "rest" : "",
  }));
}
