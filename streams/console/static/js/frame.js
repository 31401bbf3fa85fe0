// The frame around the views: names in the language, the light, the note about the connection, the foot.
import { h, put, say } from "./dom.js";
import { zoneName } from "./format.js";
import { language, t } from "./language.js";
import { meta } from "./meta.js";
import { connect, latest, link, on } from "./stream.js";
import { theme, onTheme } from "./theme.js";

const byId = (id) => document.getElementById(id);

/** Puts the frame into the language. */
export function dress() {
  say(byId("skip"), t("skip"));
  byId("views").setAttribute("aria-label", t("views"));
  for (const one of document.querySelectorAll("#views a")) say(one.querySelector("span"), t(`nav.${one.dataset.view}`));
  const other = byId("language");
  say(other, language() === "en" ? "中文" : "English");
  other.lang = language() === "en" ? "zh" : "en";
  other.setAttribute("aria-label", language() === "en" ? "中文 (switch to Chinese)" : "English（切换到英文）");
  nameTheme();
  put(byId("foot"), meta().version && h("span", {}, `profilestream ${meta().version}`),
    h("span", {}, t("foot.zone", zoneName())), meta().clock === "event" && h("span", {}, t("foot.event")));
  showLight();
  showLink();
}

function nameTheme() {
  const button = byId("theme");
  const words = t(theme() === "dark" ? "theme.light" : "theme.dark");
  button.setAttribute("aria-label", words);
  button.title = words;
}

/** Says in a word whether profiles are fresh, on every view. */
function showLight() {
  const slo = link.state === "gone" ? undefined : latest()?.slo;
  const state = slo?.state ?? "unknown";
  byId("light").dataset.state = state;
  say(byId("light").querySelector("span"), t(slo?.why?.includes("store_down") ? "slo.away" : `slo.${state}`));
}

/** Says when the console, or its store, does not answer. */
function showLink() {
  const banner = byId("banner");
  const down = latest()?.slo?.why?.includes("store_down") && link.state === "open";
  banner.hidden = !(link.state === "gone" || down);
  if (banner.hidden) return put(banner);
  if (down) {
    if (banner.dataset.says !== "store") put(banner, h("span", {}, t("banner.store")));
    banner.dataset.says = "store";
    return banner;
  }
  banner.dataset.says = "gone";
  const retry = h("button", { type: "button", class: "quiet", on: { click: connect } }, t("banner.now"));
  return put(banner, h("span", {}, t("banner.gone")), retry);
}

/** Keeps light and banner up to date. */
export function watchLink() {
  on("live", () => { showLight(); showLink(); });
  on("state", () => { showLight(); showLink(); });
  onTheme(nameTheme);
}
