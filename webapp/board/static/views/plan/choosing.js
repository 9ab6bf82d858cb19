/** Choosing tasks or people from lists of any length: all that match a filter but some, or some by hand. */
import { html, useEffect, useState } from "../../vendor/preact-htm.js";
import { get } from "../../lib/api.js";
import { count, hours, words } from "../../lib/format.js";
import { Badge, Button, Dialog, Empty, Field, Priority, Select } from "../../lib/parts.js";
import { LongTable, usePages } from "../../lib/table.js";
import { LISTS, queryOf } from "./asking.js";

const KINDS = {
  tasks: {
    title: "Which tasks",
    sort: "-priority",
    what: "Pending tasks",
    filters: [
      ["q", "Find", "title, text, id or ticket"],
      ["priority", "Priority", ["critical", "high", "medium", "low"]],
      ["category", "Category", "its exact name"],
      ["queue", "Queue", "its exact name"],
    ],
    card: (task) => html`<span class="card-line"><span class="title-cell">${task.title || task.task_id}</span><span class="quiet">${hours(task.estimated_hours)}</span></span>
      <span class="card-line"><${Priority} value=${task.priority} /><span class="quiet">${words(task.category)}</span></span>`,
  },
  people: {
    title: "Which people",
    sort: "name",
    what: "People",
    filters: [
      ["q", "Find", "name or id"],
      ["department", "Department", "its exact name"],
      ["availability_status", "Availability", ["available", "partial", "busy", "away", "offline"]],
    ],
    card: (person) => html`<span class="card-line"><span class="title-cell">${person.name ?? person.employee_id}</span><span class="quiet">${hours(person.current_workload)} of ${hours(person.max_workload)}</span></span>
      <span class="card-line"><span class="quiet">${person.department ?? "no department"}</span><${Badge} tone="quiet">${words(person.availability_status)}<//></span>`,
  },
};

/** @param {{kind: "tasks"|"people", choice: object, onChoose: (choice: object) => void, onClose: () => void}} props */
export function Chooser({ kind, choice: first, onChoose, onClose }) {
  const { title, sort, what, filters, card } = KINDS[kind];
  const { path, key } = LISTS[kind];
  const [choice, setChoice] = useState(first);
  const looked = useSettled(choice.filters);
  const pages = usePages((query) => get(path, { ...query, sort, ...queryOf(kind, { filters: looked }) }), [looked]);
  const picked = new Set(choice.ids);
  const isChosen = (row) => picked.has(row[key]) !== choice.all;
  const toggle = (row) => {
    const id = row[key];
    setChoice({ ...choice, ids: picked.has(id) ? choice.ids.filter((one) => one !== id) : [...choice.ids, id] });
  };
  const filter = (name, value) => setChoice({ filters: { ...choice.filters, [name]: value }, all: choice.all, ids: choice.all ? [] : choice.ids });
  const total = pages.total ?? 0;
  const chosen = choice.all ? Math.max(0, total - choice.ids.length) : choice.ids.length;
  const rowCard = (row) => html`<span class="plan-pick"><input type="checkbox" tabindex="-1" checked=${isChosen(row)} aria-label=${`Choose ${row.title ?? row.name ?? row[key]}`} onClick=${(event) => event.preventDefault()} /><span class="long-card">${card(row)}</span></span>`;
  return html`<${Dialog} title=${title} onClose=${onClose} actions=${html`
      <${Button} kind="quiet" onClick=${() => setChoice({ filters: {}, all: true, ids: [] })}>All of them<//>
      <${Button} onClick=${onClose}>Go back<//>
      <${Button} disabled=${chosen === 0} onClick=${() => onChoose(tidied(choice))}>Use ${pages.total === null ? "these" : `these ${count(chosen)}`}<//>`}>
    <div class="plan-filters">${filters.map(([name, label, how]) => Array.isArray(how)
      ? html`<div class="field" key=${name}><${Select} label=${label} value=${choice.filters[name] ?? ""} onChange=${(value) => filter(name, value)} options=${[["", "Any"], ...how.map((one) => [one, words(one)])]} /></div>`
      : html`<${Field} key=${name} label=${label}>${(props) => html`<input ...${props} type="search" autocomplete="off" placeholder=${how} value=${choice.filters[name] ?? ""} onInput=${(event) => filter(name, event.currentTarget.value)} />`}<//>`)}</div>
    <div class="plan-picks">
      <${Check} label=${`All ${pages.total === null ? "" : count(total)} that match`} checked=${choice.all} onChange=${(all) => setChoice({ ...choice, all, ids: [] })} />
      <p class="quiet" role="status">${count(chosen)} chosen</p>
    </div>
    <div class="plan-list"><${LongTable} caption=${what} columns=${[{ key: "item", label: what }]} pages=${pages} cards card=${rowCard} cardHeight=${60} onOpen=${toggle} isSelected=${isChosen}
      empty=${html`<${Empty} title="Nothing matches" />`} /></div>
  <//>`;
}

const tidied = (choice) => ({ ...choice, filters: Object.fromEntries(Object.entries(choice.filters).filter(([, value]) => value)) });

/** A checkbox with its words. */
export function Check({ label, checked, onChange }) {
  return html`<label class="plan-check"><input type="checkbox" checked=${checked} onChange=${(event) => onChange(event.currentTarget.checked)} /><span>${label}</span></label>`;
}

/** A value once it has not changed for a moment, so that a list is not read for every letter. */
function useSettled(value, wait = 250) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), wait);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
