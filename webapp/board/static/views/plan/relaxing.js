/**
 * Relaxations as things that can be done with one click.
 *
 * Each change has a place: a rule of this plan, which any planner may loosen, or somebody's record, which is an admin's
 * to change and holds beyond this plan. The words say which it is.
 */
import { get, put } from "../../lib/api.js";
import { number, words } from "../../lib/format.js";

const everyone = "for everybody in this plan";

/**
 * What applying a relaxation means.
 * @param {object} relaxation as the API gives it
 * @param {{asked: object, task: object|null, taskId: string, nameOf: (id: string) => string, isAdmin: boolean}} context
 * @returns {{label: string, short: string, scope: string, allowed: boolean, why: string, rules: object, forbidden: string[][], dropRequired: boolean,
 *   records: object[], pin: string[]|null}}
 *   `why` says why it is not `allowed`; `pin` is the pair that is placed by it
 */
export function actionOf(relaxation, context) {
  const parts = (relaxation.kind === "combined" ? relaxation.changes : [relaxation]).map((change) => partOf(change, context));
  const person = relaxation.employee_id ?? relaxation.changes?.find((change) => change.employee_id)?.employee_id ?? null;
  const records = parts.flatMap((part) => part.record ?? []);
  const impossible = parts.find((part) => part.impossible);
  const needsAdmin = records.length > 0 && !context.isAdmin;
  return {
    label: parts.map((part) => part.label).join(" and "),
    short: parts.map((part) => part.short ?? part.label).join(", "),
    scope: [...new Set(parts.map((part) => part.scope))].join(" "),
    allowed: !impossible && !needsAdmin,
    why: impossible?.impossible ?? (needsAdmin ? "An admin can change that record." : ""),
    rules: Object.assign({}, ...parts.map((part) => part.rules ?? {})),
    forbidden: parts.flatMap((part) => part.allow ?? []),
    dropRequired: parts.some((part) => part.dropRequired),
    records: merged(records),
    pin: person && [context.taskId, person],
  };
}

const short = (value) => String(Number(value.toFixed(2)));

const PARTS = {
  capacity: ({ employee_id: id, from, to }, { nameOf }) => ({
    label: `Give ${nameOf(id)} ${short(to - from)} h more`,
    short: `+${short(to - from)} h for ${nameOf(id)}`,
    scope: `Changes ${nameOf(id)}’s record: capacity ${short(from)} → ${short(to)} h, beyond this plan too.`,
    record: { kind: "employees", id, was: { max_workload: from }, becomes: { max_workload: to } },
  }),
  availability: ({ employee_id: id, from, to }, { nameOf }) => ({
    label: `Make ${nameOf(id)} ${to}`,
    scope: `Changes ${nameOf(id)}’s record: ${from} → ${to}, beyond this plan too.`,
    record: { kind: "employees", id, was: { availability_status: from }, becomes: { availability_status: to } },
  }),
  minimum_level: loweredLevel,
  max_assignments: ({ to }) => ({ label: `Allow ${to} each`, scope: `Raises the limit ${everyone}.`, rules: { max_assignments: to } }),
  department: () => ({ label: "Allow other departments", scope: `Drops the rule ${everyone}.`, rules: { require_department: false } }),
  dependency: ({ from }) => ({ label: "Plan it before it is ready", scope: `It waits for ${from}. Drops the rule for all tasks of this plan.`, rules: { ready_only: false } }),
  shift_end: () => ({ label: "Let it run past the shift", scope: `Drops the rule ${everyone}.`, rules: { respect_shift_end: false } }),
  pair: ({ employee_id: id, from }, { taskId, nameOf }) => {
    const dropRequired = from.startsWith("required");
    return dropRequired
      ? { label: "Drop the pin", scope: "Changes this plan only.", dropRequired }
      : { label: `Allow ${nameOf(id)} again`, scope: "Changes this plan only.", allow: [[taskId, id]] };
  },
};

function partOf(change, context) {
  const make = PARTS[change.kind];
  return make ? make(change, context) : { label: words(change.kind), scope: "", impossible: "This cannot be changed from here." };
}

/** A minimum is the task's own, or a rule of this plan, or both. */
function loweredLevel({ skill, from, to }, { asked, task }) {
  const label = to === null ? `Drop the minimum of ${skill}` : `Lower ${skill} to ${number(to, 2)}`;
  if (!task) return { label, scope: "", impossible: "The task is still being read." };
  const lowered = (levels) => {
    const name = Object.keys(levels).find((key) => key.toLowerCase() === skill && levels[key] > (to ?? 0));
    if (!name) return null;
    const { [name]: _, ...others } = levels;
    return to === null ? others : { ...others, [name]: to };
  };
  const [own, ofPlan] = [lowered(task.minimum_levels), lowered(asked.rules.minimum_levels)];
  if (!own && !ofPlan) return { label, scope: "", impossible: `The minimum is set under another name of ${skill}; lower it there.` };
  const scopes = [
    own && `Changes the task: ${skill} at least ${number(from, 2)} → ${to === null ? "no minimum" : number(to, 2)}.`,
    ofPlan && `Lowers the rule ${everyone}.`,
  ];
  return {
    label,
    scope: scopes.filter(Boolean).join(" "),
    ...(ofPlan ? { rules: { minimum_levels: ofPlan } } : {}),
    ...(own ? { record: { kind: "tasks", id: task.task_id, was: { minimum_levels: task.minimum_levels }, becomes: { minimum_levels: own } } } : {}),
  };
}

/** Changes of one record as one. */
function merged(records) {
  const byRecord = new Map();
  for (const { kind, id, was, becomes } of records) {
    const known = byRecord.get(`${kind}/${id}`) ?? { kind, id, was: {}, becomes: {} };
    byRecord.set(`${kind}/${id}`, { ...known, was: { ...was, ...known.was }, becomes: { ...known.becomes, ...becomes } });
  }
  return [...byRecord.values()];
}

/** What was asked, with the relaxation applied. */
export function relaxed(asked, { rules, forbidden, dropRequired, pin }, taskId) {
  const isLifted = ([task, person]) => forbidden.some(([t, p]) => t === task && p === person);
  const required = pin || dropRequired ? asked.required.filter(([task]) => task !== taskId) : asked.required;
  return {
    ...asked,
    rules: { ...asked.rules, ...rules },
    forbidden: asked.forbidden.filter((pair) => !isLifted(pair)),
    required: pin ? [...required, pin] : required,
  };
}

const addressOf = ({ kind, id }) => `${kind === "tasks" ? "/tasks" : "/api/employees"}/${encodeURIComponent(id)}`;

/** Change all of the records or none; what somebody else has changed meanwhile is left alone and refused. */
export async function changeRecords(records) {
  const done = [];
  try {
    for (const record of records) {
      await refuseChanged(record);
      await put(addressOf(record), record.becomes);
      done.unshift(record);
    }
  } catch (problem) {
    for (const record of done) await put(addressOf(record), record.was);
    throw problem;
  }
}

/** The way back. */
export const backwards = (records) => [...records].reverse().map(({ kind, id, was, becomes }) => ({ kind, id, was: becomes, becomes: was }));

async function refuseChanged(record) {
  const present = await get(addressOf(record));
  for (const [field, value] of Object.entries(record.was)) {
    if (JSON.stringify(sorted(present[field])) !== JSON.stringify(sorted(value))) {
      throw Object.assign(new Error(), { title: "Somebody has changed it meanwhile", detail: `${words(field)} of ${record.id} is no longer what this plan was made with. Plan again.` });
    }
  }
}

const sorted = (value) => (value && typeof value === "object" && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort()) : value);
