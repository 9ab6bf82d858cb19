/** My work: a technician logs in, gets work, and says what became of it. */
import { html, useCallback, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { get, post } from "../lib/api.js";
import { duration, hours, plural, secondsSince } from "../lib/format.js";
import { useAction, useLoad, useNow } from "../lib/hooks.js";
import { useKeys } from "../lib/keys.js";
import { useLive } from "../lib/live.js";
import { Button, Confirm, Empty, Freshness, Loaded, Meter, Panel, Priority, Reason, Refusal, say, StaleBanner, Status, Time, View } from "../lib/parts.js";
import { to } from "../lib/router.js";
import { TaskFacts } from "./task.js";

export default function MyWorkView({ session }) {
  return session.role === "technician" ? html`<${MyWork} me=${session.subject} />` : html`<${NotATechnician} session=${session} />`;
}

function NotATechnician({ session }) {
  return html`<${View} title="My work">
    <${Empty} title="This is where a technician works">
      <p>You are signed in as ${session.subject} (${session.role}), who is given no tasks. Here a technician logs in, gets the next
      task the moment they are free, accepts or rejects it and says when it is done.</p>
      <p>To see it, sign out and sign in with the token of one:</p>
      <pre><code>assignment-engine token --role technician --subject EMPLOYEE_ID</code></pre>
      <p>What everybody does at the moment is under <a href=${to("now")}>Now</a>.</p>
    <//>
  <//>`;
}

const ACTIVE = ["offered", "accepted", "assigned"];
const path = (me, what) => `/personnel/${encodeURIComponent(me)}/${what}`;
const named = (presence) => (presence ? { "X-Session": presence.session } : {});

function MyWork({ me }) {
  const person = useLoad((signal) => get(`/api/employees/${encodeURIComponent(me)}`, {}, { signal }));
  const [presence, setPresence] = usePresence(me);
  const jobs = useJobs();
  const reload = useCallback(() => Promise.all([jobs.reload(), person.reload()]), []);
  useLive(reload);
  useKeys("My work", { r: ["Read again", reload], j: ["Go to the first job", () => document.querySelector(".job")?.focus()] });

  return html`<${View} title="My work" lead=${person.data && (person.data.name ?? me)} actions=${html`<${Freshness} at=${jobs.at} reload=${reload} />`}>
    <${StaleBanner} at=${jobs.at} reload=${reload} />
    <${Presence} me=${me} presence=${presence} setPresence=${setPresence} person=${person} reload=${reload} />
    <${Loaded} of=${jobs} lines=${5}>${({ active, ended }) => html`
      <${Jobs} active=${active} presence=${presence.data} reload=${reload} />
      <${Ended} jobs=${ended} />`}<//>
  <//>`;
}

/** One's own jobs: those that go on, offers first, and those that ended last. */
function useJobs() {
  const read = (query, signal) => get("/api/v1/assignments/me", query, { signal });
  const jobs = useLoad(async (signal) => {
    const pages = await Promise.all([...ACTIVE.map((status) => read({ status }, signal)), read({ limit: 20 }, signal)]);
    const latest = pages.pop();
    return { active: pages.flatMap((page) => page.items), ended: latest.items.filter(({ status }) => !ACTIVE.includes(status)) };
  });
  useArrivals(jobs.data?.active);
  return jobs;
}

/** Say what has come while the page is open, and show in the title that something is there. */
function useArrivals(active) {
  const known = useRef(null);
  useEffect(() => {
    if (!active) return;
    const fresh = known.current ? active.filter(({ id }) => !known.current.has(id)) : [];
    known.current = new Set(active.map(({ id }) => id));
    for (const job of fresh) say(`New ${job.status === "offered" ? "offer" : "job"}: ${titleOf(job)}`);
    document.title = `${active.length ? `(${active.length}) ` : ""}My work · assignment-engine`;
  }, [active]);
}

const titleOf = (job) => job.ticket.title || job.ticket_id;

/**
 * Whether the technician is logged in: `[{data, problem, known, ended}, set]`. While they are, signs of life go out as often as the
 * server asks; when it does not know the session any more, `ended` says so.
 */
function usePresence(me) {
  const [state, set] = useState({ data: null, problem: null, known: false, ended: false });
  useEffect(() => {
    get(path(me, "session")).then(
      ({ session }) => set({ data: session, problem: null, known: true, ended: false }),
      (problem) => set({ data: null, problem, known: true, ended: false }),
    );
  }, [me]);
  const { session, heartbeat_seconds: every } = state.data ?? {};
  useEffect(() => {
    if (!session) return undefined;
    const timer = setInterval(async () => {
      try {
        const data = await post(path(me, "heartbeat"), {}, { headers: { "X-Session": session } });
        set((old) => (old.data?.session === session ? { ...old, data } : old));
      } catch (problem) {
        if (problem.status === 409) set({ data: null, problem: null, known: true, ended: true });
      }
    }, every * 1000);
    return () => clearInterval(timer);
  }, [me, session, every]);
  return [state, set];
}

function Presence({ me, presence, setPresence, person, reload }) {
  const { data: here, known, ended } = presence;
  const [leaving, setLeaving] = useState(false);
  const changed = (data) => setPresence({ data, problem: null, known: true, ended: false });
  const [logIn, entering] = useAction(async () => {
    changed(await post("/personnel/login", { person_id: me }));
    await reload();
  });
  const [turn, turning] = useAction(async (what) => {
    changed(await post(path(me, what), {}, { headers: named(here) }));
    await reload();
  });
  const [logOut, going] = useAction(async () => {
    const { released } = await post(path(me, "logout"), {}, { headers: named(here) });
    changed(null);
    setLeaving(false);
    say(released.length ? `Logged out; ${plural(released.length, "task")} went back to the queue` : "Logged out");
    await reload();
  });
  const load = person.data && (person.data.max_workload ? person.data.current_workload / person.data.max_workload : 1);

  return html`<section class="panel presence" aria-label="Your presence">
    <div class="presence-state">
      <p class=${`presence-word ${here ? (here.paused ? "is-paused" : "is-here") : ""}`} role="status">
        <span class="dot" aria-hidden="true"></span>${here ? (here.paused ? "Paused" : "You are logged in") : "You are not logged in"}</p>
      <p class="quiet">${explain(here, ended)}</p>
    </div>
    ${person.data && html`<div class="presence-load"><${Meter} value=${load} label="Your load" detail="hours taken of those you have" /><span class="quiet">${hours(person.data.current_workload)} of ${hours(person.data.max_workload)}</span></div>`}
    <div class="buttons">
      ${known && !here && html`<${Button} kind="primary" icon="play" busy=${entering.busy} onClick=${logIn}>Log in for work<//>`}
      ${here && (here.paused
        ? html`<${Button} kind="primary" icon="play" busy=${turning.busy} onClick=${() => turn("resume")}>Resume<//>`
        : html`<${Button} icon="pause" busy=${turning.busy} onClick=${() => turn("pause")}>Pause<//>`)}
      ${here && html`<${Button} kind="quiet" icon="out" busy=${going.busy} onClick=${() => setLeaving(true)}>Log out<//>`}
    </div>
    <${Refusal} problem=${presence.problem ?? entering.problem ?? turning.problem} />
    ${leaving && html`<${Confirm} title="Log out?" confirm="Log out" busy=${going.busy} problem=${going.problem} onConfirm=${logOut} onClose=${() => setLeaving(false)}>
      <p>What came to you live goes back to the queue and on to others. What was planned for you stays yours.</p><//>`}
  </section>`;
}

function explain(here, ended) {
  if (ended) return "You were logged out: nothing was heard from this page for too long, or you logged in somewhere else.";
  if (!here) return "Log in, and work comes to you by itself.";
  if (here.paused) return "No new work comes until you resume. What you have stays yours.";
  return `The next task comes by itself. Keep this page open: after ${duration(here.timeout_seconds)} of silence your work goes to others.`;
}

function Jobs({ active, presence, reload }) {
  const sorted = useMemo(() => [...active].sort((a, b) => ACTIVE.indexOf(a.status) - ACTIVE.indexOf(b.status) || a.assigned_at.localeCompare(b.assigned_at)), [active]);
  if (sorted.length === 0) {
    return html`<${Panel} title="Your jobs"><${Empty} title="Nothing to do at the moment">
      <p>${presence ? (presence.paused ? "You have paused." : "You are free: the next task that fits appears here.") : "Log in to be given work."}</p><//><//>`;
  }
  return html`<section aria-labelledby="jobs-title" class="jobs-mine"><h2 id="jobs-title">${sorted.length === 1 ? "Your job" : `Your ${sorted.length} jobs`}</h2>
    <ul>${sorted.map((job, n) => html`<${Job} key=${job.id} job=${job} first=${n === 0} presence=${presence} reload=${reload} />`)}</ul></section>`;
}

