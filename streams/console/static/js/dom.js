// Builds elements. What comes from outside goes in as text or as an attribute, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element: `on` are listeners, `data` data-attributes, `vars` CSS variables, all else attributes. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same of SVG. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [type, listen] of Object.entries(value)) node.addEventListener(type, listen);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "vars") for (const [key, v] of Object.entries(value)) node.style.setProperty(key, v);
    else if (name === "class") node.setAttribute("class", value);
    else if (name === "href" && !String(value).startsWith("#")) throw new Error("links stay on the page");
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...flat(children));
  return node;
}

function flat(children) {
  return children.flat(3).filter((one) => one !== null && one !== undefined && one !== false && one !== "");
}

/** Replaces what a node holds. */
export function put(node, ...children) {
  node.replaceChildren(...flat(children));
  return node;
}

/** Sets a text only where it differs: what does not change is not announced and not laid out again. */
export function say(node, text) {
  const wanted = String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
  return node;
}

let last = 0;

/** An id that no other element has. */
export const uid = (prefix) => `${prefix}-${(last += 1)}`;
