// A chart in the page: drawn by ECharts on a canvas, told in words, and as a table for whoever wants figures.
import { h, put, say } from "../dom.js";
import { t } from "../language.js";
import { panel } from "../parts/panel.js";
import { scroller, table } from "../parts/table.js";
import { still } from "../theme.js";

let library;
const load = () => (library ??= import("../../vendor/echarts.min.js"));

/**
 * A panel with a chart.
 *
 * `spec.option()` gives the ECharts option, `spec.table()` {head, rows}, `spec.words()` one sentence; all are
 * asked anew by `draw()`. `spec.pick(params)` is called with what was clicked.
 */
export function chart(scope, title, spec) {
  const canvas = h("div", { class: "canvas", role: "img" });
  const toggle = h("button", { type: "button", class: "quiet small", "aria-expanded": "false" }, t("chart.table"));
  const figures = h("div", { class: "figures", hidden: true });
  const node = panel(title, { note: spec.note, tools: [spec.tools, toggle], className: `chart ${spec.className ?? ""}`, level: spec.level }, canvas, figures);
  let drawn;

  toggle.addEventListener("click", () => {
    figures.hidden = !figures.hidden;
    canvas.classList.toggle("away", !figures.hidden);
    toggle.setAttribute("aria-expanded", String(!figures.hidden));
    say(toggle, t(figures.hidden ? "chart.table" : "chart.picture"));
    if (figures.hidden) drawn?.resize();
    else tell();
  });

  function tell() {
    const { head, rows } = spec.table();
    put(figures, scroller(title, table(title, head, rows)));
  }

  /** Draws what `spec` says now. */
  node.draw = () => {
    if (!figures.hidden && !figures.contains(document.activeElement)) tell();
    canvas.setAttribute("aria-label", `${title}. ${spec.words()}`);
    if (!drawn) return;
    drawn.setOption({ animation: !still() && !spec.moves, animationDuration: 400, animationDurationUpdate: 400, ...spec.option() },
      { replaceMerge: ["series", "yAxis", "xAxis"] });
  };

  load().then(({ init }) => {
    if (scope.isOver) return;
    drawn = init(canvas, null, { renderer: "canvas" });
    if (spec.pick) drawn.on("click", spec.pick);
    const seen = new ResizeObserver(() => drawn.resize());
    seen.observe(canvas);
    scope.signal.addEventListener("abort", () => {
      seen.disconnect();
      drawn.dispose();
    });
    node.draw();
  }, () => figures.hidden && toggle.click()); // the library did not come: then as figures
  scope.onTheme(() => node.draw());
  return node;
}
