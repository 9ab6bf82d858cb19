/** One task: what it is, who could take it at this moment, and giving it or taking it back. */
import { html, useState } from "../vendor/preact-htm.js";
import { get, post } from "../lib/api.js";
import { hours, number, percent, plural, words } from "../lib/format.js";
import { useAction, useLoad } from "../lib/hooks.js";
import { Button, Dialog, Empty, Loaded, Priority, Reason, Refusal, say, Status, Time } from "../lib/parts.js";

const ASSIGNMENTS = "/api/v1/assignments";
const NOW = { top_k: 3, live: true };
const EVER = { top_k: 8 };

/**
 * With a `role` that may, the task can be given to somebody or taken back; `onChanged` hears of it.
 * @param {{taskId: string, onClose: () => void, role?: string, onChanged?: () => void}} props
 */
export function TaskDialog({ taskId, onClose, role, onChanged = () => {} }) {
  const path = `/tasks/${encodeURIComponent(taskId)}`;
  const task = useLoad((signal) => get(path, {}, { signal }), [taskId]);
  const title = task.data?.title || taskId;
  const changed = () => Promise.all([task.reload(), onChanged()]);
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <${Loaded} of=${task} lines=${4}>${(shown) => html`<${TaskFacts} task=${shown} />
      ${shown.status === "pending" && html`<${Candidates} title="Who could take it now" path=${path} query=${NOW} />${role === "admin" && html`<${Giving} task=${shown} path=${path} changed=${changed} />`}`}
      ${shown.assigned_to_id && role && html`<${Holding} task=${shown} changed=${changed} />`}`}<//>
  <//>`;
}

const DONE = { release: "It was taken back and goes to others first.", cancel: "The task was cancelled." };

/** What becomes of a task that somebody has: planners take it back, or say that it is not wanted any more. */
function Holding({ task, changed }) {
  const [asked, setAsked] = useState(null);
  const [act, { busy, problem, clear }] = useAction(async (reason) => {
    const { items } = await get(ASSIGNMENTS, { ticket_id: task.task_id, technician_id: task.assigned_to_id, limit: 1 });
    await post(`${ASSIGNMENTS}/${encodeURIComponent(items[0].id)}/${asked}`, { reason });
    say(DONE[asked]);
    setAsked(null);
    await changed();
  });
  const ask = (what) => {
    clear();
    setAsked(what);
  };
  const shared = { lead: task.title, label: "Why?", busy, problem, onConfirm: act, onClose: () => setAsked(null) };
  return html`<div class="buttons">
    <${Button} onClick=${() => ask("release")}>Take it back…<//><${Button} kind="quiet" onClick=${() => ask("cancel")}>Cancel the task…<//>
    ${asked === "release" && html`<${Reason} ...${shared} title="Take the task back" confirm="Take it back" hint="It goes to somebody else who is free; if nobody is, it may come back to the same person." />`}
    ${asked === "cancel" && html`<${Reason} ...${shared} title="Cancel the task" confirm="Cancel the task" hint="Nobody is given it any more." />`}
  </div>`;
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
    task.scheduled_date && ["Scheduled for", task.scheduled_date],
    task.dependencies.length > 0 && ["Comes after", task.dependencies.join(", ")],
    ["Came", html`<${Time} value=${task.created_at} as="relative" />`],
    ["Id", html`<code>${task.task_id}</code>`],
  ].filter(Boolean);
  return html`${task.description && html`<p class="prose">${task.description}</p>`}
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    <${Said} conversations=${task.conversations} />`;
}

/** What was said about a task, the first first. */
function Said({ conversations }) {
  if (!conversations.length) return null;
  return html`<details class="more" open=${conversations.length <= 3}><summary>${plural(conversations.length, "message")}</summary>
    ${conversations.map((one) => html`<div key=${one.id}><p class="quiet"><${Time} value=${one.created_at} /></p><p class="prose">${one.content}</p></div>`)}
  </details>`;
}

/** What somebody is called; the id where nobody can say. */
const nameOf = (id, signal) => get(`/api/employees/${encodeURIComponent(id)}`, {}, { signal }).then((person) => person.name ?? id, () => id);

function Name({ of: id }) {
  const name = useLoad((signal) => nameOf(id, signal), [id]);
  return html`<span title=${id}>${name.data ?? id}</span>`;
}

/** Giving a task by hand: whoever can do it, here or not, the best first. */
function Giving({ task, path, changed }) {
  const [isOpen, setOpen] = useState(false);
  const [give, { busy, problem }] = useAction(async (id, name) => {
    await post(ASSIGNMENTS, { ticket_id: task.task_id, technician_id: id });
    say(`${name} has it now.`);
    await changed();
  });
  if (!isOpen) return html`<div class="buttons"><${Button} onClick=${() => setOpen(true)}>Give it to somebody…<//></div>`;
  const button = (one) => html`<${Button} busy=${busy} aria-label=${`Give it to ${one.name}`} onClick=${() => give(one.employee_id, one.name)}>Give<//>`;
  return html`<${Candidates} title="Who can do it, logged in or not" path=${path} query=${EVER} action=${button} />
    <${Refusal} problem=${problem} />`;
}

/** The best people for a task; `action` is what can be done with each. */
function Candidates({ title, path, query, action = null }) {
  const found = useLoad(async (signal) => {
    const answer = await get(`${path}/candidates`, query, { signal });
    const names = await Promise.all(answer.candidates.map(({ employee_id: id }) => nameOf(id, signal)));
    return { ...answer, candidates: answer.candidates.map((one, n) => ({ ...one, name: names[n] })) };
  }, [path]);
  const row = (one) => html`<li key=${one.employee_id}><span title=${one.employee_id}>${one.name}</span><span class="quiet">load ${percent(one.load)}</span><strong>${number(one.score)}</strong>${action?.(one)}</li>`;
  return html`<section><h3>${title}</h3>
    <${Loaded} of=${found}>${({ candidates, ineligible, scorer }) => html`
      ${candidates.length
        ? html`<ol class=${`ranked ${action ? "ranked-acts" : ""}`}>${candidates.map(row)}</ol>
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
