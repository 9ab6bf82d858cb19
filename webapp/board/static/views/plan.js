/** Plan: who would do what, why, and what if; then make it real. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../lib/api.js";
import { duration, plural, secondsSince } from "../lib/format.js";
import { useLoad, useNarrow, useNow } from "../lib/hooks.js";
import { useKeys } from "../lib/keys.js";
import { Icon } from "../lib/icons.js";
import { useLive } from "../lib/live.js";
import { Button, Dialog, Empty, Panel, Refusal, say, View } from "../lib/parts.js";
import { LISTS } from "./plan/asking.js";
import { Comparison } from "./plan/comparing.js";
import { Finalize, Made } from "./plan/making.js";
import { differencesInWords, isCurrent, usePlanner } from "./plan/planner.js";
import { usePeople, useTaskRecords } from "./plan/records.js";
import { relaxed } from "./plan/relaxing.js";
import { Loads, Overview, Result, useExpiry, Warnings } from "./plan/result.js";
import { Setup } from "./plan/setup.js";
import { titleOf, Why } from "./plan/why.js";
import { TaskDialog } from "./task.js";

export default function PlanView({ session, rest }) {
  const people = usePeople();
  const tasks = useTaskRecords();
  const planner = usePlanner(rest[0], tasks, people);
  const totals = useTotals(planner.made);
  const [selected, setSelected] = useState(null);
  const [person, setPerson] = useState(null);
  const [swapping, setSwapping] = useState(null);
  const [finalizing, setFinalizing] = useState(false);
  const [opened, setOpened] = useState(null);
  const { asked, shown, running, made } = planner;
  const expired = useExpiry(shown?.preview);
  const hands = useHands(planner, tasks, people, setSwapping);
  const planNow = () => !running && !made && planner.plan(asked, shown ? "Planning again" : "Planning");
  const canFinalize = shown && !made && !running && !expired && shown.preview.assignments.length > 0;

  useEffect(() => {
    if (!made) return;
    window.scrollTo(0, 0);
    document.getElementById("view-title")?.focus();
  }, [made]);
  useFirstSight(shown);
  useEffect(() => {
    setSwapping(null);
    setPerson(null);
    if (selected && !isInPlan(selected, shown?.preview)) setSelected(null);
  }, [shown]);
  const leave = () => {
    document.querySelector('.plan-result [role="row"][aria-selected="true"]')?.focus();
    setSelected(null);
  };
  useKeys("Plan", {
    p: [shown ? "Plan again" : "Make a plan", planNow],
    c: ["Compare the methods", () => !running && !made && planner.compare()],
    u: ["Take back what was done last", () => planner.undoable.length > 0 && planner.undo()],
    f: ["Make the plan real", () => canFinalize && setFinalizing(true)],
    "/": ["Find a task or a person", () => document.querySelector(".plan-find")?.focus()],
    ...(running ? { Escape: ["Stop planning", running.stop] } : swapping ? { Escape: ["No swap", () => setSwapping(null)] } : selected ? { Escape: ["Close the reasons", leave] } : {}),
  });

  const select = (one) => {
    if (!swapping || one.kind !== "assigned") return setSelected(one);
    setSwapping(null);
    return hands.exchange(swapping, shown.preview.assignments.find((row) => row.task_id === one.id));
  };
  const why = { planner, tasks, people, isAdmin: session.role === "admin", onOpenTask: setOpened, hands };

  return html`<${View} title="Plan" lead="See who would do what, and why, before anything happens.">
    ${!made && html`<${Setup} asked=${asked} setAsked=${planner.setAsked} totals=${totals} hasPlan=${shown !== null} isCurrent=${isCurrent(planner)} busy=${running !== null} onPlan=${planNow} onCompare=${planner.compare} />`}
    ${running && (!shown || made) && html`<div class="plan-running"><${Running} running=${running} /></div>`}
    <${Refusal} problem=${planner.problem} title=${titleOfProblem(planner.problem)} retry=${shown || !rest[0] || planner.problem?.status === 404 ? undefined : () => window.location.reload()} />
    ${planner.problem && hasHands(asked) && planner.problem.status === 422 && html`<div class="buttons"><${Button} onClick=${() => { planner.clearProblem(); planner.setAsked({ ...asked, required: [], forbidden: [] }); }}>Drop all pins and exclusions<//></div>`}
    ${planner.compared && html`<${Comparison} compared=${planner.compared} shown=${shown} onUse=${planner.use} onClose=${planner.closeCompared} />`}
    ${made && html`<${Made} planner=${planner} tasks=${tasks} people=${people} onOpenTask=${setOpened} onRestart=${planner.restart} />`}
    ${shown && !made && html`
      <${Overview} preview=${shown.preview} held=${shown.held} />
      ${swapping && html`<div class="stale" role="status"><p>Choose the task that changes places with <strong>${tasks.titleOf(swapping.task_id)}</strong> (${people.nameOf(swapping.employee_id)}).</p><${Button} onClick=${() => setSwapping(null)}>No swap<//></div>`}
      <div class="plan-columns">
        <${Result} planner=${planner} tasks=${tasks} people=${people} selected=${selected} onSelect=${select} person=${person} setPerson=${setPerson}
          isAdmin=${why.isAdmin} onRelax=${hands.relax} swapping=${swapping} />
        <div class="stack">
          <${Side} selected=${selected} onClose=${leave} why=${why} />
          <${Hands} planner=${planner} tasks=${tasks} people=${people} />
          <${Loads} preview=${shown.preview} people=${people} person=${person} setPerson=${setPerson} />
        </div>
      </div>
      <${Warnings} warnings=${shown.preview.report.warnings} />
      <${Bar} planner=${planner} expired=${expired} canFinalize=${canFinalize} onFinalize=${() => setFinalizing(true)} onPlan=${planNow} />`}
    ${!shown && !running && !planner.problem && !planner.compared && html`<${Empty} title=${totals.tasks === 0 ? "No task waits" : "No plan yet"}>
      <p>${totals.tasks === 0 ? "Tasks come by an import, POST /tasks or an event; then they can be planned here." : "A plan is a draft: nobody sees it, and nothing changes, until you make it real."}</p><//>`}
    ${finalizing && html`<${Finalize} planner=${planner} tasks=${tasks} people=${people} onClose=${() => setFinalizing(false)} onPlanAgain=${(conflicts) => { setFinalizing(false); hands.again(conflicts); }} />`}
    ${opened && html`<${TaskDialog} taskId=${opened} onClose=${() => setOpened(null)} />`}
  <//>`;
}

/** On a phone the first plan is below what can be seen. */
function useFirstSight(shown) {
  const narrow = useNarrow();
  const had = useRef(false);
  useEffect(() => {
    if (shown && !had.current && narrow) document.querySelector(".figures")?.scrollIntoView();
    had.current = shown !== null;
  }, [shown]);
}

