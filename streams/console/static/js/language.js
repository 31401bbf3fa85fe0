// The two languages: texts by key, names of things by group. What has no word is shown under its own name.
import { names as namesEn } from "./words/names_en.js";
import { names as namesZh } from "./words/names_zh.js";
import { words as en } from "./words/en.js";
import { words as zh } from "./words/zh.js";

const WORDS = { en, zh };
const NAMES = { en: namesEn, zh: namesZh };

/** "en" or "zh". */
export const language = () => (document.documentElement.lang === "zh" ? "zh" : "en");

/** What BCP 47 calls it; English writes the day first, so that no date can be misread. */
export const locale = () => (language() === "zh" ? "zh-CN" : "en-GB");

/** Switches and remembers. */
export function speak(wanted) {
  document.documentElement.lang = wanted;
  try {
    localStorage.setItem("language", wanted);
  } catch {
    // not remembered, then
  }
}

/** A text of the page; a function among the words gets `args`. */
export function t(key, ...args) {
  const found = WORDS[language()][key];
  if (found === undefined) return key;
  return typeof found === "function" ? found(...args) : found;
}

/** A name of the document in words: ("stage", "at_risk") -> "at risk". */
export function named(group, name) {
  if (name === null || name === undefined) return "–";
  if (hasName(group, name)) return NAMES[language()][group][name];
  const word = (one) => (hasName(`${group}-word`, one) ? NAMES[language()][`${group}-word`][one] : one); // made of words
  return String(name).split("_").map(word).join(" ");
}

/** Whether there is a word for it. */
export const hasName = (group, name) => Object.hasOwn(NAMES[language()][group] ?? {}, name);
