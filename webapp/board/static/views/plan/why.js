/** Why this person, who was next, why nobody; and what can be done about it. */
import { html } from "../../vendor/preact-htm.js";
import { get } from "../../lib/api.js";
import { SignedBars } from "../../lib/charts.js";
import { hours, number, plural } from "../../lib/format.js";
import { useLoad } from "../../lib/hooks.js";
import { Button, Empty, Loaded, Priority, Time } from "../../lib/parts.js";
import { actionOf } from "./relaxing.js";
import { explanationInWords, REASONS, signed, termRows, unitInWords } from "./wording.js";

const COMPARED = 10;
const SHOWN = 4;

/** The title of what is selected. */
export function titleOf(selected, preview, people) {
  const row = preview.assignments.find(({ task_id: id }) => id === selected.id);
  return row ? `Why ${people.nameOf(row.employee_id)}` : "Why nobody";
}

/**
 * What there is to say about one task of the plan.
 * @param {{taskId: string, planner: object, tasks: object, people: object, isAdmin: boolean, onOpenTask: (id: string) => void,
 *   hands: {pin: Function, unpin: Function, forbid: Function, give: Function, swap: Function, relax: Function}}} props
 */
export function Why({ taskId, planner, tasks, people, isAdmin, onOpenTask, hands }) {
  const { preview } = planner.shown;
  const row = preview.assignments.find(({ task_id: id }) => id === taskId);
  const left = preview.unassigned.find(({ task_id: id }) => id === taskId);
  const task = tasks.of(taskId);
  const busy = planner.running !== null;
  return html`<div class="plan-why">
    <div>
      <button type="button" class="link plan-why-task" onClick=${() => onOpenTask(taskId)}>${task?.title || taskId}</button>
      <p class="plan-facts quiet">
        ${task && html`<${Priority} value=${task.priority} />`}
        ${row && html`<span>${hours(row.hours)}</span>`}
        ${task?.deadline && html`<span>due <${Time} value=${task.deadline} /></span>`}
      </p>
    </div>
    ${row && html`<${Reasons} key=${taskId} row=${row} preview=${preview} people=${people} planner=${planner} busy=${busy} hands=${hands} />`}
    ${left && html`<${Undone} left=${left} task=${task} people=${people} planner=${planner} isAdmin=${isAdmin} busy=${busy} hands=${hands} />`}
  </div>`;
}

function Reasons({ row, preview, people, planner, busy, hands }) {
  const name = people.nameOf(row.employee_id);
  const isPinned = planner.asked.required.some(([task]) => task === row.task_id);
  const { explanation } = row;
  return html`
    <p><strong class="plan-score">${number(row.score)}</strong> <span class="quiet">score, by ${preview.scorer.name} ${preview.scorer.version}; confidence ${number(row.confidence)}</span></p>
    ${explanation && html`<p>${explanationInWords(explanation)}</p>
      <${SignedBars} label="What raises and lowers the score" rows=${termRows(explanation)} format=${signed} />
      <p class="hint">${unitInWords(explanation, row.score)}</p>`}
    <section class="plan-section"><h3>By hand</h3>
      <div class="buttons">
        ${isPinned
          ? html`<${Button} icon="pin" onClick=${() => hands.unpin(row.task_id)}>Unpin<//>`
          : html`<${Button} icon="pin" onClick=${() => hands.pin(row)}>Pin to ${name}<//>`}
        <${Button} disabled=${busy} onClick=${() => hands.forbid(row)}>Not ${name}<//>
        <${Button} disabled=${busy} onClick=${() => hands.swap(row)}>Swap…<//>
      </div>
      <p class="hint">A pin holds when you plan again. The others plan again at once, around what you say.</p>
    </section>
    <${Next} row=${row} preview=${preview} people=${people} isPinned=${isPinned} busy=${busy} hands=${hands} />`;
}

/** Who was next, on the loads of the start. */
function Next({ row, preview, people, isPinned, busy, hands }) {
  const found = useLoad((signal) => get(`/tasks/${encodeURIComponent(row.task_id)}/candidates`, { top_k: COMPARED }, { signal }), [row.task_id]);
  const considered = new Set(Object.keys(preview.report.load_after.by_employee));
  return html`<section class="plan-section"><h3>Who was next</h3><${Loaded} of=${found} lines=${3}>${({ candidates }) => {
    const own = candidates.find(({ employee_id: id }) => id === row.employee_id);
    const others = candidates.filter(({ employee_id: id }) => id !== row.employee_id && considered.has(id));
    if (others.length === 0) return html`<${Empty} title="Nobody else could take it" />`;
    const reference = own?.score ?? row.score;
    return html`<p>${nextInWords(others[0], reference, row, { preview, people, isPinned })}</p>
      <ul class="plan-next">${others.slice(0, SHOWN).map((other) => html`<li key=${other.employee_id}>
        <span class="plan-next-name">${people.nameOf(other.employee_id)}</span>
        <span class="end">${number(other.score)}</span><span class="quiet end">${difference(other.score - reference)}</span>
        <${Button} disabled=${busy} aria-label=${`Give it to ${people.nameOf(other.employee_id)}`} onClick=${() => hands.give(row.task_id, other.employee_id)}>Give<//>
      </li>`)}</ul>
      <p class="hint">Scores at the loads of the start, before this plan gives anybody anything, without its own rules.${own ? ` ${people.nameOf(row.employee_id)} has ${number(own.score)} there.` : ""}</p>`;
  }}<//></section>`;
}

