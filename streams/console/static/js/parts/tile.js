// One figure: what it is, how much, a line under it, and how it went lately.
import { h, say } from "../dom.js";
import { spark } from "./spark.js";

/** A tile; `show(value, detail, values)` fills it. */
export function tile(label, { limit, href, trend = true } = {}) {
  const value = h("dd", { class: "value" });
  const detail = h("dd", { class: "detail" });
  const line = trend ? spark(limit) : null;
  const name = href ? h("a", { href }, label) : label;
  const node = h("div", { class: "tile" }, h("dt", {}, name), value, detail, line && h("dd", { class: "trend" }, line));
  node.show = (main, small, values) => {
    say(value, main);
    say(detail, small);
    if (line && values) line.draw(values);
  };
  return node;
}
