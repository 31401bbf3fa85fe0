// A panel: a heading, perhaps tools beside it, and what it shows.
import { h, uid } from "../dom.js";

/** A section named by its heading. `note` is a small remark beside it, `tools` stand at the right. */
export function panel(title, { note, tools, className = "", level = 2 } = {}, ...children) {
  const id = uid("panel");
  const heading = h(`h${level}`, { id }, title);
  const remark = note === undefined ? null : h("small", { class: "note" }, note);
  return h("section", { class: `panel ${className}`.trim(), "aria-labelledby": id },
    h("header", {}, heading, remark, tools && h("div", { class: "panel-tools" }, tools)), children);
}

/** The remark of a panel. */
export const noteOf = (section) => section.querySelector("header .note");
