// Before the first paint: the theme and the language that were chosen here before, so that nothing flashes.
"use strict";
(() => {
  const root = document.documentElement;
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    const language = localStorage.getItem("language") || navigator.language || "en";
    root.lang = language.startsWith("zh") ? "zh" : "en";
  } catch {
    // Storage may be forbidden: then the page is as the system has it.
  }
})();
