// Light and dark: as the system has it until somebody chooses. Charts read their colours here.

const asked = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();

/** "light" or "dark", as it is shown now. */
export const theme = () => document.documentElement.dataset.theme ?? (asked.matches ? "dark" : "light");

/** Switches to the other and remembers it. */
export function turn() {
  const wanted = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = wanted;
  try {
    localStorage.setItem("theme", wanted);
  } catch {
    // not remembered, then
  }
  tell();
}

/** Calls `listen` whenever the colours change. */
export function onTheme(listen, signal) {
  listeners.add(listen);
  signal?.addEventListener("abort", () => listeners.delete(listen));
}

const tell = () => listeners.forEach((listen) => listen());
asked.addEventListener("change", tell);

/** A colour of tokens.css by name. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** The same, to be seen through. */
export const faint = (name, share) => `${colour(name)}${Math.round(255 * share).toString(16).padStart(2, "0")}`;

export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
