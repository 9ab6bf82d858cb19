/** Shortcuts: single keys, and `g` followed by a letter. They never work while somebody types. */
import { useEffect } from "../vendor/preact-htm.js";

const sets = new Set();
let leader = null;

/**
 * Shortcuts of a component, for as long as it is shown.
 * @param {string} title what the list under `?` calls them
 * @param {Record<string, [string, () => void]>} keys key (`r`, `/`, `g n`) → what it does, in words and in fact
 */
export function useKeys(title, keys) {
  useEffect(() => {
    const set = { title, keys };
    sets.add(set);
    return () => sets.delete(set);
  });
}

/** All shortcuts that work at the moment: `[{title, keys: [[key, words]]}]`. */
export function shortcuts() {
  return [...sets].map(({ title, keys }) => ({
    title,
    keys: Object.entries(keys).map(([key, [words]]) => [key, words]),
  }));
}

/** Listen for shortcuts; once for the whole page. */
export function listenForKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const key = leader ? `${leader} ${event.key}` : event.key;
    leader = null;
    for (const { keys } of [...sets].reverse()) {
      if (keys[key]) {
        event.preventDefault();
        keys[key][1]();
        return;
      }
    }
    if ([...sets].some(({ keys }) => Object.keys(keys).some((k) => k.startsWith(`${event.key} `)))) {
      leader = event.key;
      setTimeout(() => (leader = null), 1500);
    }
  });
}

function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(input|select|textarea)$/i.test(target.tagName));
}
