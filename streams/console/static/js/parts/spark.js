// A sparkline: the last values as a line, no axes. It decorates a figure that stands beside it in words.
import { svg } from "../dom.js";

const WIDE = 120;
const HIGH = 28;

/** An empty one; `draw(values)` fills it. `limit` draws a dashed line where it is in sight. */
export function spark(limit) {
  const area = svg("path", { class: "area" });
  const line = svg("path", { class: "line" });
  const mark = limit === undefined ? null : svg("line", { class: "limit", x1: 0, x2: WIDE });
  const node = svg("svg", { class: "spark", viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" }, area, mark, line);
  node.draw = (values, slots = 90) => {
    const shown = values.slice(-slots).map((value) => value ?? 0);
    const top = Math.max(...shown, 1e-9) * 1.1;
    const y = (value) => (HIGH - 1.5 - (value / top) * (HIGH - 4)).toFixed(1);
    const x = (i) => ((i + slots - shown.length) * (WIDE / (slots - 1))).toFixed(1);
    const points = shown.map((value, i) => `${x(i)} ${y(value)}`);
    line.setAttribute("d", points.length ? `M${points.join("L")}` : "");
    area.setAttribute("d", points.length ? `M${x(0)} ${HIGH}L${points.join("L")}L${WIDE} ${HIGH}Z` : "");
    if (mark) {
      mark.setAttribute("y1", y(limit));
      mark.setAttribute("y2", y(limit));
      mark.classList.toggle("hidden", limit > top);
    }
  };
  return node;
}
