/** One task: what it is, and who could take it at this moment. */
import { html } from "../vendor/preact-htm.js";
import { get } from "../lib/api.js";
import { hours, number, percent, words } from "../lib/format.js";
import { useLoad } from "../lib/hooks.js";
import { Dialog, Empty, Loaded, Priority, Status, Time } from "../lib/parts.js";

/** @param {{taskId: string, onClose: () => void}} props */
export function TaskDialog({ taskId, onClose }) {
  const path = `/tasks/${encodeURIComponent(taskId)}`;
  const task = useLoad((signal) => get(path, {}, { signal }), [taskId]);
  const title = task.data?.title || taskId;
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <${Loaded} of=${task} lines=${4}>${(shown) => html`<${TaskFacts} task=${shown} />${shown.status === "pending" && html`<${Candidates} path=${path} />`}`}<//>
  <//>`;
}

/** What is known of a task, as pairs; with `own` without what its person sees beside it. */
export function TaskFacts({ task, own = false }) {
  const skills = task.required_skills && Object.entries(task.required_skills);
  const facts = [
    !own && ["Priority", html`<${Priority} value=${task.priority} />`],
    !own && ["Status", html`<${Status} value=${task.status} />`],
    !own && task.assigned_to_id && ["With", html`<${Name} of=${task.assigned_to_id} />`],
    ["Needs", skills ? (skills.length ? skills.map(([skill, level]) => `${skill} ${number(level, 1)}`).join(", ") : "no skill in particular") : "not known yet"],
    task.estimated_hours && ["Takes about", hours(task.estimated_hours)],
    task.deadline && ["Until", html`<${Time} value=${task.deadline} />`],
    task.category && ["Category", words(task.category)],
    task.department && ["Department", task.department],
    task.dependencies.length > 0 && ["Comes after", task.dependencies.join(", ")],
    ["Came", html`<${Time} value=${task.created_at} as="relative" />`],
    ["Id", html`<code>${task.task_id}</code>`],
  ].filter(Boolean);
  return html`${task.description && html`<p class="prose">${task.description}</p>`}
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** What somebody is called; the id where nobody can say. */
const nameOf = (id, signal) => get(`/api/employees/${encodeURIComponent(id)}`, {}, { signal }).then((person) => person.name ?? id, () => id);

function Name({ of: id }) {
  const name = useLoad((signal) => nameOf(id, signal), [id]);
  return html`<span title=${id}>${name.data ?? id}</span>`;
}

function Candidates({ path }) {
  const found = useLoad(async (signal) => {
    const answer = await get(`${path}/candidates`, { top_k: 3, live: true }, { signal });
    const names = await Promise.all(answer.candidates.map(({ employee_id: id }) => nameOf(id, signal)));
    return { ...answer, candidates: answer.candidates.map((one, n) => ({ ...one, name: names[n] })) };
  }, [path]);
  return html`<section><h3>Who could take it now</h3>
    <${Loaded} of=${found}>${({ candidates, ineligible, scorer }) => html`
      ${candidates.length
        ? html`<ol class="ranked">${candidates.map((c) => html`<li key=${c.employee_id}><span title=${c.employee_id}>${c.name}</span><span class="quiet">load ${percent(c.load)}</span><strong>${number(c.score)}</strong></li>`)}</ol>
            <p class="quiet">Scored by ${scorer.name} ${scorer.version}.</p>`
        : html`<${Empty} title="Nobody at this moment"><p>${reasons(ineligible)}</p><//>`}`}<//>
  </section>`;
}

/** The commonest reasons by people, as "14 × availability". */
function reasons(ineligible) {
  const counted = new Map();
  for (const code of ineligible.flatMap((one) => [...new Set(one.reasons.map((reason) => reason.code))])) counted.set(code, (counted.get(code) ?? 0) + 1);
  const sorted = [...counted].sort((a, b) => b[1] - a[1]).slice(0, 3);
  return sorted.length ? sorted.map(([code, n]) => `${n} × ${words(code)}`).join(", ") : "There is nobody at all.";
}
