// A choice of one out of a few: buttons in a row that say which one holds.
import { h } from "../dom.js";

/** `options` are {id, text}; `choose(id)` is called with another one. */
export function choice(label, options, chosen, choose) {
  const buttons = options.map(({ id, text }) => h("button", {
    type: "button", "aria-pressed": String(id === chosen), data: { id },
    on: { click: () => {
      buttons.forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.id === String(id))));
      choose(id);
    } },
  }, text));
  return h("div", { class: "choice", role: "group", "aria-label": label }, buttons);
}
