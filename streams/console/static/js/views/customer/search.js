// Finds a customer: a combobox that offers ids as one types. Enter opens what is typed, or what is chosen.
import { h, put, say, uid } from "../../dom.js";
import { clock } from "../../format.js";
import { t } from "../../language.js";
import { tagLabel } from "../../meta.js";
import { customerLink } from "../../parts/chip.js";
import { empty, overlay } from "../../parts/notice.js";
import { panel } from "../../parts/panel.js";
import { go, link } from "../../router.js";
import { moved } from "./moments.js";

const PAUSE_MS = 150;
const SUGGESTED = 14;

export function searchBox(scope, value = "") {
  const id = uid("search");
  const list = h("ul", { id: `${id}-list`, role: "listbox", class: "options", "aria-label": t("search.found"), hidden: true });
  const input = h("input", { id, type: "search", role: "combobox", "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list",
    autocomplete: "off", spellcheck: "false", placeholder: t("search.hint"), "aria-label": t("search.label"), maxlength: 128 });
  const heard = h("span", { class: "away", role: "status" });
  let found = [];
  let at = -1;
  let timer;
  let asked = 0;
  input.value = value;

  const close = () => {
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = (i) => {
    at = i;
    [...list.children].forEach((one, j) => one.setAttribute("aria-selected", String(i === j)));
    const one = list.children[i];
    if (one) input.setAttribute("aria-activedescendant", one.id);
    one?.scrollIntoView({ block: "nearest" });
  };
  const openId = (customer) => {
    close();
    if (customer) go(link("customer", customer));
  };
  const offer = async () => {
    const mine = (asked += 1);
    const q = input.value.trim();
    if (!q) return close();
    const answer = await scope.ask("customers", { q }).catch(() => undefined);
    if (!answer || mine !== asked || scope.isOver) return undefined;
    found = answer.customers;
    put(list, found.map((one, i) => h("li", { id: `${id}-${i}`, role: "option", "aria-selected": "false", class: "mono",
      on: { mousedown: (event) => { event.preventDefault(); openId(one); } } }, one)));
    list.hidden = !found.length;
    at = -1;
    input.setAttribute("aria-expanded", String(found.length > 0));
    return say(heard, found.length ? t(answer.partial ? "search.some" : "search.count", found.length) : t("search.none"));
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(offer, PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !list.hidden) {
      event.preventDefault();
      mark((at + (event.key === "ArrowDown" ? 1 : -1) + found.length) % found.length);
    }
  });
  input.addEventListener("blur", close);
  return h("form", { class: "search", role: "search", on: { submit: (event) => {
    event.preventDefault();
    clearTimeout(timer);
    asked += 1;
    openId(at >= 0 ? found[at] : input.value.trim());
  } } }, input, h("button", { type: "submit" }, t("search.open")), list, heard);
}

/** Before one has chosen: those whose tags changed last, and how. */
export function suggestions(scope) {
  const node = h("div", { class: "suggestions" });
  const show = ({ changes }) => {
    overlay(scope.host);
    const last = [...new Map(changes.toReversed().map((change) => [change.customer_id, change])).values()];
    const rows = last.sort((a, b) => b.known_ms - a.known_ms).slice(0, SUGGESTED);
    put(node, rows.length
      ? panel(t("search.some.hint"), {}, h("ul", {}, rows.map(row)))
      : empty(t("feed.none"), t("search.none.hint")));
  };
  const ask = scope.poll(10_000, () => scope.ask("tag-changes", { limit: 200 }), show, (error) => overlay(scope.host, error, () => ask()));
  return node;
}

function row(change) {
  return h("li", {}, customerLink(change.customer_id), h("span", {}, tagLabel(change.tag), " ", moved(change)),
    h("time", { class: "soft" }, clock(change.known_ms)));
}