const isInPlan = ({ id }, preview) => Boolean(preview) && [...preview.assignments, ...preview.unassigned].some((row) => row.task_id === id);
const hasHands = ({ required, forbidden }) => required.length + forbidden.length > 0;

function titleOfProblem(problem) {
  if (problem?.status === 404) return "This plan is no longer kept";
  return problem?.status === 410 ? "This plan has expired" : undefined;
}

/** How much there is to choose from; read again as things happen. */
function useTotals(made) {
  const count = (kind) => useLoad((signal) => get(LISTS[kind].path, { ...LISTS[kind].always, limit: 1 }, { signal }), [made]);
  const [tasks, people] = [count("tasks"), count("people")];
  useLive(() => { tasks.reload(); people.reload(); }, { every: 60_000 });
  return { tasks: tasks.data?.total ?? null, people: people.data?.total ?? null };
}

/** What can be done by hand; each thing can be taken back. */
function useHands(planner, tasks, people, setSwapping) {
  const { asked, change } = planner;
  const without = (pairs, taskId) => pairs.filter(([task]) => task !== taskId);
  const isPair = (taskId, personId) => ([task, person]) => task === taskId && person === personId;
  const given = (from, taskId, personId) => ({
    ...from,
    required: [...without(from.required, taskId), [taskId, personId]],
    forbidden: from.forbidden.filter((pair) => !isPair(taskId, personId)(pair)),
  });
  const title = (taskId) => `“${tasks.titleOf(taskId)}”`;
  return {
    pin: (row) => change(`Pinned ${title(row.task_id)} to ${people.nameOf(row.employee_id)}`, given(asked, row.task_id, row.employee_id), { later: true }),
    unpin: (taskId) => change(`Unpinned ${title(taskId)}`, { ...asked, required: without(asked.required, taskId) }, { later: true }),
    allow: (taskId, personId) => change(`Allowed ${people.nameOf(personId)} for ${title(taskId)} again`, { ...asked, forbidden: asked.forbidden.filter((pair) => !isPair(taskId, personId)(pair)) }, { later: true }),
    forbid: (row) => change(`Not ${people.nameOf(row.employee_id)} for ${title(row.task_id)}`, {
      ...asked,
      required: without(asked.required, row.task_id),
      forbidden: [...asked.forbidden, [row.task_id, row.employee_id]],
    }),
    give: (taskId, personId) => change(`${title(taskId)} to ${people.nameOf(personId)}`, given(asked, taskId, personId)),
    swap: setSwapping,
    exchange(one, other) {
      if (one.task_id === other.task_id || one.employee_id === other.employee_id) return say("Both have the same person; nothing changes.");
      const next = given(given(asked, one.task_id, other.employee_id), other.task_id, one.employee_id);
      return change(`Swapped ${people.nameOf(one.employee_id)} and ${people.nameOf(other.employee_id)}`, next);
    },
    relax: (action, taskId) => change(action.label, relaxed(asked, action, taskId), { records: action.records, hold: true }),
    /** Plan again after a conflict: what is gone cannot be pinned. */
    again(conflicts) {
      const gone = new Set(conflicts.filter(({ reason }) => reason === "taken" || reason === "gone").map(({ task_id: id }) => id));
      const stays = ([task]) => !gone.has(task);
      const ids = asked.tasks.all ? asked.tasks.ids : asked.tasks.ids.filter((id) => !gone.has(id));
      const next = { ...asked, required: asked.required.filter(stays), forbidden: asked.forbidden.filter(stays), tasks: { ...asked.tasks, ids } };
      planner.setAsked(next);
      return planner.plan(next, "Planning again");
    },
  };
}

