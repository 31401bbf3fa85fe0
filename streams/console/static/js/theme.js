// Light and dark: as the system has it until somebody chooses. Charts read their colours here.
// `early.js` set the theme that the page begins with.

const asked = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();
let chosen = false;
try {
  chosen = ["light", "dark"].includes(localStorage.getItem("theme"));
} catch {
  // storage may be forbidden
}

/** "light" or "dark", as it is shown now. */
export const theme = () => document.documentElement.dataset.theme;

/** Switches to the other and remembers it. */
export function turn() {
  chosen = true;
  show(theme() === "dark" ? "light" : "dark");
  try {
    localStorage.setItem("theme", theme());
  } catch {
    // not remembered, then
  }
}

function show(wanted) {
  document.documentElement.dataset.theme = wanted;
  listeners.forEach((listen) => listen());
}

/** Calls `listen` whenever the colours change. */
export function onTheme(listen, signal) {
  listeners.add(listen);
  signal?.addEventListener("abort", () => listeners.delete(listen));
}

asked.addEventListener("change", () => {
  if (!chosen) show(asked.matches ? "dark" : "light");
});

/** A colour of tokens.css by name. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** The same, to be seen through. */
export const faint = (name, share) => `${colour(name)}${Math.round(255 * share).toString(16).padStart(2, "0")}`;

export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
