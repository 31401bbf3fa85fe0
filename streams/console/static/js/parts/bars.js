// Rows of a name, a bar and a figure. A list: whoever cannot see the bar hears the figure.
import { h } from "../dom.js";

/** `rows` are {name, share 0..1, text, href, mark}; `mark` is a class of the row. */
export function bars(rows, className = "") {
  return h("ul", { class: `bars ${className}`.trim() }, rows.map(({ name, share, text, href, mark = "", title }) =>
    h("li", { class: mark, title },
      href ? h("a", { href, class: "bar-name" }, name) : h("span", { class: "bar-name" }, name),
      h("span", { class: "bar", "aria-hidden": "true" }, h("i", { vars: { "--share": clamp(share) } })),
      h("span", { class: "bar-text num" }, text))));
}

/** Bars to both sides of a middle line, of values within -most..most. */
export function sided(rows, most) {
  return h("ul", { class: "bars sided" }, rows.map(({ name, value, text }) =>
    h("li", { class: value < 0 ? "minus" : "plus" }, h("span", { class: "bar-name" }, name),
      h("span", { class: "bar", "aria-hidden": "true" }, h("i", { vars: { "--share": clamp(Math.abs(value) / most) } })),
      h("span", { class: "bar-text num" }, text))));
}

const clamp = (share) => String(Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0)));
