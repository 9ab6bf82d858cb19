/** A plan as it would be: its figures, who would do what, what stays undone, and everybody's load. */
import { html, useEffect, useMemo, useState } from "../../vendor/preact-htm.js";
import { count, hours, moment, number, percent, plural } from "../../lib/format.js";
import { useNow } from "../../lib/hooks.js";
import { Icon } from "../../lib/icons.js";
import { Button, Choice, Empty, Figure, Figures, Panel, Priority, Tabs } from "../../lib/parts.js";
import { localPages, LongTable, sortedRows } from "../../lib/table.js";
import { actionOf } from "./relaxing.js";
import { amount, reasonsInWords } from "./wording.js";

const READ_AT_ONCE = 1_000;
let versions = 0;

/** The figures of a plan's report. */
export function Overview({ preview, held }) {
  const { assignments, unassigned, report } = preview;
  const { load_before: before, load_after: after } = report;
  const all = assignments.length + unassigned.length;
  return html`<${Figures}>
    <${Figure} label="With a person" value=${count(assignments.length)} note=${`of ${plural(all, "task")}`} />
    <${Figure} label="Nobody" value=${count(unassigned.length)} note=${unassigned.length ? "see why below" : "nothing is left over"} tone=${unassigned.length ? "alert" : "plain"} />
    <${Figure} label="Value" value=${amount(report.value)} note=${report.objective === "score" ? "sum of scores" : "scores by priority"} />
    <${Figure} label="Gap to the bound" value=${share(report.gap)} note=${held ? "with the rest held as it was" : `no plan beats ${amount(report.bound)}`} />
    <${Figure} label="Unevenness of load" value=${number(after.gini)} note=${`was ${number(before.gini)}`} />
    <${Figure} label="Fullest person" value=${percent(after.max_ratio)} note=${`was ${percent(before.max_ratio)}`} tone=${after.max_ratio > Math.max(1, before.max_ratio) ? "alert" : "plain"} />
  <//>`;
}

const share = (gap) => (gap > 0 && gap < 0.0005 ? "< 0.1 %" : `${number(gap * 100, 1)} %`);

/** What reading the input had to assume. */
export function Warnings({ warnings }) {
  if (warnings.length === 0) return null;
  return html`<details class="more"><summary>${plural(warnings.length, "note")} about the input</summary><ul class="plan-notes">${warnings.map((text) => html`<li key=${text}>${text}</li>`)}</ul></details>`;
}

/** How long the plan can still be made real; `onExpired` once. */
export function useExpiry(preview) {
  const now = useNow(1000);
  return preview !== undefined && preview !== null && new Date(preview.expires_at).getTime() <= now;
}

/**
 * The tables. `selected` is `{kind: "assigned"|"unassigned", id}`.
 * @param {{planner: object, tasks: object, people: object, selected: object|null, onSelect: (one: object) => void, person: string|null,
 *   setPerson: (id: string|null) => void, isAdmin: boolean, onRelax: (action: object, taskId: string) => void, swapping: object|null}} props
 */
export function Result({ planner, tasks, people, selected, onSelect, person, setPerson, isAdmin, onRelax, swapping }) {
  const { preview } = planner.shown;
  const [tab, setTab] = useState("assigned");
  const [text, setText] = useState("");
  const all = tab === "assigned" ? preview.assignments : preview.unassigned;
  useEffect(() => {
    const both = [...preview.assignments, ...preview.unassigned];
    if (both.length <= READ_AT_ONCE || text) tasks.want(both.map(({ task_id: id }) => id));
  }, [preview, text !== ""]);
  useEffect(() => {
    if (person || swapping) setTab("assigned");
  }, [person, swapping]);
  const rows = useMemo(() => found(all, text, person, tasks, people), [all, text, person, tasks.version, people.known]);
  const shared = { rows, tasks, people, selected, onSelect, asked: planner.asked };
  const unread = text ? tasks.missing(all.map(({ task_id: id }) => id)) : 0;
  return html`<${Panel} title="Who would do what" flush class="plan-result" actions=${html`
      ${person && html`<button type="button" class="plan-chip" onClick=${() => setPerson(null)} aria-label=${`Show everybody, not only ${people.nameOf(person)}`}>${people.nameOf(person)}<${Icon} name="cross" /></button>`}
      <input class="plan-find" type="search" aria-label="Find a task or a person" placeholder="Find a task or a person" value=${text} onInput=${(event) => setText(event.currentTarget.value)} onKeyDown=${(event) => leaveSearch(event, setText)} />`}>
    <${Tabs} label="Parts of the plan" value=${tab} onChange=${setTab} tabs=${[["assigned", `With a person (${count(preview.assignments.length)})`], ["unassigned", `Nobody (${count(preview.unassigned.length)})`]]} />
    ${unread > 0 && html`<p class="plan-reading quiet" role="status">Still reading ${plural(unread, "title")}…</p>`}
    ${tab === "assigned"
      ? html`<${Assigned} key="assigned" ...${shared} isFiltered=${Boolean(text || person)} />`
      : html`<${Unassigned} key="unassigned" ...${shared} isFiltered=${Boolean(text)} isAdmin=${isAdmin} onRelax=${onRelax} busy=${planner.running !== null} />`}
  <//>`;
}