/** Planning goes on: for how long, and a way to stop waiting. */
function Running({ running }) {
  const now = useNow(250);
  const passed = Math.max(0, (now - running.since) / 1000);
  const share = running.seconds ? Math.min(1, passed / running.seconds) : undefined;
  const rest = running.seconds ? (share < 1 ? `${passed.toFixed(1)} of at most ${running.seconds} s` : "taking the best so far") : `${passed.toFixed(1)} s`;
  return html`<p role="status"><strong>${running.words}…</strong></p>
    <progress aria-label=${running.words} max="1" value=${share}></progress>
    <p class="quiet plan-passed">${rest}</p>
    <${Button} onClick=${running.stop} title="Stops the waiting. A draft that is done later is seen by nobody, and expires.">Stop<//>`;
}

/** The reasons beside the table, on a phone in front of it. */
function Side({ selected, onClose, why }) {
  const narrow = useNarrow();
  if (!selected) return html`<p class="unseen" role="status"></p>`;
  const { preview } = why.planner.shown;
  const title = titleOf(selected, preview, why.people);
  const hands = narrow ? leaving(why.hands, onClose) : why.hands;
  const content = html`<${Why} key=${selected.id} taskId=${selected.id} ...${why} hands=${hands} />`;
  if (narrow) return html`<${Dialog} title=${title} onClose=${onClose}>${content}<//>`;
  return html`<p class="unseen" role="status">${title}: said beside the table.</p><${Panel} title=${title} actions=${html`<button type="button" class="button button-quiet button-icon" aria-label="Close the reasons" onClick=${onClose}><${Icon} name="cross" /></button>`}>${content}<//>`;
}

/** The same, but the dialog is left first, so that what follows is in view. */
const leaving = (hands, leave) => Object.fromEntries(Object.entries(hands).map(([name, act]) => [name, (...given) => { leave(); return act(...given); }]));

/** What was set by hand, each with a way to drop it. */
function Hands({ planner, tasks, people }) {
  const { asked, undoable } = planner;
  const hands = useHands(planner, tasks, people);
  const last = undoable.at(-1);
  const { since } = planner.shown;
  useEffect(() => tasks.want([...asked.required, ...asked.forbidden].map(([task]) => task)), [asked.required, asked.forbidden]);
  if (!hasHands(asked) && undoable.length === 0) return null;
  return html`<${Panel} title="By hand" actions=${last && html`<${Button} kind="quiet" onClick=${planner.undo} title=${`Take back: ${last.words}`}>Undo<//>`}>
    ${last && html`<div><p>${last.words}</p>${since && html`<p class="quiet">${differencesInWords(since)}</p>`}</div>`}
    ${hasHands(asked) && html`<ul class="plan-hands">
      ${asked.required.map(([task, who]) => html`<${Hand} key=${`r${task}`} icon="pin" words=${`${tasks.titleOf(task)}: ${people.nameOf(who)}`} drop="Unpin" onDrop=${() => hands.unpin(task)} />`)}
      ${asked.forbidden.map(([task, who]) => html`<${Hand} key=${`f${task} ${who}`} icon="cross" words=${`${tasks.titleOf(task)}: not ${people.nameOf(who)}`} drop="Allow" onDrop=${() => hands.allow(task, who)} />`)}
    </ul>`}
  <//>`;
}

function Hand({ icon, words, drop, onDrop }) {
  return html`<li><${Icon} name=${icon} /><span>${words}</span><button type="button" class="link" aria-label=${`${drop}: ${words}`} onClick=${onDrop}>${drop}</button></li>`;
}

/** How long the plan is good, and what can be done with it; always in view. */
function Bar({ planner, expired, canFinalize, onFinalize, onPlan }) {
  const { shown, running, undoable } = planner;
  const now = useNow(10_000);
  const left = Math.max(0, -secondsSince(shown.preview.expires_at, now));
  if (running) return html`<div class="plan-bar plan-running" role="region" aria-label="This plan"><${Running} running=${running} /></div>`;
  return html`<div class=${`plan-bar ${expired ? "plan-expired" : ""}`} role="region" aria-label="This plan">
    <p>${expired ? html`<strong>This plan has expired.</strong> Plan again, with today’s loads.` : html`<strong>A draft</strong> <span class="quiet">for ${duration(left)}</span>`}</p>
    <div class="buttons">
      ${undoable.length > 0 && html`<${Button} onClick=${planner.undo} title=${`Take back: ${undoable.at(-1).words}`}>Undo<//>`}
      ${expired
        ? html`<${Button} kind="primary" onClick=${onPlan}>Plan again<//>`
        : html`<${Button} kind="primary" icon="check" disabled=${!canFinalize} onClick=${onFinalize}>Make it real<//>`}
    </div>
  </div>`;
}
