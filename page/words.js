// Every word that people see, in both languages, from words.json.

import { assetText } from "./assets.js";

let words = {};
let language = 0; // 0 English, 1 Chinese: places in words.json

/** Loads the words, and takes the language that was chosen last, or the browser's. */
export async function loadWords() {
  words = JSON.parse(await assetText("words.json"));
  const chosen = remembered("language") ?? navigator.language;
  setLanguage(chosen.startsWith("zh") ? 1 : 0);
}

/** The other language. */
export function switchLanguage() {
  setLanguage(1 - language);
  remember("language", language ? "zh-CN" : "en");
}

function setLanguage(next) {
  language = next;
  document.documentElement.lang = language ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", word(element.dataset.label));
  const button = document.getElementById("language");
  button.textContent = language ? "English" : "中文";
  button.lang = language ? "en" : "zh-CN";
  button.setAttribute("aria-label", word("language"));
}

/** A word, with {names} in it replaced. */
export function word(key, values = {}) {
  const text = words[key]?.[language] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** 0.987 as 98.7 %. */
export function percent(share, places = 1) {
  return `${(100 * share).toFixed(places)}${language ? "%" : " %"}`;
}

/** What was kept under a name, if the browser keeps anything. */
export function remembered(name) {
  try {
    return localStorage.getItem(`shuzi-${name}`);
  } catch {
    return null; // a page from a disk may not
  }
}

/** Keeps it. */
export function remember(name, value) {
  try {
    localStorage.setItem(`shuzi-${name}`, value);
  } catch {
    // then not
  }
}