/** Enter goes to what was found, Escape to the whole plan again. */
function leaveSearch(event, setText) {
  if (event.key !== "Enter" && event.key !== "Escape") return;
  event.preventDefault();
  if (event.key === "Escape") setText("");
  event.currentTarget.blur();
  requestAnimationFrame(() => document.querySelector('.plan-result [role="row"][tabindex="0"]')?.focus());
}

function found(all, text, person, tasks, people) {
  const wanted = text.trim().toLowerCase();
  const ofPerson = person ? all.filter((row) => row.employee_id === person) : all;
  if (!wanted) return ofPerson;
  const has = (part) => part?.toLowerCase().includes(wanted);
  return ofPerson.filter((row) => has(row.task_id) || has(tasks.of(row.task_id)?.title) || has(row.employee_id) || (row.employee_id && has(people.nameOf(row.employee_id))));
}

/** Rows that are all there, whose tasks are read as they come into view. */
function usePlanRows(rows, tasks) {
  return useMemo(() => {
    const at = (versions += 1);
    return { ...localPages(rows), at, want: (first, last) => tasks.want(rows.slice(first, last).map(({ task_id: id }) => id)) };
  }, [rows]);
}

/** A task in two lines: its title, then its priority and deadline. */
export function TaskCell({ task, id, pinned }) {
  return html`<span class="plan-task">
    <span class="plan-line">${pinned && html`<${Icon} name="pin" /><span class="unseen">pinned: </span>`}<span class="title-cell" title=${`${task?.title ?? ""} (${id})`}>${task?.title || id}</span></span>
    <span class="plan-line quiet">${task ? html`<${Priority} value=${task.priority} />${task.deadline && html`<span>due ${moment(task.deadline)}</span>`}` : task === null ? "gone" : ""}</span>
  </span>`;
}

function Assigned({ rows, tasks, people, selected, onSelect, asked, isFiltered }) {
  const [sort, setSort] = useState("");
  const pinned = useMemo(() => new Set(asked.required.map(([task]) => task)), [asked.required]);
  const isPinned = (row) => pinned.has(row.task_id);
  const columns = [
    { key: "task", label: "Task", width: "minmax(10rem, 1fr)", value: (r) => tasks.titleOf(r.task_id), render: (r) => html`<${TaskCell} task=${tasks.of(r.task_id)} id=${r.task_id} pinned=${isPinned(r)} />` },
    { key: "person", label: "Person", width: "minmax(6rem, 8.5rem)", value: (r) => people.nameOf(r.employee_id), render: (r) => html`<span title=${r.employee_id}>${people.nameOf(r.employee_id)}</span>` },
    { key: "score", label: "Score", width: "3.5rem", align: "end", value: (r) => r.score, render: (r) => number(r.score) },
    { key: "confidence", label: "Confidence", width: "5.5rem", align: "end", value: (r) => r.confidence, render: (r) => number(r.confidence) },
    { key: "hours", label: "Hours", width: "4rem", align: "end", value: (r) => r.hours, render: (r) => number(r.hours) },
  ];
  const sorted = useMemo(() => sortedRows(rows, columns, sort), [rows, sort, sort.endsWith("task") && tasks.version, sort.endsWith("person") && people.known]);
  const pages = usePlanRows(sorted, tasks);
  const card = (r) => html`<span class="card-line"><span class="title-cell">${isPinned(r) && html`<${Icon} name="pin" /><span class="unseen">pinned: </span>`}${tasks.titleOf(r.task_id)}</span><strong title="score">${number(r.score)}</strong></span>
    <span class="card-line"><span>${people.nameOf(r.employee_id)}</span><span class="quiet plan-line">${tasks.of(r.task_id) && html`<${Priority} value=${tasks.of(r.task_id).priority} compact />`}${hours(r.hours)}</span></span>`;
  return html`
    <${PhoneSort} columns=${columns} sort=${sort} setSort=${setSort} />
    <${LongTable} caption="Tasks with the person who would do each" columns=${columns} pages=${pages} sort=${sort} onSort=${setSort} card=${card}
      onOpen=${(row) => onSelect({ kind: "assigned", id: row.task_id })} isSelected=${(row) => selected?.id === row.task_id}
      empty=${html`<${Empty} title=${isFiltered ? "Nothing is found" : "No task has a person"}>${!isFiltered && html`<p>“Nobody” says why, task by task.</p>`}<//>`} />`;
}

