// Dead letters: what was refused, by reason, with samples that show where it lies and never what was in it.
import { h, put, say } from "../../dom.js";
import { apart, bytes, exact, number, percent } from "../../format.js";
import { hasName, named, t } from "../../language.js";
import { empty, overlay } from "../../parts/notice.js";
import { scroller, table } from "../../parts/table.js";

const EVERY_MS = 5_000;

export function open(scope) {
  const about = h("span", { class: "soft" });
  const list = h("div", { class: "reasons" });
  put(scope.host, h("div", { class: "head" }, h("h1", {}, t("view.dead-letters")), about), h("p", { class: "soft lead" }, t("dead.lead")), list);
  let shown;
  const show = (all) => {
    overlay(scope.host);
    say(about, t("dead.total", number(all.total)));
    const key = JSON.stringify(all);
    if (key === shown) return; // an opened sample stays as it is
    const open = new Set(shown === undefined ? [all.reasons[0]?.reason] : [...list.querySelectorAll("details[open]")].map((one) => one.dataset.reason));
    shown = key;
    put(list, all.reasons.length ? all.reasons.map((reason) => reasonOf(reason, all.total, open.has(reason.reason))) : empty(t("dead.none"), t("dead.none.hint")));
  };
  const ask = scope.poll(EVERY_MS, () => scope.ask("dead-letters"), show, (error) => overlay(scope.host, error, () => ask()));
}

function reasonOf({ reason, count, last_ms: last, samples }, total, isOpen) {
  const share = count / (total || 1);
  const head = [{ text: t("topic") }, { text: t("partition"), num: true }, { text: t("offset"), num: true }, { text: t("field") }, { text: t("size"), num: true }, { text: "SHA-256" }];
  const rows = samples.map((one) => [h("code", {}, one.topic), one.partition, one.offset, one.field ? h("code", {}, one.field) : t("dead.whole"), bytes(one.payload_bytes), h("code", { class: "hash", title: one.payload_sha256 }, String(one.payload_sha256 ?? "").slice(0, 16))]);
  return h("details", { class: "panel reason", open: isOpen, data: { reason } },
    h("summary", {}, h("b", { class: "count num" }, number(count)), h("span", { class: "reason-name" }, h("b", {}, named("reason", reason)), h("small", { class: "mono" }, reason)),
      h("span", { class: "bar", "aria-hidden": "true" }, h("i", { vars: { "--share": share } })), h("span", { class: "num soft" }, percent(share)),
      h("span", { class: "soft num last", title: exact(last) }, t("dead.last", apart(last, Date.now())))),
    hasName("reason-help", reason) && h("p", { class: "soft" }, named("reason-help", reason)),
    rows.length ? scroller(t("dead.samples"), table(t("dead.samples"), head, rows)) : h("p", { class: "soft" }, t("dead.no-samples")));
}
