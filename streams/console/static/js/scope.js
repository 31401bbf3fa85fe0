// What a view may hold on to: everything ends with it. Polling rests while the page is hidden.
import { ApiError, get } from "./api.js";
import { on } from "./stream.js";
import { onTheme } from "./theme.js";

/** The life of one view in the page. */
export class Scope {
  #ended = new AbortController();

  constructor(host) {
    this.host = host;
  }

  get signal() {
    return this.#ended.signal;
  }

  get isOver() {
    return this.signal.aborted;
  }

  end() {
    this.#ended.abort();
  }

  on(kind, listen) {
    on(kind, listen, this.signal);
  }

  onTheme(listen) {
    onTheme(listen, this.signal);
  }

  ask(path, query) {
    return get(path, query, this.signal);
  }

  /** Asks again each `everyMs`: `show` gets the answer, `fail` an ApiError. Returns a function that asks now. */
  poll(everyMs, load, show, fail) {
    let timer;
    let asked = 0;
    const again = async () => {
      clearTimeout(timer);
      const mine = (asked += 1);
      try {
        const answer = await load();
        if (!this.isOver && mine === asked) show(answer);
      } catch (error) {
        if (this.isOver || mine !== asked) return;
        if (!(error instanceof ApiError)) throw error;
        if (error.kind !== "not_yet") fail(error);
      } finally {
        if (!this.isOver && mine === asked) timer = setTimeout(document.hidden ? rest : again, everyMs);
      }
    };
    const rest = () => document.addEventListener("visibilitychange", again, { once: true, signal: this.signal });
    this.signal.addEventListener("abort", () => clearTimeout(timer));
    again();
    return again;
  }
}
