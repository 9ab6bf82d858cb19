/** The people and the tasks that a plan names by their ids. */
import { useCallback, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { get } from "../../lib/api.js";

const PEOPLE_AT_ONCE = 200;
const MOST_PEOPLE = 5_000;
const TASKS_AT_ONCE = 100;
const CALLS_AT_ONCE = 2;

/** Everybody, up to a number; `nameOf` gives the id where somebody is not known. */
export function usePeople() {
  const [known, setKnown] = useState(() => new Map());
  const read = useCallback(async () => {
    const found = new Map();
    let after;
    do {
      const page = await get("/api/employees", { limit: PEOPLE_AT_ONCE, after });
      for (const person of page.items) found.set(person.employee_id, person);
      after = page.next_after;
    } while (after && found.size < MOST_PEOPLE);
    setKnown(found);
  }, []);
  const reload = useCallback(() => read().catch(() => {}), [read]); // without names there are ids
  useEffect(() => {
    reload();
  }, []);
  const nameOf = useCallback((id) => known.get(id)?.name ?? id, [known]);
  return { known, nameOf, reload };
}

/**
 * Tasks, read as they are wanted; what is gone is null. `version` changes whenever more is known.
 * @returns {{of: (id: string) => object|null|undefined, titleOf: (id: string) => string, want: (ids: string[]) => void,
 *   refresh: () => void, missing: (ids: string[]) => number, version: number}}
 *   `refresh`: what is known stays in view, but is read again when it is wanted
 */
export function useTaskRecords() {
  const [version, setVersion] = useState(0);
  const store = useRef({ known: new Map(), stale: new Set(), waiting: new Set(), calls: 0 });

  const pump = useCallback(async () => {
    const s = store.current;
    if (s.calls >= CALLS_AT_ONCE || s.waiting.size === 0) return;
    s.calls += 1;
    const ids = [...s.waiting].slice(-TASKS_AT_ONCE); // what was wanted last is what is looked at
    for (const id of ids) s.waiting.delete(id);
    try {
      const page = await get("/tasks", { ids: ids.join(","), limit: TASKS_AT_ONCE });
      for (const id of ids) {
        s.known.set(id, null);
        s.stale.delete(id);
      }
      for (const task of page.items) s.known.set(task.task_id, task);
    } catch {
      // They keep their ids for a title, and are read when they are wanted again.
    }
    s.calls -= 1;
    setVersion((n) => n + 1);
    pump();
  }, []);

  const want = useCallback((ids) => {
    const s = store.current;
    for (const id of ids) {
      if (s.known.has(id) && !s.stale.has(id)) continue;
      s.waiting.delete(id);
      s.waiting.add(id);
    }
    for (let n = 0; n < CALLS_AT_ONCE; n += 1) pump();
  }, []);

  const refresh = useCallback(() => {
    store.current.stale = new Set(store.current.known.keys());
  }, []);

  const of = (id) => store.current.known.get(id);
  const missing = (ids) => ids.reduce((n, id) => n + (store.current.known.has(id) ? 0 : 1), 0);
  return { of, titleOf: (id) => of(id)?.title || id, want, refresh, missing, version };
}
