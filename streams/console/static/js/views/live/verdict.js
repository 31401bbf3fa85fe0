// The verdict in a sentence: fresh or not, by how much, and why.
import { h, put, say } from "../../dom.js";
import { clock, seconds } from "../../format.js";
import { named, t } from "../../language.js";
import { meta } from "../../meta.js";

export function verdict() {
  const state = h("strong", { role: "status" });
  const detail = h("span", { class: "verdict-detail" });
  const why = h("ul", { class: "why" });
  const at = h("small", {});
  const node = h("div", { class: "verdict", data: { state: "unknown" } }, h("i", { "aria-hidden": "true" }), state, detail, why, at);
  let shown = "";
  node.show = (live) => {
    const now = live.slo?.state ?? "unknown";
    const reasons = live.slo?.why ?? [];
    node.dataset.state = now;
    say(state, t(reasons[0] === "store_down" ? "verdict.away" : reasons[0] === "no_deployment" ? "verdict.none" : `verdict.${now}`));
    say(detail, typeof live.lag?.seconds === "number" ? t("verdict.wait", seconds(live.lag.seconds), seconds(meta().lag_slo_s)) : "");
    if (shown !== reasons.join()) put(why, reasons.filter((code) => code !== "store_down" && code !== "no_deployment").map((code) => h("li", { class: `chip ${now}` }, named("why", code))));
    shown = reasons.join();
    say(at, clock(live.at_ms));
  };
  say(state, t("verdict.unknown"));
  return node;
}
