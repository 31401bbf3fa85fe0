// A table out of plain data.
import { h } from "../dom.js";

/** `head` are {text, num}; `rows` are lists of texts or nodes. */
export function table(caption, head, rows, className = "") {
  return h("table", { class: className }, caption && h("caption", { class: "away" }, caption),
    h("thead", {}, h("tr", {}, head.map(({ text, num }) => h("th", { scope: "col", class: num ? "num" : null }, text)))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, i) =>
      i === 0 ? h("th", { scope: "row" }, cell) : h("td", { class: head[i]?.num ? "num" : null }, cell))))));
}

/** A box that scrolls sideways or down and can be reached by the keyboard. */
export const scroller = (name, ...children) => h("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": name }, children);
