// Tag changes as they happen, with filters that the address remembers.
import { h, put, say } from "../../dom.js";
import { clock } from "../../format.js";
import { t } from "../../language.js";
import { empty, overlay } from "../../parts/notice.js";
import { note, queried } from "../../router.js";
import { AGAIN_MS, Feed } from "./feed.js";
import { filters } from "./filters.js";

const LIMIT = 100;

export function open(scope, { query }) {
  const wanted = { tag: query.get("tag") ?? "", direction: query.get("direction") ?? "", value: query.get("value") ?? "" };
  const feed = new Feed();
  const about = h("span", { class: "soft" });
  const held = h("span", { class: "soft", role: "status" });
  const pause = h("button", { type: "button", "aria-pressed": "false", on: { click: () => hold(!feed.isHeld) } }, t("feed.pause"));
  const none = h("div", { hidden: true }, empty(t("feed.none"), t("feed.none.hint")));
  let asked = 0;
  let isBehind = false; // what was missed is asked for once nobody reads the rows any more

  const counted = () => {
    none.hidden = feed.size > 0;
    say(held, feed.isHeld && feed.waiting ? t("feed.waiting", feed.waiting) : "");
  };
  const hold = (isHeld) => {
    feed.hold(isHeld);
    pause.setAttribute("aria-pressed", String(isHeld));
    say(pause, t(isHeld ? "feed.resume" : "feed.pause"));
    counted();
    if (!isHeld && isBehind) load();
  };
  const load = async () => {
    const mine = (asked += 1);
    isBehind = false;
    feed.wait();
    try {
      const { changes, from_ms: from } = await scope.ask("tag-changes", { ...wanted, limit: LIMIT });
      if (mine !== asked) return;
      overlay(scope.host);
      feed.fill(changes);
      say(about, from ? t("feed.from", clock(from)) : "");
      counted();
    } catch (error) {
      if (scope.isOver || mine !== asked || !error.kind) return;
      overlay(scope.host, error, load);
      setTimeout(() => scope.isOver || mine !== asked || load(), AGAIN_MS);
    }
  };
  const bar = filters(wanted, () => {
    note(queried("changes", wanted));
    feed.clear();
    load();
  });
  put(scope.host, h("div", { class: "head" }, h("h1", {}, t("view.changes")), about, h("div", { class: "head-tools" }, held, pause)), bar, h("section", { class: "panel" }, none, feed.node));
  scope.on("change", (change) => {
    if (passes(change, wanted)) feed.add(change);
  });
  scope.on("missed", () => {
    isBehind = true;
    if (!feed.isHeld) load();
  });
  const drawing = setInterval(() => feed.flush() && counted(), 250);
  scope.signal.addEventListener("abort", () => clearInterval(drawing));
  load();
}

/** Whether a change is one of those asked for, as the server decides it: from a value or to it. */
export function passes(change, { tag, direction, value }) {
  return (!tag || change.tag === tag) && (!direction || change.direction === direction) && (!value || [change.old, change.new].some((one) => String(one) === value));
}
