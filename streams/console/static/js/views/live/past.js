// What the charts of the live view show: the last minutes as they were received here, or an hour or a day.
import { recent } from "../../stream.js";

/** All numbers of an object together. */
export const sum = (object) => Object.values(object ?? {}).reduce((all, n) => all + (n ?? 0), 0);

const EVERY_MS = { "1h": 10_000, "24h": 60_000 };
const LIVE_MS = 300_000;
const LEAST_MS = 60_000;

/** Columns over time: at, events {topic: []}, lag, p50, p95, p99, changes, dead; all of one length. */
export class Past {
  #scope;
  #listeners = [];
  #answer;
  #given = 0;
  #before; // the hour before the page was opened: its end stands before what is received here
  span = "live";

  constructor(scope) {
    this.#scope = scope;
    scope.ask("history", { span: "1h" }).then((answer) => {
      this.#before = ofHistory(answer);
      this.#tell();
    }, () => {}); // then it begins with what is received
  }

  onChange(listen) {
    this.#listeners.push(listen);
  }

  /** Another span of time; "live" needs no answer of the server. */
  choose(span) {
    this.span = span;
    this.#answer = undefined;
    this.#given += 1;
    if (span !== "live") this.#ask(this.#given);
    this.#tell();
  }

  /** A second has passed. */
  tick() {
    if (this.span === "live") this.#tell();
  }

  /** The last minutes, whatever the charts show. */
  get live() {
    return joined(this.#before, ofRecent());
  }

  get columns() {
    return this.span === "live" ? this.live : ofHistory(this.#answer);
  }

  #tell() {
    this.#listeners.forEach((listen) => listen());
  }

  #ask(turn) {
    const { span } = this;
    const isOld = () => turn !== this.#given || this.#scope.isOver;
    const load = () => this.#scope.ask("history", { span });
    const again = async () => {
      if (isOld()) return;
      try {
        this.#answer = await load();
      } catch {
        return; // the banner says that there is no answer
      } finally {
        if (!isOld()) setTimeout(again, EVERY_MS[span]);
      }
      if (!isOld()) this.#tell();
    };
    again();
  }
}

function ofRecent() {
  const at = recent.map((live) => live.at_ms);
  const of = (pick) => recent.map((live) => pick(live) ?? null);
  const topics = Object.keys(recent.at(-1)?.events_per_s ?? {});
  const until = at.at(-1) ?? Date.now();
  return {
    at, from: Math.max(until - LIVE_MS, Math.min(at[0] ?? until, until - LEAST_MS)), until,
    events: Object.fromEntries(topics.map((topic) => [topic, of((live) => live.events_per_s?.[topic])])),
    lag: of((live) => live.lag?.seconds), p50: of((live) => live.latency_ms?.p50), p95: of((live) => live.latency_ms?.p95), p99: of((live) => live.latency_ms?.p99),
    changes: of((live) => live.tag_changes_per_s), dead: recent.map((live, i) => Math.max(0, sum(live.dead_letters) - sum((recent[i - 1] ?? live).dead_letters))),
  };
}

function ofHistory(answer) {
  const at = answer?.at_ms ?? [];
  return { at, from: at[0] ?? 0, until: at.at(-1) ?? 1, events: answer?.events_per_s ?? {}, lag: answer?.lag_s ?? [], p50: [], p95: [], p99: answer?.p99_ms ?? [], changes: answer?.tag_changes_per_s ?? [], dead: answer?.dead_per_s ?? [] };
}

/** What was before the first live figure, within the span shown, and the live figures. */
function joined(before, live) {
  const first = live.at[0] ?? Infinity;
  const kept = (before?.at ?? []).flatMap((at, i) => (at >= live.until - LIVE_MS && at < first ? [i] : []));
  if (!kept.length) return live;
  const from = Math.min(live.from, before.at[kept[0]]);
  const with_ = (old, now) => [...kept.map((i) => old?.[i] ?? null), ...now];
  const events = Object.keys({ ...before.events, ...live.events }).map((topic) => [topic, with_(before.events[topic], live.events[topic] ?? live.at.map(() => null))]);
  return { ...live, from, at: with_(before.at, live.at), events: Object.fromEntries(events), lag: with_(before.lag, live.lag), p50: with_([], live.p50), p95: with_([], live.p95), p99: with_(before.p99, live.p99), changes: with_(before.changes, live.changes), dead: with_(before.dead, live.dead) };
}
