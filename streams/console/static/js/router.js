// Which view the address names: #/customer/<id>, #/changes?tag=vip. Whatever else is the first view.

/** The address taken apart: the view's name, the steps behind it, and the query. */
export function here() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view = "", ...steps] = path.split("/").map(decoded);
  return { view: view || "live", steps, query: new URLSearchParams(query) };
}

function decoded(step) {
  try {
    return decodeURIComponent(step);
  } catch {
    return step; // not encoded by us
  }
}

/** An address on this page: link("customer", "a/b") -> "#/customer/a%2Fb". */
export function link(view, ...steps) {
  return `#/${[view, ...steps.map(encodeURIComponent)].join("/")}`;
}

/** The same with a query; what is empty is left out. */
export function queried(view, query) {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  return asked.size ? `#/${view}?${asked}` : `#/${view}`;
}

export const go = (address) => { location.hash = address; };

/** Changes the address without opening the view again. */
export const note = (address) => history.replaceState(null, "", address);
