// What lies in the cart, and since when.
import { h, put } from "../../dom.js";
import { apart, money, ms, number } from "../../format.js";
import { named, t } from "../../language.js";
import { chip, tone } from "../../parts/chip.js";
import { panel } from "../../parts/panel.js";
import { table } from "../../parts/table.js";

export function cart() {
  const body = h("div", {});
  const node = panel(t("cart"), { note: "" }, body);
  node.show = ({ doc }) => {
    const { cart: now, abandoned } = doc.journey ?? {};
    node.hidden = !doc.journey;
    node.querySelector(".note").textContent = now ? t("cart.note", number(now.qty, 3), money(now.value_minor)) : "";
    if (!now) {
      put(body, h("p", { class: "soft" }, t(abandoned === "browse" ? "cart.browse" : "cart.empty")));
      return;
    }
    const lines = now.lines ?? [];
    const shown = lines.reduce((all, line) => all + line.qty, 0);
    put(body, h("p", {}, chip(named("cart", now.state), tone(now.state)), h("span", { class: "soft" }, ` ${t("cart.since", apart(ms(now.since), ms(doc.as_of)), apart(ms(now.idle_since), ms(doc.as_of)))}`)),
      table(t("cart"), [{ text: t("cart.sku") }, { text: t("cart.qty"), num: true }, { text: t("cart.price"), num: true }],
        lines.map((line) => [h("span", { class: "mono" }, line.sku), number(line.qty, 3), money(line.price_minor)]), "plain"),
      now.qty - shown > 0.001 && h("p", { class: "soft" }, t("cart.more", number(now.qty - shown, 3))));
  };
  return node;
}
