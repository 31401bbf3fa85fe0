// Segments: all customers together. Asked again every ten seconds; what is shown stays while it is asked.
import { h, put, say } from "../../dom.js";
import { clock, number } from "../../format.js";
import { t } from "../../language.js";
import { empty, overlay } from "../../parts/notice.js";
import { clusters } from "./clusters.js";
import { flow } from "./flow.js";
import { heat } from "./heat.js";
import { segmentBars } from "./shares.js";
import { tagTable } from "./tags.js";

const EVERY_MS = 10_000;
const OLD_MS = 30_000;
const SOON_MS = 2_000;

export function open(scope) {
  const about = h("span", { class: "soft" });
  const body = h("div", {});
  put(scope.host, h("div", { class: "head" }, h("h1", {}, t("view.segments")), about), body);
  let parts;
  const show = (all) => {
    overlay(scope.host);
    if (Date.now() - all.at_ms > OLD_MS) setTimeout(() => scope.isOver || ask(), SOON_MS); // nobody looked for long: a new one is made now
    say(about, t(all.sampled ? "segments.sample" : "segments.all", number(all.profiles), number(all.surveyed), clock(all.at_ms)));
    if (!all.profiles) {
      parts = undefined;
      put(body, empty(t("segments.empty"), t("live.empty.hint")));
      return;
    }
    if (!parts) {
      parts = [heat(), segmentBars(), flow(scope), clusters(scope), tagTable(scope)];
      put(body, h("div", { class: "segments-grid" }, parts));
    }
    parts.forEach((one) => one.show(all));
  };
  const ask = scope.poll(EVERY_MS, () => scope.ask("segments"), show, (error) => overlay(scope.host, error, () => ask()));
}
