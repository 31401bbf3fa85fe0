// Starts the page: the frame around the views, the language, the theme, the connection.
import { ApiError, get } from "./api.js";
import { say } from "./dom.js";
import { settle } from "./format.js";
import { dress, watchLink } from "./frame.js";
import { language, speak, t } from "./language.js";
import { know } from "./meta.js";
import { failure } from "./parts/notice.js";
import { here } from "./router.js";
import { Scope } from "./scope.js";
import { start } from "./stream.js";
import { turn } from "./theme.js";

const VIEWS = {
  live: () => import("./views/live/view.js"),
  segments: () => import("./views/segments/view.js"),
  customer: () => import("./views/customer/view.js"),
  changes: () => import("./views/changes/view.js"),
  tag: () => import("./views/tag/view.js"),
  "dead-letters": () => import("./views/dead/view.js"),
};
const NAV = { "dead-letters": "dead", tag: "changes" };
const main = document.getElementById("main");
let scope;
let begun = false;

async function open({ focus = true } = {}) {
  scope?.end();
  const mine = (scope = new Scope(main));
  const place = here();
  const name = nameOf(place);
  for (const link of document.querySelectorAll("#views a")) {
    if (link.dataset.view === (NAV[name] ?? name)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.dataset.view = name;
  document.title = `${t(`view.${name}`)} · profilestream`;
  const view = await VIEWS[name]().catch(() => undefined);
  if (mine.isOver) return;
  if (!view) { // the console went away before this view was ever looked at
    const anew = () => location.reload(); // a module that failed once fails for the life of the page
    main.replaceChildren(failure(new ApiError("gone"), anew));
    mine.on("live", anew);
    return;
  }
  main.replaceChildren();
  if (focus) main.focus({ preventScroll: true }); // a view may have a better place for it
  view.open(mine, place);
  scrollTo(0, 0);
}

/** The view of an address; one that leads nowhere leads home. */
function nameOf({ view, steps }) {
  if (view === "tag" && !steps[0]) return "changes";
  return Object.hasOwn(VIEWS, view) ? view : "live";
}

/** What the deployment is; the page can do little before it knows. */
async function meet() {
  try {
    const meta = await get("meta");
    know(meta);
    settle(meta);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    main.replaceChildren(failure(error, begin));
    setTimeout(begin, 5_000);
    return false;
  }
}

async function begin() {
  if (begun || !(await meet()) || begun) return;
  begun = true;
  dress();
  addEventListener("hashchange", () => open());
  await open({ focus: false });
  start();
  // The other views now, in peace: they open at once, even while the console is away.
  (globalThis.requestIdleCallback ?? setTimeout)(() => Object.values(VIEWS).forEach((load) => load().catch(() => {})), { timeout: 3_000 });
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash is the address of the view
  main.focus();
});
document.getElementById("language").addEventListener("click", () => {
  speak(language() === "en" ? "zh" : "en");
  dress();
  open({ focus: false });
});
document.getElementById("theme").addEventListener("click", turn);
dress();
watchLink();
say(main, t("loading"));
begin();
