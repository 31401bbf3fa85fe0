// Customer: the whole person on one screen. Read again every few seconds, and at once when a tag changes.
import { h, put } from "../../dom.js";
import { t } from "../../language.js";
import { empty, overlay } from "../../parts/notice.js";
import { link } from "../../router.js";
import { person } from "./person.js";
import { searchBox, suggestions } from "./search.js";

const EVERY_MS = 5_000;
const SOON_MS = 300;

export function open(scope, { steps }) {
  const id = steps.join("/");
  const title = h("h1", {}, id ? h("span", { class: "mono" }, id) : t("view.customer"));
  const body = h("div", {});
  const search = searchBox(scope, id);
  if (id) {
    put(scope.host, h("div", { class: "head customer-head" }, title, h("div", { class: "head-tools" }, search)), body);
    follow(scope, id, body);
  } else {
    put(scope.host, h("div", { class: "head" }, title), h("div", { class: "finding" }, search, suggestions(scope)));
    search.querySelector("input").focus();
  }
}

function follow(scope, id, body) {
  document.title = `${id} · profilestream`;
  let page;
  const show = (answer) => {
    overlay(scope.host);
    if (!page) {
      page = person(scope);
      put(body, page);
    }
    page.show(answer);
  };
  const fail = (error) => {
    if (error.kind !== "unknown") return overlay(scope.host, error, () => ask());
    overlay(scope.host);
    page = undefined;
    return put(body, empty(t("customer.unknown", id), t("customer.unknown.hint")),
      h("p", { class: "center" }, h("a", { href: link("customer") }, t("customer.other"))));
  };
  const ask = scope.poll(EVERY_MS, () => scope.ask("customer", { id }), show, fail);
  let soon;
  scope.on("change", (change) => {
    if (change.customer_id !== id) return;
    clearTimeout(soon);
    soon = setTimeout(ask, SOON_MS);
  });
  scope.signal.addEventListener("abort", () => clearTimeout(soon));
}
