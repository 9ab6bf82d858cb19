/** Now: what waits, who is there, how fast work finds people, and what asks for attention. */
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../lib/api.js";
import { count, duration, hours, latency, plural, words } from "../lib/format.js";
import { useLoad } from "../lib/hooks.js";
import { useKeys } from "../lib/keys.js";
import { useLive } from "../lib/live.js";
import { Badge, Choice, Empty, Figure, Figures, Freshness, Loaded, Meter, Panel, Priority, say, Select, Sentence, StaleBanner, Time, View } from "../lib/parts.js";
import { localPages, LongTable, usePages } from "../lib/table.js";
import { TaskDialog } from "./task.js";

const PRIORITIES = ["critical", "high", "medium", "low"];

export default function NowView({ session }) {
  const status = useLoad((signal) => get("/status", {}, { signal }));
  const people = useLoad((signal) => get("/personnel/status", {}, { signal }));
  const alerts = useLoad((signal) => get("/api/v1/alerts", { limit: 50 }, { signal }));
  const [queue, setQueue] = useState("");
  const [opened, setOpened] = useState(null);
  const tasks = useTasks(queue, status);
  const everyone = usePages((query) => get("/api/employees", { ...query, sort: "name" }), [], { lazy: true });
  const reload = () => Promise.all([status.reload(), people.reload(), alerts.reload(), tasks.reload(), everyone.total === null || everyone.reload()]);
  useLive(reload);
  useKeys("Now", { r: ["Read again", reload] });
  useNewAlerts(alerts.data);
  const reads = [status.at, people.at, alerts.at, tasks.at];
  const at = reads.includes(null) ? null : Math.min(...reads);

  return html`<${View} title="Now" actions=${html`<${Freshness} at=${at} reload=${reload} />`}>
    <${StaleBanner} at=${at} reload=${reload} />
    <${Overview} status=${status} people=${people} alerts=${alerts} />
    <div class="columns">
      <${Queue} tasks=${tasks} status=${status} queue=${queue} setQueue=${setQueue} onOpen=${(task) => setOpened(task.task_id)} />
      <div class="stack">
        <${Alerts} alerts=${alerts} present=${people.data} onOpen=${setOpened} />
        <${People} present=${people} everyone=${everyone} />
      </div>
    </div>
    ${opened && html`<${TaskDialog} taskId=${opened} role=${session.role} onChanged=${reload} onClose=${() => setOpened(null)} />`}
  <//>`;
}

/** The pages of the queue. The list counts up to its cap only; how long it is beyond that the status says. */
function useTasks(queue, status) {
  const counts = status.data?.tasks;
  const atLeast = counts && !queue ? (counts.pending ?? 0) + (counts.in_progress ?? 0) : null;
  return usePages((query) => get("/tasks/queue", { ...query, queue }), [queue], { atLeast });
}

function Overview({ status, people, alerts }) {
  if (status.data === null) return html`<${Loaded} of=${status} lines=${2}>${() => null}<//>`;
  const { tasks, waiting, dispatch } = status.data;
  const oldest = Math.max(0, ...waiting.map((part) => part.oldest_seconds));
  const standing = alerts.data?.items.filter((alert) => !alert.cleared_at) ?? [];
  const here = people.data ?? [];
  const free = here.filter((person) => !person.is_busy && !person.paused).length;
  const paused = here.filter((person) => person.paused).length;
  return html`<${Figures}>
    <${Figure} label="Waiting" value=${count(tasks.pending ?? 0)} note=${tasks.pending ? `oldest ${duration(oldest)}` : "nothing waits"} />
    <${Figure} label="In progress" value=${count(tasks.in_progress ?? 0)} note=${tasks.assigned ? `${count(tasks.assigned)} not begun` : ""} />
    <${Figure} label="People here" value=${people.data ? count(here.length) : "–"} note=${here.length ? `${free} free${paused ? `, ${paused} paused` : ""}` : "nobody is logged in"} />
    <${Figure} label="Time to find a person" value=${latency(dispatch.median_seconds)}
      note=${dispatch.dispatches ? `95 % within ${latency(dispatch.p95_seconds)}` : "none in the last hour"}
      title=${`Once both are there: ${plural(dispatch.dispatches, "task")} given out by this instance in the last hour`} />
    <${Figure} label="Alerts" value=${alerts.data ? count(standing.length) : "–"} note=${standing.length ? "" : "nothing stands"} tone=${standing.length ? "alert" : "plain"} />
  <//>`;
}

const COLUMNS = [
  { key: "priority", label: "Priority", width: "6rem", render: (t) => html`<${Priority} value=${t.priority} />` },
  { key: "title", label: "Task", width: "minmax(9rem, 1fr)", render: (t) => html`<span class="title-cell" title=${`${t.title} (${t.task_id})`}>${t.title || t.task_id}</span>` },
  { key: "waits", label: "Waits", width: "5.5rem", align: "end", render: (t, now) => waits(t, now) },
  { key: "with", label: "With", width: "minmax(6rem, 9rem)", render: (t) => whoHasIt(t) },
];