/** On a phone the heads of columns are not there to press. */
function PhoneSort({ columns, sort, setSort }) {
  return html`<div class="plan-phone-sort"><label>Sort <select value=${sort} onChange=${(event) => setSort(event.currentTarget.value)}>
    <option value="">as planned</option>
    ${columns.map(({ key, label, align }) => html`<option key=${key} value=${align ? `-${key}` : key}>by ${label.toLowerCase()}</option>`)}
  </select></label></div>`;
}

function Unassigned({ rows, tasks, people, selected, onSelect, asked, isFiltered, isAdmin, onRelax, busy }) {
  const pages = usePlanRows(rows, tasks);
  const relax = (r) => {
    const actions = r.relaxations.map((relaxation) => actionOf(relaxation, { asked, task: tasks.of(r.task_id), taskId: r.task_id, nameOf: people.nameOf, isAdmin }));
    const first = actions.find(({ allowed }) => allowed) ?? actions[0];
    if (!first) return html`<span class="quiet">no single change helps</span>`;
    if (!first.allowed) return html`<span class="quiet" title=${`${first.label}. ${first.why}`}>${first.short}</span>`;
    return html`<${Button} class="button button-plain plan-relax" disabled=${busy} title=${`${first.label}. ${first.scope}`} onClick=${(event) => { event.stopPropagation(); onRelax(first, r.task_id); }}>${first.short}<//>`;
  };
  const columns = [
    { key: "task", label: "Task", width: "minmax(9rem, 1fr)", render: (r) => html`<${TaskCell} task=${tasks.of(r.task_id)} id=${r.task_id} />` },
    { key: "reasons", label: "Why nobody", width: "minmax(6rem, 9rem)", render: (r) => html`<span class="quiet" title=${reasonsInWords(r.reasons)}>${reasonsInWords(r.reasons)}</span>` },
    { key: "relaxation", label: "Smallest change", width: "minmax(9rem, 14rem)", render: relax },
  ];
  const card = (r) => html`<span class="card-line"><span class="title-cell">${tasks.titleOf(r.task_id)}</span>${tasks.of(r.task_id) && html`<${Priority} value=${tasks.of(r.task_id).priority} compact />`}</span>
    <span class="card-line"><span class="quiet">${reasonsInWords(r.reasons)}</span></span>`;
  return html`<${LongTable} caption="Tasks that nobody would do" columns=${columns} pages=${pages} card=${card}
    onOpen=${(row) => onSelect({ kind: "unassigned", id: row.task_id })} isSelected=${(row) => selected?.id === row.task_id}
    empty=${html`<${Empty} title=${isFiltered ? "Nothing is found" : "Every task has a person"} />`} />`;
}

/** Everybody's load before and after, the fullest first; a person opens their tasks. */
export function Loads({ preview, people, person, setPerson }) {
  const [order, setOrder] = useState("after");
  const { load_before: before, load_after: after } = preview.report;
  const rows = useMemo(() => {
    const everyone = Object.entries(after.by_employee).map(([id, ratio]) => ({ id, after: ratio, before: before.by_employee[id] ?? 0 }));
    const key = order === "after" ? (r) => r.after : (r) => r.after - r.before;
    return everyone.sort((a, b) => key(b) - key(a) || a.id.localeCompare(b.id));
  }, [preview, order]);
  const most = Math.max(1, after.max_ratio);
  const pages = useMemo(() => localPages(rows), [rows]);
  const card = (r) => html`<span class="card-line"><span>${people.nameOf(r.id)}</span><span class="plan-load-text">${r.after === r.before ? "" : html`<span class="quiet">${percent(r.before)} → </span>`}${percent(r.after)}</span></span>
    <span class="bars-track" aria-hidden="true"><span class=${`bars-after ${r.after > 1 ? "over" : ""}`} style=${{ width: `${(100 * r.after) / most}%` }}></span><span class="bars-before" style=${{ width: `${(100 * r.before) / most}%` }}></span></span>`;
  return html`<${Panel} title="Load" flush actions=${html`<${Choice} label="Order" hideLabel value=${order} onChange=${setOrder} options=${[["after", "Fullest"], ["more", "Most added"]]} />`}>
    <${LongTable} caption="Load of each person before and after" columns=${[{ key: "person", label: "Person" }]} pages=${pages} cards card=${card} cardHeight=${54}
      onOpen=${(row) => setPerson(person === row.id ? null : row.id)} isSelected=${(row) => person === row.id} empty=${html`<${Empty} title="Nobody has any capacity" />`} />
  <//>`;
}
