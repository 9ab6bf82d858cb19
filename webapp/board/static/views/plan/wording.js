/** Numbers of a plan as sentences: features, contributions, reasons, relaxations. */
import { count, duration, hours, moment, number, percent, words } from "../../lib/format.js";

const level = (value) => ["none", "low", "medium", "high", "critical"][value] ?? number(value);
const present = (value) => (value >= 1 ? "available" : value > 0 ? "partly available" : "not available");

/** Feature → its name, and how a value reads. */
const FEATURES = {
  experience_years: ["experience", (v) => `${number(v, 1)} years`],
  workload_ratio: ["load so far", percent],
  availability: ["availability", present],
  performance: ["rating", (v) => `${number(v * 5, 1)} of 5`],
  active_tasks: ["active tasks", count],
  avg_completion_hours: ["usual time for a task", hours],
  priority: ["priority of the task", level],
  complexity: ["complexity of the task", number],
  estimated_hours: ["estimated time", hours],
  time_pressure: ["time pressure", percent],
  dependencies: ["tasks it waits for", count],
  task_age_hours: ["age of the task", (v) => duration(v * 3600)],
  skill_match: ["skill match", number],
  experience_complexity_ratio: ["experience for its complexity", number],
  capacity_fit: ["hours left afterwards", percent],
  department_match: ["work for its department", percent],
  success_rate: ["success with such tasks", percent],
  experience_match: ["experience match", number],
  workload: ["free capacity", percent],
};

/** What a feature is called. */
export const featureName = (feature) => FEATURES[feature]?.[0] ?? words(feature);

/** A term of an explanation in words: its name, its value. */
export function termInWords({ feature, value }) {
  const [name, show] = FEATURES[feature] ?? [words(feature), (v) => number(v)];
  return { name, value: value === null ? "not known" : show(value) };
}

/** +0.41, −0.08 */
export const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

/** What matters most in an explanation: "Skill match 1.00 raises it most (+1.20), then …; time pressure 79 % lowers it (−0.81)." */
export function explanationInWords({ terms, note }) {
  const sorted = [...terms].sort((a, b) => b.contribution - a.contribution);
  const said = (term) => {
    const { name, value } = termInWords(term);
    return `${name} ${value}`;
  };
  const least = Math.max(0.005, ...terms.map(({ contribution }) => Math.abs(contribution) / 10));
  const raising = worthSaying(sorted.filter(({ contribution }) => contribution >= least));
  const lowering = worthSaying(sorted.filter(({ contribution }) => contribution <= -least).reverse());
  const up = raising.map((term, n) => (n ? `then ${said(term)} (${signed(term.contribution)})` : `${said(term)} raises it most (${signed(term.contribution)})`)).join(", ");
  const down = lowering.map((term, n) => (n ? `and ${said(term)} (${signed(term.contribution)})` : `${said(term)} lowers it${lowering.length > 1 || !raising.length ? " most" : ""} (${signed(term.contribution)})`)).join(", ");
  return [up, down, note].filter(Boolean).map((part) => `${part[0].toUpperCase()}${part.slice(1)}.`).join(" ");
}

/** The first, and the second where it is not small beside it. */
const worthSaying = (terms) => terms.slice(0, 2).filter(({ contribution }) => Math.abs(contribution) >= Math.abs(terms[0].contribution) / 4);

/** 98.5, 12,350 */
export const amount = (value) => (value >= 1000 ? count(value) : number(value, 1));

/** What the contributions are measured in, and how they add up to the score. */
export function unitInWords({ unit, base, terms }, score) {
  const sum = terms.reduce((total, { contribution }) => total + contribution, 0);
  if (unit === "log-odds") {
    return `In log-odds, which add up: everybody starts at ${signed(base)}, these terms come to ${signed(sum)}, together a probability of ${number(score)} that it ends well.`;
  }
  return `In points of the score, which add up to ${number(score)}. It ranks people; it is not a probability.`;
}

/** Terms for a plot: the largest by themselves, the small ones as one. */
export function termRows({ terms }, most = 7) {
  const sorted = [...terms].filter(({ contribution }) => contribution !== 0).sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  const rows = sorted.slice(0, most).map((term) => {
    const { name, value } = termInWords(term);
    return { key: term.feature, name, note: value, value: term.contribution };
  });
  const rest = sorted.slice(most);
  if (rest.length > 1) rows.push({ key: "", name: `${rest.length} smaller ones`, note: "together", value: rest.reduce((total, { contribution }) => total + contribution, 0) });
  else if (rest.length) rows.push({ key: rest[0].feature, name: termInWords(rest[0]).name, note: termInWords(rest[0]).value, value: rest[0].contribution });
  return rows;
}

export const REASONS = {
  capacity: "no hours left",
  minimum_level: "a skill below the minimum",
  max_assignments: "as many tasks as allowed",
  availability: "not available",
  department: "another department",
  pair: "pairs set by hand",
  dependency: "waits for other tasks",
  shift_end: "the shift ends too early",
  rejected: "rejected it before",
  no_data: "nothing known to score by",
  no_employees: "nobody in this plan",
};

/** The codes of reasons in words, the first first. */
export const reasonsInWords = (reasons) => reasons.map(({ code }) => REASONS[code] ?? words(code)).join(", ");

/** A field of a task as people read it, for differences. */
export function valueInWords(field, value) {
  if (value === null || value === undefined) return "not set";
  if (field === "deadline") return moment(value);
  if (field === "estimated_hours") return hours(value);
  if (Array.isArray(value)) return value.length ? value.join(", ") : "none";
  if (typeof value === "object") return Object.entries(value).map(([name, share]) => `${name} ${number(share, 2)}`).join(", ") || "none";
  return words(String(value));
}

export const CONFLICTS = {
  taken: "somebody has it already",
  changed: "it was changed",
  refused: "it does not fit any more",
  gone: "it is gone",
};
