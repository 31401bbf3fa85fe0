// Server-sent events, once for the whole page: the newest figures, the last minutes of them, tag changes.
// A page that nobody sees holds no connection: browsers allow few to one host, and fifty tabs cost nothing.

const KEPT = 300; // seconds of live figures
const SILENT_MS = 10_000; // a stream that says nothing so long is taken for dead
const WAITS_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];
const AWAY_MS = 3_000;

const hub = new EventTarget();
export const recent = []; // live messages, oldest first
export const link = { state: "opening", retryAt: 0 }; // opening, open, gone or resting
let source, silence, retry, away;
let failures = 0;
let wasOpen = false;
let newest;

/** The newest message, undefined before the first; without figures while the store is away. */
export const latest = () => newest;

/** Calls `listen` with each "live" figure, each "change", at each new "state" of the connection, or when it is open
 *  again: what happened in between was "missed". */
export function on(kind, listen, signal) {
  hub.addEventListener(kind, (event) => listen(event.detail), { signal });
}

const emit = (kind, detail) => hub.dispatchEvent(new CustomEvent(kind, { detail }));

function state(name, retryAt = 0) {
  Object.assign(link, { state: name, retryAt });
  emit("state", link);
}

/** Connects now, whatever was before. */
export function connect() {
  close();
  source = new EventSource("api/stream");
  source.addEventListener("live", (event) => take("live", event));
  source.addEventListener("change", (event) => take("change", event));
  source.addEventListener("error", lost);
  awake();
}

function take(kind, event) {
  let message;
  try {
    message = JSON.parse(event.data);
  } catch {
    return; // half a message: the next one is whole
  }
  awake();
  failures = 0;
  if (kind === "live") newest = message;
  if (kind === "live" && message.lag) { // while the store is away there are no figures, only the light
    recent.push(message);
    if (recent.length > KEPT) recent.shift();
  }
  if (link.state !== "open") opened();
  emit(kind, message);
}

function opened() {
  state("open");
  if (wasOpen) emit("missed");
  wasOpen = true;
}

function awake() {
  clearTimeout(silence);
  silence = setTimeout(lost, SILENT_MS);
}

function close() {
  source?.close();
  source = undefined;
  clearTimeout(silence);
  clearTimeout(retry);
}

function lost() {
  close();
  const wait = WAITS_MS[Math.min(failures, WAITS_MS.length - 1)];
  failures += 1;
  retry = setTimeout(connect, wait);
  state("gone", Date.now() + wait);
}

function seen() {
  clearTimeout(away);
  if (!document.hidden && link.state === "resting") {
    failures = 0;
    state("opening");
    connect();
  } else if (document.hidden) {
    away = setTimeout(() => {
      close();
      state("resting");
    }, AWAY_MS);
  }
}

/** Begins, and follows whether the page is seen. */
export function start() {
  document.addEventListener("visibilitychange", seen);
  addEventListener("online", () => link.state === "gone" && connect());
  connect();
}
