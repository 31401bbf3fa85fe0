// The feed: a table whose newest row is on top, each change once, two hundred rows at most.
import { h, put } from "../../dom.js";
import { t } from "../../language.js";
import { rowOf } from "./row.js";

const MOST = 200;
/** What could not be asked is asked again after so long. */
export const AGAIN_MS = 5_000;

export class Feed {
  #rows = h("tbody", {});
  #known = new Set();
  #next = [];
  #isFilled = false;
  isHeld = false;

  constructor({ tag = true } = {}) {
    this.tag = tag;
    const head = ["time", "customer", tag && "tag", "feed.change", "feed.why", "feed.cause"].filter(Boolean);
    this.node = h("table", { class: "feed" }, h("caption", { class: "away" }, t("view.changes")), h("thead", {}, h("tr", {}, head.map((key) => h("th", { scope: "col" }, t(key))))), this.#rows);
  }

  get size() {
    return this.#rows.childElementCount;
  }

  get waiting() {
    return this.#next.length;
  }

  /** Shows nothing that comes until it is filled again. */
  wait() {
    this.#isFilled = false;
  }

  /** Starts anew: it is empty until it is filled. */
  clear() {
    this.wait();
    this.#known = new Set();
    this.#next = [];
    put(this.#rows);
  }

  /** Begins with these, newest first; what happened while they were asked for comes after them. */
  fill(changes) {
    const listed = new Set(changes.map((change) => change.id));
    const since = changes[0]?.known_ms ?? 0;
    this.#isFilled = true;
    this.#next = this.#next.filter((change) => !listed.has(change.id) && change.known_ms >= since);
    this.#known = new Set([...listed, ...this.#next.map((change) => change.id)]);
    put(this.#rows, changes.slice(0, MOST).map((change) => rowOf(change, this.tag)));
  }

  /** Takes one that has just happened; it is shown with the next `flush`. */
  add(change) {
    if (this.#known.has(change.id)) return;
    this.#known.add(change.id);
    this.#next.push(change);
    if (this.#next.length > MOST) this.#next.shift();
    if (this.#known.size > 20 * MOST) this.#known = new Set([...this.#known].slice(-10 * MOST));
  }

  hold(isHeld) {
    this.isHeld = isHeld;
    if (!isHeld) this.flush();
  }

  /** Shows what has come; true where the view should say something. */
  flush() {
    if (!this.#next.length || !this.#isFilled) return false;
    if (this.isHeld) return true;
    const focused = this.#rows.contains(document.activeElement);
    this.#rows.prepend(...this.#next.splice(0).reverse().map((change) => rowOf(change, this.tag, true)));
    while (this.size > MOST && !(focused && this.#rows.lastElementChild.contains(document.activeElement))) this.#rows.lastElementChild.remove();
    return true;
  }
}
