// Dials: recency, frequency and money of five, health of a hundred and what it is made of.
import { h, put } from "../../dom.js";
import { number, percent } from "../../format.js";
import { named, t } from "../../language.js";
import { bars } from "../../parts/bars.js";
import { tone } from "../../parts/chip.js";
import { dial } from "../../parts/dial.js";
import { panel } from "../../parts/panel.js";

export function standing() {
  const dials = h("div", { class: "dials" });
  const parts = h("div", {});
  const node = panel(t("standing"), {}, dials, parts);
  node.show = ({ doc }) => {
    const { rfm = {}, health } = doc;
    node.hidden = rfm.r === undefined && !health;
    put(dials, ["r", "f", "m"].filter((name) => rfm[name] !== undefined).map((name) => dial({
      share: rfm[name] / 5, text: String(rfm[name]), label: t(`dial.${name}`), steps: 5, says: t("dial.says", t(`dial.${name}`), rfm[name]),
    })), health && healthDial(health));
    put(parts, health?.components && bars(Object.entries(health.components).map(([name, share]) => ({
      name: named("component", name), share, text: percent(share), mark: share < 0.4 ? "warn" : "",
    })), "thin"));
  };
  return node;
}

function healthDial({ score, band }) {
  const word = named("band", band);
  return dial({ share: score / 100, text: number(score), label: word, tone: tone(band), says: t("dial.health", number(score), word) });
}
