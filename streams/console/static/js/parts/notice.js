// What is said where there is nothing to show: why, and what can be done.
import { h } from "../dom.js";
import { t } from "../language.js";

/** A quiet word in an empty place. */
export const empty = (words, hint) => h("div", { class: "empty" }, h("p", {}, words), hint && h("p", { class: "soft" }, hint));

/** An error in words, with a button that tries again. */
export function failure(error, retry) {
  const kind = ["store_down", "login", "gone", "unknown"].includes(error.kind) ? error.kind : "broken";
  return h("div", { class: "notice", role: "alert", data: { kind } },
    h("h2", {}, t(`fail.${kind}`)), h("p", {}, t(`fail.${kind}.hint`)),
    retry && h("button", { type: "button", class: "primary", on: { click: () => retry() } }, t("fail.retry")));
}

/** Puts an error above what is already shown, or takes it away. */
export function overlay(host, error, retry) {
  host.querySelector(":scope > .notice")?.remove();
  if (error) host.prepend(failure(error, retry));
}