/** What is being done waits no more; how old it is stands back. */
function waits(task, now) {
  const text = duration(task.waiting_seconds + Math.max(0, (now - task.readAt) / 1000));
  return task.status === "pending" ? text : html`<span class="quiet">${text}</span>`;
}

function whoHasIt(task) {
  if (task.status === "pending") return html`<span class="quiet">nobody yet</span>`;
  const name = task.assigned_to_name || task.assigned_to_id;
  return html`<span class="doing" title=${`${name} works on it`}><span class="dot dot-on" aria-hidden="true"></span><span>${name}</span></span>`;
}

function TaskCard(task, now) {
  return html`<span class="card-line"><span class="title-cell">${task.title || task.task_id}</span><span>${waits(task, now)}</span></span>
    <span class="card-line"><${Priority} value=${task.priority} />${whoHasIt(task)}</span>`;
}

function Queue({ tasks, status, queue, setQueue, onOpen }) {
  const waiting = status.data?.waiting ?? [];
  const names = [...new Set(["default", ...waiting.map((part) => part.queue), ...(queue ? [queue] : [])])].sort();
  const mine = waiting.filter((part) => !queue || part.queue === queue);
  const byPriority = PRIORITIES.map((name) => [name, mine.filter((p) => p.priority === name).reduce((sum, p) => sum + p.tasks, 0)]).filter(([, n]) => n > 0);
  const chooser = names.length > 1 && html`<${Select} label="Queue" value=${queue} onChange=${setQueue} options=${[["", "All queues"], ...names.map((name) => [name, name])]} />`;
  const none = html`<${Empty} title="Nothing waits"><p>Tasks come by <code>POST /tasks</code>, an import or an event, and appear here at once.</p><//>`;
  return html`<${Panel} title="Queue" note="in the order of dispatch" flush actions=${chooser}>
    ${byPriority.length > 0 && html`<${PriorityStrip} parts=${byPriority} />`}
    <${LongTable} caption="Tasks that wait or are being done, in the order of dispatch" columns=${COLUMNS} pages=${tasks} empty=${none} onOpen=${onOpen} card=${TaskCard} cardHeight=${70} />
  <//>`;
}

/** What waits by priority, as one bar with its names. */
function PriorityStrip({ parts }) {
  return html`<ul class="strip" aria-label="Waiting by priority">
    ${parts.map(([name, n]) => html`<li key=${name} class=${`strip-${name}`} style=${{ flexGrow: n }}><span>${name}</span> <strong>${count(n)}</strong></li>`)}
  </ul>`;
}

const FIRST_ALERTS = 2;
const OF_TASKS = new Set(["unassignable", "late", "stuck", "starving"]);
const OTHERS = "others";

function Alerts({ alerts, present, onOpen }) {
  const names = new Map((present ?? []).map((person) => [person.person_id, person.name]));
  const nameOf = (id) => names.get(id) ?? id;
  return html`<${Panel} title="Alerts"><${Loaded} of=${alerts} lines=${2}>${({ items }) => {
    const standing = items.filter((alert) => !alert.cleared_at);
    const cleared = items.filter((alert) => alert.cleared_at).slice(0, 10);
    const kinds = [...new Set(standing.map(({ kind }) => kind))];
    return html`${standing.length ? kinds.map((kind) => html`<${AlertsOfKind} key=${kind} kind=${kind} alerts=${standing.filter((alert) => alert.kind === kind)} onOpen=${onOpen} nameOf=${nameOf} />`) : html`<${Empty} title="Nothing asks for attention" />`}
      ${cleared.length > 0 && html`<details class="more"><summary>${plural(cleared.length, "alert")} cleared lately</summary><ul class="alerts">${cleared.map((alert) => html`<${Alert} key=${alert.id} alert=${alert} onOpen=${onOpen} nameOf=${nameOf} named />`)}</ul></details>`}`;
  }}<//><//>`;
}

/** The alerts of one kind, the most urgent first; where they are many the rest is folded away. */
function AlertsOfKind({ kind, alerts, ...shared }) {
  const one = (alert) => html`<${Alert} key=${alert.id} alert=${alert} ...${shared} />`;
  const rest = alerts.slice(FIRST_ALERTS);
  return html`<section class="alert-kind"><h3>${words(kind)}${alerts.length > 1 && html` <span class="quiet">${count(alerts.length)}</span>`}</h3>
    <ul class="alerts">${alerts.slice(0, FIRST_ALERTS).map(one)}</ul>
    ${rest.length > 0 && html`<details class="more"><summary>${count(rest.length)} more</summary><ul class="alerts">${rest.map(one)}</ul></details>`}
  </section>`;
}

