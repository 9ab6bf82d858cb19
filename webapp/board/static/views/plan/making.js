/** Making a plan real: asking, what changed meanwhile, and what was made. */
import { html, useEffect, useMemo, useState } from "../../vendor/preact-htm.js";
import { get } from "../../lib/api.js";
import { count, number, plural, words } from "../../lib/format.js";
import { useAction, useLoad } from "../../lib/hooks.js";
import { Button, Choice, Dialog, Empty, Figure, Figures, Loaded, Panel, Refusal, Status, Time } from "../../lib/parts.js";
import { localPages, LongTable } from "../../lib/table.js";
import { CONFLICTS, valueInWords } from "./wording.js";

/**
 * Ask, finalize, and show what changed if something did.
 * @param {{planner: object, tasks: object, people: object, onClose: () => void, onPlanAgain: (conflicts: object[]) => void}} props
 */
export function Finalize({ planner, tasks, people, onClose, onPlanAgain }) {
  const { preview } = planner.shown;
  const [onConflict, setOnConflict] = useState("refuse");
  const [run, { busy, problem }] = useAction(async (how) => {
    await planner.finalize(how);
    onClose();
  });
  const conflicts = problem?.status === 409 ? problem.body.conflicts : null;
  if (conflicts) return html`<${Changed} conflicts=${conflicts} preview=${preview} tasks=${tasks} people=${people} busy=${busy} onClose=${onClose} onSkip=${() => run("skip")} onPlanAgain=${() => onPlanAgain(conflicts)} />`;
  const left = preview.unassigned.length;
  const isGone = problem?.status === 410;
  return html`<${Dialog} title="Make it real" onClose=${onClose} actions=${html`
      <${Button} onClick=${onClose}>Go back<//>
      ${isGone
        ? html`<${Button} onClick=${() => onPlanAgain([])}>Plan again<//>`
        : html`<${Button} kind="primary" busy=${busy} onClick=${() => run(onConflict)}>Assign ${plural(preview.assignments.length, "task")}<//>`}`}>
    <p>${plural(preview.assignments.length, "task")} will be assigned to ${plural(new Set(preview.assignments.map((row) => row.employee_id)).size, "person", "people")}, all at once or none.${left ? ` ${plural(left, "task")} stay pending.` : ""}</p>
    <${Choice} label="If something changed meanwhile:" value=${onConflict} onChange=${setOnConflict} options=${[["refuse", "Show me first"], ["skip", "Leave it out"]]} />
    <${Refusal} problem=${problem} title=${isGone ? "This plan has expired" : undefined} />
    ${problem?.status === 0 && html`<p class="hint">Whether it happened is not known. Pressing again is safe: a plan that is real already is answered as it was made.</p>`}
  <//>`;
}

function Changed({ conflicts, preview, tasks, people, busy, onClose, onSkip, onPlanAgain }) {
  const rest = preview.assignments.length - conflicts.length;
  return html`<${Dialog} title="Something changed meanwhile" onClose=${onClose} actions=${html`
      <${Button} onClick=${onClose}>Go back<//>
      <${Button} disabled=${busy} onClick=${onPlanAgain}>Plan again<//>
      ${rest > 0 && html`<${Button} kind="primary" busy=${busy} onClick=${onSkip}>Skip ${count(conflicts.length)}, assign ${count(rest)}<//>`}`}>
    <p>Nothing was assigned. ${conflicts.length === 1 ? "One assignment no longer fits" : `${count(conflicts.length)} assignments no longer fit`}:</p>
    <${Differences} conflicts=${conflicts} tasks=${tasks} people=${people} />
  <//>`;
}

const MOST_SHOWN = 200;

/** What each conflict is about, before and after. */
function Differences({ conflicts, tasks, people }) {
  useEffect(() => tasks.want(conflicts.slice(0, MOST_SHOWN).map((conflict) => conflict.task_id)), [conflicts]);
  return html`<ul class="plan-conflicts">${conflicts.slice(0, MOST_SHOWN).map((conflict) => html`<li key=${conflict.task_id}>
      <p><strong>${tasks.titleOf(conflict.task_id)}</strong> <span class="quiet">for ${people.nameOf(conflict.employee_id)}</span></p>
      <p>${capital(CONFLICTS[conflict.reason] ?? words(conflict.reason))}${conflict.before ? ":" : html`<span class="quiet">: ${conflict.detail}</span>`}</p>
      ${conflict.before && html`<dl class="plan-diff">${Object.keys(conflict.before).map((field) => html`<div key=${field}><dt>${words(field)}</dt>
        <dd><del>${valueInWords(field, conflict.before[field])}</del> <span aria-hidden="true">→</span> <ins>${valueInWords(field, conflict.after?.[field])}</ins></dd></div>`)}</dl>`}
    </li>`)}</ul>
    ${conflicts.length > MOST_SHOWN && html`<p class="quiet">and ${count(conflicts.length - MOST_SHOWN)} more</p>`}`;
}

