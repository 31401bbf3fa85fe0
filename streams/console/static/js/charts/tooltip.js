// What a tooltip shows, built as nodes: ECharts puts them in as they are, and no text of data becomes markup.
import { h } from "../dom.js";

/** A title, and rows of {name, text, paint}. */
export function bubble(title, rows) {
  return h("div", { class: "bubble" }, h("strong", {}, title), rows.map(({ name, text, paint }) =>
    h("div", {}, paint && h("i", { class: "dot", vars: { "--paint": paint } }), h("span", {}, name), h("b", { class: "num" }, text))));
}
