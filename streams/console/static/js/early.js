// Before the first paint: the theme and the language that were chosen here before, so that nothing flashes.
"use strict";
(() => {
  const stored = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null; // storage may be forbidden
    }
  };
  const root = document.documentElement;
  const theme = stored("theme");
  const asked = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = theme === "light" || theme === "dark" ? theme : asked;
  const language = stored("language") || navigator.language || "en";
  root.lang = language.startsWith("zh") ? "zh" : "en";
})();
