/** Reading from the API in components. */
import { useCallback, useEffect, useRef, useState } from "../vendor/preact-htm.js";

/**
 * What `load` gives, and how that stands. While it is read again the old data stays.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {any[]} [deps] read again when one of these changes; the old data is dropped then
 * @returns {{data: T|null, problem: import("./api.js").Problem|null, loading: boolean, at: number|null, reload: () => Promise<void>}}
 *   `at`: when `data` was read, in milliseconds
 */
export function useLoad(load, deps = []) {
  const [state, setState] = useState({ data: null, problem: null, loading: true, at: null });
  const latest = useRef(load);
  latest.current = load;
  const running = useRef(null);

  // Asked again while it reads, it reads once more afterwards: so what is read is never older than the asking, and
  // however often it is asked, something comes of it.
  const reload = useCallback(() => {
    const present = running.current;
    if (present) {
      present.again = true;
      return present.done;
    }
    const mine = (running.current = new AbortController());
    const rounds = async () => {
      do {
        mine.again = false;
        setState((old) => ({ ...old, loading: true }));
        try {
          const data = await latest.current(mine.signal);
          if (!mine.signal.aborted) setState({ data, problem: null, loading: false, at: Date.now() });
        } catch (problem) {
          if (!mine.signal.aborted) setState((old) => ({ ...old, problem, loading: false }));
        }
      } while (mine.again && !mine.signal.aborted);
      if (running.current === mine) running.current = null;
    };
    mine.done = rounds();
    return mine.done;
  }, []);

  useEffect(() => {
    setState({ data: null, problem: null, loading: true, at: null });
    reload();
    return () => {
      running.current?.abort();
      running.current = null;
    };
  }, deps);

  return { ...state, reload };
}

/**
 * Something that the person does: `[run, {busy, problem, clear}]`. `run` gives back what `act` gives, or undefined when
 * it was refused; then `problem` says why. A second run while the first goes on does nothing.
 */
export function useAction(act) {
  const [state, setState] = useState({ busy: false, problem: null });
  const busy = useRef(false);
  const run = async (...given) => {
    if (busy.current) return undefined;
    busy.current = true;
    setState({ busy: true, problem: null });
    try {
      const done = await act(...given);
      setState({ busy: false, problem: null });
      return done;
    } catch (problem) {
      setState({ busy: false, problem });
      return undefined;
    } finally {
      busy.current = false;
    }
  };
  return [run, { ...state, clear: () => setState({ busy: false, problem: null }) }];
}

/** The present time in milliseconds, again every `every` milliseconds. */
export function useNow(every = 1000) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** Whether a media query holds, as `useMedia("(max-width: 47.9rem)")`. */
export function useMedia(query) {
  const [matches, setMatches] = useState(() => window.matchMedia(query).matches);
  useEffect(() => {
    const list = window.matchMedia(query);
    const follow = () => setMatches(list.matches);
    follow();
    list.addEventListener("change", follow);
    return () => list.removeEventListener("change", follow);
  }, [query]);
  return matches;
}

/** Whether the page is as narrow as a phone. */
export const useNarrow = () => useMedia("(max-width: 47.9rem)");
