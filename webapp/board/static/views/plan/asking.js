/** What is asked of the planner: tasks, people, method and rules, and how that becomes the body of a call. */
import { get } from "../../lib/api.js";
import { count, words } from "../../lib/format.js";

/** Everything that waits, everybody, no rule beyond those that always hold. */
export const FRESH = Object.freeze({
  tasks: { filters: {}, all: true, ids: [] },
  people: { filters: {}, all: true, ids: [] },
  method: "greedy",
  weight: 0.3,
  seconds: 10,
  objective: "weighted",
  mandatory: false,
  rules: {
    max_assignments: null,
    minimum_levels: {},
    require_department: false,
    ready_only: false,
    respect_availability: true,
    respect_shift_end: false,
  },
  required: [],
  forbidden: [],
});

export const METHODS = [["greedy", "Greedy"], ["balanced", "Balanced"], ["optimal", "Optimal"]];

/** The two lists that are chosen from, and what the API calls them. */
export const LISTS = {
  tasks: { path: "/tasks", key: "task_id", always: { status: "pending" }, one: "pending task", none: "No tasks" },
  people: { path: "/api/employees", key: "employee_id", always: {}, one: "person", many: "people", none: "No people" },
};

const PAGE = 200;

/** Whether a choice is the whole list. */
export const isWhole = ({ filters, all, ids }) => all && ids.length === 0 && Object.values(filters).every((value) => !value);

/** The parameters of the list that a choice looks at. */
export const queryOf = (kind, { filters }) => ({ ...filters, ...LISTS[kind].always });

/** A choice in words: "all 318 pending tasks", "12 chosen people". `total` is of the whole list. */
export function choiceInWords(kind, choice, total) {
  const { one, many = `${one}s`, none } = LISTS[kind];
  if (isWhole(choice)) return total === null ? `All ${many}` : total === 0 ? none : `All ${total >= 10_000 ? "10,000 or more" : count(total)} ${total === 1 ? one : many}`;
  if (!choice.all) return `${count(choice.ids.length)} chosen ${choice.ids.length === 1 ? one : many}`;
  const filters = Object.values(choice.filters).filter(Boolean).map(words).join(", ");
  const without = choice.ids.length ? ` without ${count(choice.ids.length)}` : "";
  return `${filters ? `${many}: ${filters}` : `All ${many}`}${without}`.replace(/^./, (c) => c.toUpperCase());
}

/** The ids of a choice; undefined for the whole list, which the API takes when nothing is said. */
async function idsOf(kind, choice, signal) {
  if (isWhole(choice)) return undefined;
  if (!choice.all) return choice.ids;
  const { path, key } = LISTS[kind];
  const without = new Set(choice.ids);
  const found = [];
  let after;
  do {
    const page = await get(path, { ...queryOf(kind, choice), limit: PAGE, after }, { signal });
    found.push(...page.items.map((item) => item[key]).filter((id) => !without.has(id)));
    after = page.next_after;
  } while (after);
  return found;
}

/** The body of `POST /api/assignments/preview`. Pairs of tasks or people that are left out are left out too. */
export async function bodyOf(asked, signal) {
  const [task_ids, employee_ids] = await Promise.all([idsOf("tasks", asked.tasks, signal), idsOf("people", asked.people, signal)]);
  const within = (ids, index) => {
    const known = ids && new Set(ids);
    return (pair) => !known || known.has(pair[index]);
  };
  const [ofTasks, ofPeople] = [within(task_ids, 0), within(employee_ids, 1)];
  const pairs = (list) => list.filter((pair) => ofTasks(pair) && ofPeople(pair));
  const constraints = { ...asked.rules, required: pairs(asked.required), forbidden: pairs(asked.forbidden) };
  return { method: asked.method, ...optionsOf(asked), constraints, task_ids, employee_ids };
}

function optionsOf({ method, weight, seconds, objective, mandatory }) {
  if (method === "balanced") return { weight };
  if (method === "optimal") return { time_budget_seconds: seconds, objective, mandatory };
  return {};
}

/** `python:0.6; sql` as an object; null where it cannot be read. */
export function readLevels(text) {
  const levels = {};
  for (const part of text.split(";").map((piece) => piece.trim()).filter(Boolean)) {
    const [, name, level] = part.match(/^([^:]+?)\s*(?::\s*([\d.]+))?$/) ?? [];
    const value = level === undefined ? 1 : Number(level);
    if (!name || !(value > 0 && value <= 1)) return null;
    levels[name.toLowerCase()] = value;
  }
  return levels;
}

export const writeLevels = (levels) => Object.entries(levels).map(([name, level]) => `${name}:${level}`).join("; ");

/** The rules that are on, in words. */
export function rulesInWords(rules) {
  return [
    rules.max_assignments !== null && `at most ${rules.max_assignments} each`,
    Object.keys(rules.minimum_levels).length > 0 && `levels ${writeLevels(rules.minimum_levels)}`,
    rules.require_department && "own department only",
    rules.ready_only && "ready tasks only",
    !rules.respect_availability && "whatever their availability",
    rules.respect_shift_end && "within the shift",
  ].filter(Boolean);
}

const SAVED = "board-plan:";

/** Keep what was asked for a preview, for as long as this tab lives; where that is not possible it is forgotten. */
export function keepAsked(previewId, asked) {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(SAVED)) sessionStorage.removeItem(key);
    sessionStorage.setItem(SAVED + previewId, JSON.stringify(asked));
  } catch {
    // A browser that keeps nothing plans with everything after a reload.
  }
}

/** What was asked for a preview: as kept, otherwise as far as the API knows it. */
export function recalledAsked(preview, outcome) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(SAVED + preview.preview_id));
    if (kept) return kept;
  } catch {
    // The same.
  }
  const { required, forbidden, ...rules } = outcome.constraints;
  return { ...FRESH, method: preview.method, objective: preview.report.objective, required, forbidden, rules: { ...FRESH.rules, ...rules } };
}