/** Alerts about a task lead to it. */
function Alert({ alert, onOpen, nameOf, named = false }) {
  const { kind, subject, severity, cleared_at: cleared } = alert;
  return html`<li class=${`alert alert-${cleared ? "cleared" : severity}`}>
    <p class="alert-head">${OF_TASKS.has(kind) && subject !== OTHERS
      ? html`<button type="button" class="link" onClick=${() => onOpen(subject)}>${subject}</button>`
      : html`<strong>${kind === "overload" ? nameOf(subject) : subject}</strong>`}<${Time} value=${cleared ?? alert.raised_at} as="relative" /></p>
    <p>${named && html`<strong class="alert-what">${words(kind)}:</strong> `}${severity === "critical" && !cleared && html`<${Badge} tone="alert">critical<//> `}<${Sentence} text=${alert.reason} /></p>
  </li>`;
}

/** Say when an alert is raised while the page is open. */
function useNewAlerts(data) {
  const known = useRef(null);
  useEffect(() => {
    if (!data) return;
    const standing = data.items.filter((alert) => !alert.cleared_at);
    const fresh = known.current ? standing.filter((alert) => !known.current.has(alert.id)) : [];
    known.current = new Set(data.items.map((alert) => alert.id));
    for (const alert of fresh.slice(0, 3)) say(`${words(alert.kind)}: ${alert.reason}`, "alert");
  }, [data]);
}

function People({ present, everyone }) {
  const [chosen, setChosen] = useState(null);
  const who = chosen ?? (present.data?.length === 0 ? "all" : "here");
  const here = useMemo(() => localPages([...(present.data ?? [])].sort(byPresence)), [present.data]);
  const sessions = useMemo(() => new Map((present.data ?? []).map((person) => [person.person_id, person])), [present.data]);
  const chooser = html`<${Choice} label="Which people" hideLabel value=${who} onChange=${setChosen} options=${[["here", "Here"], ["all", "Everyone"]]} />`;
  useEffect(() => {
    if (who === "all") everyone.want(0, 1);
  }, [who]);
  const nobody = html`<${Empty} title="Nobody is logged in"><p>People log in under “My work”, and work comes to them.</p><//>`;
  const none = html`<${Empty} title="There are no people yet"><p>Import them: <code>assignment-engine import employees people.csv</code></p><//>`;
  return html`<${Panel} title="People" flush actions=${chooser}>
    <${Loaded} of=${present}>${() =>
      who === "here"
        ? html`<${LongTable} key="here" caption="People who are logged in" columns=${[{ key: "person", label: "Person" }]} pages=${here} empty=${nobody} cards cardHeight=${92} card=${(person) => html`<${Person} name=${person.name ?? person.person_id} session=${person} load=${person.load} />`} />`
        : html`<${LongTable} key="all" caption="Everyone" columns=${[{ key: "person", label: "Person" }]} pages=${everyone} empty=${none} cards cardHeight=${92} card=${(person) => html`<${Employee} person=${person} session=${sessions.get(person.employee_id)} />`} />`}<//>
  <//>`;
}

/** Those first who work, then who is free, then who has paused. */
const rank = (person) => (person.paused ? 2 : person.is_busy ? 0 : 1);
const byPresence = (a, b) => rank(a) - rank(b) || (a.name ?? a.person_id).localeCompare(b.name ?? b.person_id);

function Employee({ person, session }) {
  const { current_workload: used, max_workload: most } = person;
  return html`<${Person} name=${person.name ?? person.employee_id} session=${session} availability=${person.availability_status}
    load=${most ? used / most : 1} detail=${`${hours(used)} of ${hours(most)}`} />`;
}

function Person({ name, session, availability, load, detail }) {
  const jobs = session?.current ?? [];
  return html`<span class="person">
    <span class="card-line"><span class="title-cell">${name}</span>${presence(session, availability)}</span>
    <${Meter} value=${load} label=${`${name}, load`} detail=${detail} />
    <span class="card-line quiet"><span title=${jobs.map((job) => job.ticket.title).join("\n")}>${jobs.length ? doing(jobs) : (detail ?? "no task")}</span>${session && html`<${Time} value=${session.last_heartbeat} as="relative" every=${5000} />`}</span>
  </span>`;
}

function presence(session, availability) {
  if (!session) return html`<${Badge} tone="quiet">${availability === "available" ? "not logged in" : words(availability)}<//>`;
  if (session.paused) return html`<${Badge} tone="alert">paused<//>`;
  return session.is_busy ? html`<${Badge} tone="accent">working<//>` : html`<${Badge}>free<//>`;
}

function doing(jobs) {
  const [first] = jobs;
  const more = jobs.length > 1 ? ` and ${jobs.length - 1} more` : "";
  return `${first.ticket.title || first.ticket_id}${more}`;
}
