// Six figures that matter, each with its last minute.
import { h } from "../../dom.js";
import { millis, number, rate, seconds, short } from "../../format.js";
import { t } from "../../language.js";
import { meta } from "../../meta.js";
import { tile } from "../../parts/tile.js";
import { link } from "../../router.js";
import { sum } from "./past.js";

export function tiles(past) {
  const limit = meta().lag_slo_s;
  const [events, lag, latency, changes, dead, profiles] = [
    tile(t("tile.events")), tile(t("tile.lag"), { limit }), tile(t("tile.latency")),
    tile(t("tile.changes"), { href: link("changes") }), tile(t("tile.dead"), { href: link("dead-letters") }), tile(t("tile.profiles"), { href: link("segments"), trend: false }),
  ];
  const node = h("dl", { class: "tiles", "aria-label": t("tile.all") }, events, lag, latency, changes, dead, profiles);
  node.show = (live) => {
    const { at, events: byTopic, lag: waits, p99, changes: moves, dead: letters } = past.live;
    const all = at.map((_, i) => sum(Object.values(byTopic).map((values) => values[i])));
    events.show(rate(sum(live.events_per_s)), t("tile.events.detail", short(sum(live.applied_total))), all);
    lag.show(seconds(live.lag?.seconds), t("tile.lag.detail", number(live.lag?.records)), waits);
    latency.show(millis(live.latency_ms?.p99), t("tile.latency.detail", millis(live.latency_ms?.p50), millis(live.latency_ms?.p95)), p99);
    changes.show(rate(live.tag_changes_per_s), t("tile.changes.detail", number(live.outbox?.entries)), moves);
    dead.show(number(sum(live.dead_letters)), t("tile.dead.detail", Object.keys(live.dead_letters ?? {}).length), letters);
    profiles.show(number(live.profiles), live.population?.version ? t("tile.profiles.detail", live.population.version, seconds(live.population.age_s)) : t("tile.profiles.none"));
  };
  return node;
}
