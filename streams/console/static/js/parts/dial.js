// A dial: three quarters of a circle, filled as far as the value goes, with the value in its middle.
import { h, svg } from "../dom.js";

const R = 26;
const ROUND = 2 * Math.PI * R;
const ARC = 0.75;

/** `share` 0..1 or undefined; `text` stands in the middle, `label` below, `says` is what is read out. */
export function dial({ share, text, label, says, tone = "", steps = 0 }) {
  const full = Math.max(0, Math.min(1, share ?? 0)) * ARC * ROUND;
  const ring = (name, length) => svg("circle", { class: name, cx: 32, cy: 32, r: R, pathLength: ROUND.toFixed(2), "stroke-dasharray": `${length.toFixed(2)} ${ROUND.toFixed(2)}`, transform: "rotate(135 32 32)" });
  const notches = Array.from({ length: Math.max(0, steps - 1) }, (_, i) =>
    svg("line", { class: "notch", x1: 32 + R - 5, x2: 32 + R + 5, y1: 32, y2: 32, transform: `rotate(${135 + (270 * (i + 1)) / steps} 32 32)` }));
  const face = svg("svg", { viewBox: "0 0 64 58", "aria-hidden": "true" }, ring("track", ARC * ROUND), share ? ring("fill", full) : null, notches,
    svg("text", { x: 32, y: 38, "text-anchor": "middle" }, text));
  return h("div", { class: `dial ${tone}`.trim(), role: "img", "aria-label": says }, face, h("span", { "aria-hidden": "true" }, label));
}