function Job({ job, first, presence, reload }) {
  const [asked, setAsked] = useState(null);
  const [more, setMore] = useState(first);
  const headers = named(presence);
  const [act, { busy, problem, clear }] = useAction(async (what, body) => {
    if (what === "complete") {
      const { next } = await post(`/tasks/${encodeURIComponent(job.ticket_id)}/complete`, {}, { headers });
      say(next ? "Done. The next one is here." : "Done.");
    } else {
      await post(`/api/v1/assignments/${encodeURIComponent(job.id)}/${what}`, body, { headers });
      say({ accept: "Accepted.", reject: "Rejected; it goes to somebody else.", fail: "Noted as failed." }[what]);
    }
    setAsked(null);
    await reload();
  });
  const ask = (what) => {
    clear();
    setAsked(what);
  };
  const title = titleOf(job);
  const waits = job.status !== "accepted";
  return html`<li class=${`job job-${job.status}`} tabindex="-1" aria-label=${title}>
    <div class="job-head">
      <p class="job-signs"><${Priority} value=${job.ticket.priority} /><${Status} value=${job.status} />${job.status === "offered" && html`<${Countdown} until=${job.offer_expires_at} />`}</p>
      <h3>${title}</h3>
      <p class="quiet">${job.status === "accepted" ? html`Begun <${Time} value=${job.accepted_at} as="relative" />` : html`Yours since <${Time} value=${job.assigned_at} />`}${job.eta_p50 && html`, likely done by <${Time} value=${job.eta_p50} />`}${job.ticket.ticket_number && ` · ${job.ticket.ticket_number}`}</p>
    </div>
    <details class="more" open=${first} onToggle=${(event) => setMore(event.currentTarget.open)}><summary>What it is</summary>${more && html`<${Facts} taskId=${job.ticket_id} />`}</details>
    ${!asked && html`<${Refusal} problem=${problem} />`}
    <div class="buttons">
      ${waits && html`<${Button} kind=${first ? "primary" : "plain"} icon="check" busy=${busy} onClick=${() => act("accept", {})}>Accept<//><${Button} busy=${busy} onClick=${() => ask("reject")}>Reject…<//>`}
      ${!waits && html`<${Button} kind=${first ? "primary" : "plain"} icon="check" busy=${busy} onClick=${() => ask("complete")}>Complete<//><${Button} kind="quiet" busy=${busy} onClick=${() => ask("fail")}>It cannot be done…<//>`}
    </div>
    ${asked === "complete" && html`<${Confirm} title="Is it done?" confirm="Yes, it is done" busy=${busy} problem=${problem} onConfirm=${() => act("complete")} onClose=${() => setAsked(null)}><p>${title}</p><//>`}
    ${asked === "reject" && html`<${Reason} title="Reject this job" lead=${title} label="Why not?" hint="The job goes to somebody else and does not come back to you by itself." confirm="Reject" busy=${busy} problem=${problem} onConfirm=${(reason) => act("reject", { rejection_reason: reason })} onClose=${() => setAsked(null)} />`}
    ${asked === "fail" && html`<${Reason} title="It cannot be done" lead=${title} label="What is in the way?" hint="The task ends as failed." confirm="End as failed" busy=${busy} problem=${problem} onConfirm=${(reason) => act("fail", { reason })} onClose=${() => setAsked(null)} />`}
  </li>`;
}

function Facts({ taskId }) {
  const task = useLoad((signal) => get(`/tasks/${encodeURIComponent(taskId)}`, {}, { signal }), [taskId]);
  return html`<${Loaded} of=${task}>${(shown) => html`<${TaskFacts} task=${shown} own />`}<//>`;
}

/** How long an offer can still be accepted. */
function Countdown({ until }) {
  const now = useNow(1000);
  if (!until) return null;
  const left = -secondsSince(until, now);
  return html`<span class=${left < 30 ? "countdown countdown-short" : "countdown"}>${left > 0 ? `${duration(left)} left to accept` : "about to go to somebody else"}</span>`;
}

function Ended({ jobs }) {
  if (jobs.length === 0) return null;
  return html`<${Panel} title="Lately">
    <ul class="ended">${jobs.slice(0, 10).map((job) => html`<li key=${job.id}><span class="title-cell">${titleOf(job)}</span><${Status} value=${job.status} /><${Time} value=${job.updated_at} /></li>`)}</ul>
  <//>`;
}