const capital = (text) => text.replace(/^./, (c) => c.toUpperCase());

const COLUMNS = (tasks, people) => [
  { key: "task", label: "Task", width: "minmax(10rem, 1fr)", render: (r) => html`<span class="title-cell">${tasks.titleOf(r.ticket_id)}</span>` },
  { key: "person", label: "Person", width: "minmax(7rem, 12rem)", render: (r) => people.nameOf(r.technician_id) },
  { key: "score", label: "Score", width: "4rem", align: "end", render: (r) => number(r.score) },
  { key: "status", label: "Made as", width: "7rem", render: (r) => html`<${Status} value=${r.status} />` },
];

/** What finalizing made, with the way to each assignment. */
export function Made({ planner, tasks, people, onOpenTask, onRestart }) {
  const { made, shown } = planner;
  const [opened, setOpened] = useState(null);
  const pages = useMemo(() => ({ ...localPages(made.assignments), at: made.preview_id, want: (first, last) => tasks.want(made.assignments.slice(first, last).map((row) => row.ticket_id)) }), [made]);
  const left = shown.preview.unassigned.length + made.skipped.length;
  const card = (r) => html`<span class="card-line"><span class="title-cell">${tasks.titleOf(r.ticket_id)}</span><span class="quiet">${number(r.score)}</span></span><span class="card-line"><span>${people.nameOf(r.technician_id)}</span><${Status} value=${r.status} /></span>`;
  return html`
    <${Figures}>
      <${Figure} label="Assignments made" value=${count(made.assignments.length)} note=${made.assignments.length ? `by ${made.assignments[0].assigned_by}` : "nothing was left to make"} />
      <${Figure} label="Skipped" value=${count(made.skipped.length)} note=${made.skipped.length ? "changed meanwhile" : "nothing had changed"} tone=${made.skipped.length ? "alert" : "plain"} />
      <${Figure} label="Stay pending" value=${count(left)} note=${left ? "plan them when you like" : "nothing is left"} />
    <//>
    <${Panel} title="What was made" note="an assignment opens what happened to it" flush actions=${html`<${Button} kind="primary" onClick=${onRestart}>Plan what is left<//>`}>
      <${LongTable} caption="Assignments that were made" columns=${COLUMNS(tasks, people)} pages=${pages} card=${card} onOpen=${setOpened} empty=${html`<${Empty} title="No assignment was made" />`} />
    <//>
    ${made.skipped.length > 0 && html`<${Panel} title="What was skipped" note="and why"><${Differences} conflicts=${made.skipped} tasks=${tasks} people=${people} /><//>`}
    ${opened && html`<${AssignmentDialog} assignment=${opened} tasks=${tasks} people=${people} onClose=${() => setOpened(null)} onOpenTask=${onOpenTask} />`}`;
}

function AssignmentDialog({ assignment, tasks, people, onClose, onOpenTask }) {
  const path = `/api/v1/assignments/${encodeURIComponent(assignment.id)}`;
  const history = useLoad((signal) => get(`${path}/history`, {}, { signal }), [path]);
  return html`<${Dialog} title=${`${people.nameOf(assignment.technician_id)}: ${tasks.titleOf(assignment.ticket_id)}`} onClose=${onClose}>
    <${Loaded} of=${history}>${({ items }) => html`<ol class="plan-history">${items.map((entry, n) => html`<li key=${n}>
      <${Time} value=${entry.at} /> <span>${words(entry.event)} by ${entry.actor}</span> ${entry.to && html`<${Status} value=${entry.to} />`}</li>`)}</ol>`}<//>
    <p class="buttons"><button type="button" class="link" onClick=${() => { onClose(); onOpenTask(assignment.ticket_id); }}>The task</button> <a href=${path} target="_blank" rel="noreferrer">The record (JSON)</a></p>
  <//>`;
}
