/** The state of the view: what is asked, the plan that is shown, what was done by hand and how to take it back. */
import { useCallback, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { get, post } from "../../lib/api.js";
import { plural } from "../../lib/format.js";
import { say } from "../../lib/parts.js";
import { go, to } from "../../lib/router.js";
import { bodyOf, FRESH, keepAsked, METHODS, recalledAsked } from "./asking.js";
import { backwards, changeRecords } from "./relaxing.js";

const PREVIEW = "/api/assignments/preview";
const FINALIZE = "/api/assignments/finalize";
const HANDS = ["required", "forbidden", "rules"];

/**
 * @param {string|undefined} previewId the plan in the address, if any
 * @param {{refresh: () => void}} tasks records that grow old when a plan is made anew
 * @param {{reload: () => void}} people the same
 */
export function usePlanner(previewId, tasks, people) {
  const [asked, setAsked] = useState(FRESH);
  const [shown, setShown] = useState(null); // {preview, asked, seconds, held, since}
  const [running, setRunning] = useState(null); // {words, since, seconds, stop}
  const [problem, setProblem] = useState(null);
  const [made, setMade] = useState(null); // what finalizing answered
  const [compared, setCompared] = useState(null); // method → {preview, seconds} | {problem} | "waiting"
  const [undoable, setUndoable] = useState([]);
  const current = useRef(null);

  const begin = useCallback((words, seconds = null) => {
    current.current?.abort();
    const mine = (current.current = new AbortController());
    setProblem(null);
    setRunning({ words, since: Date.now(), seconds, stop: () => mine.abort() });
    return mine;
  }, []);
  const end = (mine) => current.current === mine && setRunning(null);
  useEffect(() => () => current.current?.abort(), []);

  const show = useCallback((next, { remember = true } = {}) => {
    setShown(next);
    setMade(null);
    if (!next) return go(to("plan"), { replace: true });
    if (remember) keepAsked(next.preview.preview_id, next.asked);
    return go(to("plan", next.preview.preview_id), { replace: true });
  }, []);

  /** Plan; gives back whether there is a new plan. What is `held` has the person whom it has in the plan before. */
  const plan = useCallback(async (next, words, held = []) => {
    const mine = begin(words, next.method === "optimal" ? next.seconds : null);
    try {
      const found = await solved({ ...next, required: [...next.required, ...held] }, mine.signal);
      tasks.refresh();
      const since = shown && differences(shown.preview, found.preview);
      show({ ...found, asked: next, held: held.length > 0, since });
      say(since ? differencesInWords(since) : inWords(found.preview));
      return true;
    } catch (caught) {
      if (held.length > 0 && caught.status === 422) {
        say("Not everything can stay as it was; everything is planned again.");
        return plan(next, words);
      }
      if (caught.name === "AbortError") say(shown ? "Stopped. The plan before is still shown." : "Stopped.");
      else setProblem(caught);
      return false;
    } finally {
      end(mine);
    }
  }, [shown]);

  /**
   * Something done by hand: change records if need be, remember the way back, and plan again unless `later`; with `hold`
   * everybody keeps what they have.
   */
  const change = useCallback(async (words, next, { records = [], later = false, hold = false } = {}) => {
    setProblem(null);
    try {
      await changeRecords(records);
    } catch (caught) {
      setProblem(caught);
      return false;
    }
    if (records.length) people.reload();
    setUndoable((old) => [...old, { words, hands: pick(asked), shown, records }]);
    setAsked(next);
    if (later) say(`${words}. It counts when you plan again.`);
    return later || plan(next, words, hold && shown ? pairsBeside(shown.preview, next) : []);
  }, [asked, shown, plan]);

  const undo = useCallback(async () => {
    const last = undoable.at(-1);
    if (!last) return;
    try {
      await changeRecords(backwards(last.records));
    } catch (caught) {
      setProblem(caught);
      return;
    }
    if (last.records.length) people.reload();
    current.current?.abort();
    setProblem(null);
    setUndoable((old) => old.slice(0, -1));
    setAsked((old) => ({ ...old, ...last.hands }));
    if (last.shown) show(last.shown);
    say(`Taken back: ${last.words}.`);
  }, [undoable]);

  const compare = useCallback(async () => {
    const mine = begin("Comparing three methods");
    const found = Object.fromEntries(METHODS.map(([method]) => [method, "waiting"]));
    setCompared({ ...found });
    for (const [method, name] of METHODS) {
      setRunning((old) => old && { ...old, words: `Comparing: ${name.toLowerCase()}`, since: Date.now(), seconds: method === "optimal" ? asked.seconds : null });
      const own = { ...asked, method, objective: "weighted" };
      try {
        found[method] = { ...(await solved(own, mine.signal)), asked: own };
      } catch (caught) {
        if (caught.name === "AbortError") break;
        found[method] = { problem: caught };
      }
      setCompared({ ...found });
    }
    if (mine.signal.aborted) setCompared(null);
    else say("The three methods are compared.");
    end(mine);
  }, [asked]);

  /** Make the plan real; a conflict is thrown with its differences. */
  const finalize = useCallback(async (onConflict) => {
    const result = await post(`${FINALIZE}/${shown.preview.preview_id}`, { on_conflict: onConflict });
    setMade(result);
    setCompared(null);
    setUndoable([]);
    tasks.refresh();
    people.reload();
    say(`${result.assignments.length} assignments are real.`);
    return result;
  }, [shown]);

  /** Begin anew: what was set by hand for the last plan is of no use for the next. */
  const restart = useCallback(() => {
    setAsked((old) => ({ ...old, required: [], forbidden: [], tasks: FRESH.tasks }));
    setUndoable([]);
    setProblem(null);
    show(null);
  }, []);

  useEffect(() => {
    if (!previewId || previewId === shown?.preview.preview_id) return;
    const mine = begin("Opening the plan");
    const read = (base) => get(`${base}/${encodeURIComponent(previewId)}`, {}, { signal: mine.signal });
    Promise.all([read(PREVIEW), read(FINALIZE)])
      .then(([preview, outcome]) => {
        const was = recalledAsked(preview, outcome);
        setAsked(was);
        setShown({ preview, asked: was, seconds: null });
        setMade(outcome.result);
      })
      .catch((caught) => caught.name !== "AbortError" && setProblem(caught))
      .finally(() => end(mine));
  }, [previewId]);

  return {
    asked, setAsked, shown, running, problem, made, compared, undoable,
    plan, change, undo, compare, finalize, restart,
    use: (found) => { setAsked(found.asked); show(found); },
    closeCompared: () => setCompared(null),
    clearProblem: () => setProblem(null),
  };
}

const pick = (asked) => Object.fromEntries(HANDS.map((name) => [name, asked[name]]));

/** The pairs of a plan, without tasks that were pinned and pairs that were ruled out since. */
function pairsBeside({ assignments }, { required, forbidden }) {
  const pinned = new Set(required.map(([task]) => task));
  const out = new Set(forbidden.map((pair) => pair.join(" ")));
  return assignments.map((row) => [row.task_id, row.employee_id]).filter((pair) => !pinned.has(pair[0]) && !out.has(pair.join(" ")));
}

async function solved(asked, signal) {
  const body = await bodyOf(asked, signal);
  const begun = performance.now();
  const preview = await post(PREVIEW, body, { signal });
  return { preview, seconds: (performance.now() - begun) / 1000 };
}

const inWords = ({ assignments, unassigned }) =>
  `${assignments.length} of ${assignments.length + unassigned.length} tasks have a person in this plan.`;

/** How a plan differs from the one before, in tasks: `{more, fewer, moved}`. */
export function differences(before, after) {
  const had = new Map(before.assignments.map((row) => [row.task_id, row.employee_id]));
  const has = new Set(after.assignments.map((row) => row.task_id));
  return {
    more: after.assignments.filter((row) => !had.has(row.task_id)).length,
    fewer: before.assignments.filter((row) => !has.has(row.task_id)).length,
    moved: after.assignments.filter((row) => had.has(row.task_id) && had.get(row.task_id) !== row.employee_id).length,
  };
}

/** The same as a sentence. */
export function differencesInWords({ more, fewer, moved }) {
  const parts = [more && `${plural(more, "task")} more with a person`, fewer && `${plural(fewer, "task")} without`, moved && `${plural(moved, "task")} with somebody else`].filter(Boolean);
  return parts.length ? `Unlike the plan before: ${parts.join(", ")}.` : "The same as the plan before.";
}

/** Whether the plan that is shown was made with what is asked now. */
export const isCurrent = ({ asked, shown }) => shown !== null && JSON.stringify(shown.asked) === JSON.stringify(asked);