const difference = (value) => (Math.abs(value) < 0.005 ? "±0.00" : signed(value));

function nextInWords(next, reference, row, { preview, people, isPinned }) {
  const [name, chosen] = [people.nameOf(next.employee_id), people.nameOf(row.employee_id)];
  const gap = next.score - reference;
  if (Math.abs(gap) < 0.005) return `${name} does as well as ${chosen}.`;
  if (gap < 0) return `${name} came next, ${Math.abs(gap).toFixed(2)} lower.`;
  return `${name} would score ${gap.toFixed(2)} higher at the start, ${isPinned ? "but it is pinned" : whyNotHigher(next, row, preview, people)}.`;
}

/** Why somebody with a higher score at the start has not got the task. */
function whyNotHigher(next, row, preview, people) {
  const most = people.known.get(next.employee_id)?.max_workload;
  const after = preview.report.load_after.by_employee[next.employee_id];
  const given = preview.assignments.filter(({ employee_id: id }) => id === next.employee_id).length;
  if (most && after * most + row.hours > most + 1e-9) return `but ${given ? `this plan gives them ${plural(given, "other task")}, and` : "there"} the hours left are too few for this one`;
  return given ? `but this plan gives them ${plural(given, "other task")} first` : "but the whole comes out better this way, or a rule of this plan is in the way";
}

function Undone({ left, task, people, planner, isAdmin, busy, hands }) {
  const context = { asked: planner.asked, task, taskId: left.task_id, nameOf: people.nameOf, isAdmin };
  const actions = left.relaxations.map((relaxation) => actionOf(relaxation, context));
  return html`
    <section class="plan-section"><h3>Reasons</h3>
      <ul class="plan-reasons">${left.reasons.map((reason) => html`<li key=${reason.code}><strong>${capital(REASONS[reason.code] ?? reason.code)}</strong><span class="quiet">${reason.detail}</span></li>`)}</ul>
    </section>
    <section class="plan-section"><h3>What would place it</h3>
      ${actions.length === 0
        ? html`<p class="quiet">No change that we know of. Rejections stay, and without any data there is no score.</p>`
        : html`<ul class="plan-reasons">${actions.map((action, n) => html`<li key=${n}>
            <${Button} disabled=${busy || !action.allowed} onClick=${() => hands.relax(action, left.task_id)}>${action.label}<//>
            <span class="quiet">${action.scope} ${action.allowed ? placed(action, people) : action.why}</span>
          </li>`)}</ul>`}
    </section>`;
}

const capital = (text) => text.replace(/^./, (c) => c.toUpperCase());
const placed = ({ pin }, people) => (pin ? `Pins it to ${people.nameOf(pin[1])}; the others keep what they have.` : "Then plans again; the others keep what they have.");
