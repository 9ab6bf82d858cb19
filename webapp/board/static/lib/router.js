/** Which view is shown: the part of the address behind `#`. */
import { useEffect, useState } from "../vendor/preact-htm.js";

/** @returns {{name: string, rest: string[], query: URLSearchParams}} `#/plan/abc?x=1` → plan, ["abc"], x=1 */
export function route() {
  const [path, query = ""] = window.location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/").map(decodeURIComponent);
  return { name, rest, query: new URLSearchParams(query) };
}

/** The present route; the component is drawn again when it changes. */
export function useRoute() {
  const [found, setFound] = useState(route);
  useEffect(() => {
    const follow = () => setFound(route());
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  return found;
}

/** The address of a view: `to("plan", "abc")` → `#/plan/abc`. */
export function to(name, ...rest) {
  return `#/${[name, ...rest].map(encodeURIComponent).join("/")}`;
}

/** Show another view; with `replace` the present one is not gone back to. */
export function go(address, { replace = false } = {}) {
  if (replace) {
    window.history.replaceState(null, "", address);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    window.location.hash = address;
  }
}
