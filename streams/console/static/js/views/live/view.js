// Live: one look tells whether profiles are fresh; below, how it got there.
import { h, put } from "../../dom.js";
import { t } from "../../language.js";
import { choice } from "../../parts/choice.js";
import { empty } from "../../parts/notice.js";
import { latest, recent } from "../../stream.js";
import { backlog } from "./backlog.js";
import { Past } from "./past.js";
import { processes, refused } from "./lists.js";
import { tiles } from "./tiles.js";
import { eventsChart, latencyChart, waitChart } from "./trends.js";
import { verdict } from "./verdict.js";

/** Opens the view in its scope. */
export function open(scope) {
  const past = new Past(scope);
  const charts = [eventsChart(scope, past), waitChart(scope, past), latencyChart(scope, past)];
  const says = verdict();
  const parts = [tiles(past), backlog(scope), refused(), processes()];
  const [figures, partitions, dead, running] = parts;
  const spans = ["live", "1h", "24h"].map((id) => ({ id, text: t(`live.span.${id}`) }));
  const welcome = h("div", { hidden: true }, empty(t("live.empty"), t("live.empty.hint")));
  const pick = (span) => past.choose(span);
  put(scope.host,
    h("div", { class: "head" }, h("h1", {}, t("view.live")), h("div", { class: "head-tools" }, choice(t("live.span"), spans, "live", pick))),
    says, welcome, figures,
    h("div", { class: "live-grid" }, charts, partitions, dead, running));

  past.onChange(() => charts.forEach((one) => one.draw()));
  const show = (live) => {
    welcome.hidden = live.profiles !== 0 || Object.values(live.applied_total ?? {}).some(Boolean);
    says.show(live);
    if (!live.lag) return; // the last figures stand, and the banner says so
    parts.forEach((one) => one.show(live));
    past.tick();
  };
  scope.on("live", show);
  if (recent.length) show(recent.at(-1));
  if (latest()) show(latest());
}
