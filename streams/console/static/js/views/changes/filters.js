// Which changes are asked for: a tag, a value, a direction.
import { h, uid } from "../../dom.js";
import { t } from "../../language.js";
import { meta, tagLabel } from "../../meta.js";

const DIRECTIONS = ["entered", "left", "changed", "corrected"];

/** A form over `wanted` {tag, direction, value}, changed in place before `changed` is called. */
export function filters(wanted, changed) {
  const option = (value, text, chosen) => h("option", { value, selected: value === chosen }, text);
  const select = (key, label, options) => {
    const id = uid("filter");
    return h("div", { class: "filter" }, h("label", { for: id }, label), h("select", { id, on: { change: (event) => {
      wanted[key] = event.target.value;
      changed();
    } } }, option("", t("filter.all"), wanted[key]), options));
  };
  const tags = meta().tags.map((tag) => [tag.id, tagLabel(tag.id)]).sort((a, b) => a[1].localeCompare(b[1]));
  const id = uid("filter");
  let timer;
  const value = h("input", { id, value: wanted.value, size: 14, maxlength: 64, placeholder: t("filter.value.hint"), autocomplete: "off", on: { input: (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      wanted.value = event.target.value.trim();
      changed();
    }, 300);
  } } });
  return h("form", { class: "filters", "aria-label": t("filters"), on: { submit: (event) => event.preventDefault() } },
    select("tag", t("tag"), tags.map(([tag, text]) => option(tag, text, wanted.tag))),
    select("direction", t("filter.direction"), DIRECTIONS.map((one) => option(one, t(`direction.${one}`), wanted.direction))),
    h("div", { class: "filter" }, h("label", { for: id }, t("filter.value")), value));
}
