/** Jobs and data: files sent in, what was found in them, background jobs and those that are stuck. */
import { html, useState } from "../vendor/preact-htm.js";
import { get, post } from "../lib/api.js";
import { count, latency, plural } from "../lib/format.js";
import { useAction, useLoad } from "../lib/hooks.js";
import { useKeys } from "../lib/keys.js";
import { useLive } from "../lib/live.js";
import { Button, Empty, Figure, Figures, Freshness, Loaded, Panel, Refusal, say, Select, StaleBanner, Status, Time, View } from "../lib/parts.js";
import { LongTable, usePages } from "../lib/table.js";
import { JobDialog, fileOf } from "./jobs/job.js";
import { References, useReferences } from "./jobs/references.js";
import { SendFile } from "./jobs/sending.js";

const STATUSES = [["", "All"], ["pending", "Pending"], ["queued", "Queued"], ["processing", "Processing"], ["completed", "Completed"], ["failed", "Failed"]];
const LOOK_EVERY = 2000;

export default function JobsView({ session }) {
  const isAdmin = session.role === "admin";
  const [status, setStatus] = useState("");
  const [opened, setOpened] = useState(null);
  const jobs = usePages((query) => get("/batch/jobs", { ...query, status }), [status]);
  const stats = useLoad((signal) => get("/stats", {}, { signal }));
  const health = useLoad((signal) => get("/stats/health", {}, { signal }));
  const references = useReferences(isAdmin);
  const reload = () => Promise.all([jobs.reload(), stats.reload(), health.reload()]);
  useLive(reload, { every: LOOK_EVERY });
  useKeys("Jobs and data", { r: ["Read again", reload], u: ["Choose a file to send", () => document.querySelector(".jobs-drop input")?.focus()] });

  return html`<${View} title="Jobs and data" actions=${html`<${Freshness} at=${jobs.at} reload=${reload} />`}>
    <${StaleBanner} at=${jobs.at} reload=${reload} />
    <${Overview} stats=${stats} health=${health} />
    <div class="columns">
      <${Jobs} jobs=${jobs} status=${status} setStatus=${setStatus} onOpen=${(job) => setOpened(job.id)} isAdmin=${isAdmin} />
      <div class="stack">
        ${isAdmin
          ? html`<${SendFile} references=${references} onSent=${reload} />
              <${Stuck} health=${health} reload=${reload} />
              <${Directory} onSent=${reload} />
              <${References} references=${references} />`
          : html`<${Panel} title="Send a file"><${Empty} title="Admins send files"><p>You see the jobs that you started, such as plans made in the background.</p><//><//>`}
      </div>
    </div>
    ${opened && html`<${JobDialog} jobId=${opened} isAdmin=${isAdmin} onChanged=${reload} onClose=${() => setOpened(null)} />`}
  <//>`;
}

function Overview({ stats, health }) {
  return html`<${Loaded} of=${stats} lines=${2}>${(found) => {
    const { jobs, files, rows, issues_found: issues, processing_seconds: seconds } = found;
    const going = (jobs.pending ?? 0) + (jobs.queued ?? 0);
    const { executors, stuck, waiting } = health.data ?? {};
    const nobody = health.data && waiting > 0 && executors === 0;
    return html`<${Figures}>
      <${Figure} label="Running" value=${count(jobs.processing ?? 0)} note=${health.data ? plural(executors, "worker") : ""} />
      <${Figure} label="Waiting" value=${count(going)} note=${nobody ? "no worker runs" : ""} tone=${nobody ? "alert" : "plain"} />
      <${Figure} label="Failed" value=${count(jobs.failed ?? 0)} />
      <${Figure} label="Stuck" value=${health.data ? count(stuck) : "–"} tone=${stuck ? "alert" : "plain"} />
      <${Figure} label="Files checked" value=${count(files)} note=${`${count(rows)} rows, ${count(issues)} issues`} />
      <${Figure} label="A job takes" value=${latency(seconds.mean)} note=${seconds.p95 === null ? "" : `95 % within ${latency(seconds.p95)}`} />
    <//>`;
  }}<//>`;
}

const COLUMNS = [
  { key: "file", label: "What", width: "minmax(9rem, 1fr)", render: (job) => html`<span class="title-cell" title=${job.id}>${fileOf(job)}</span>` },
  { key: "status", label: "Status", width: "7rem", render: (job) => html`<${Status} value=${job.status} />` },
  { key: "found", label: "Found", width: "minmax(11rem, 15rem)", render: (job) => foundIn(job) },
  { key: "created_at", label: "Begun", width: "6rem", align: "end", render: (job) => html`<${Time} value=${job.created_at} as="relative" />` },
];

function Progress({ job }) {
  const share = Math.round(job.progress * 100);
  return html`<span class="jobs-progress"><progress max="100" value=${share} aria-label=${`${fileOf(job)}, done so far`}></progress><span>${share} %</span></span>`;
}

/** The result of a job in a few words; how far it has come while it goes on. */
function foundIn(job) {
  const { status, error, results } = job;
  if (status === "processing") return html`<${Progress} job=${job} />`;
  if (status === "failed") return html`<span class="jobs-failed" title=${error?.detail}>${error?.detail ?? "failed"}</span>`;
  const parts = [];
  if (results?.uc1) parts.push(results.uc1.score === null ? "no rows" : `score ${Math.round(results.uc1.score)}`);
  if (results?.uc4) parts.push(plural(results.uc4.duplicates_removed, "duplicate"));
  if (results?.impact?.changed) parts.push(plural(results.impact.changed, "decision"));
  return parts.length ? parts.join(", ") : html`<span class="nothing">–</span>`;
}

function JobCard(job) {
  return html`<span class="card-line"><span class="title-cell">${fileOf(job)}</span><${Status} value=${job.status} /></span>
    <span class="card-line quiet"><span>${foundIn(job)}</span><${Time} value=${job.created_at} as="relative" /></span>`;
}

function Jobs({ jobs, status, setStatus, onOpen, isAdmin }) {
  const none = html`<${Empty} title=${status ? `No job is ${status}` : "No job yet"}>
    <p>${isAdmin ? "Send a file: it is checked, gaps are filled and duplicates found, as a job." : "Plans that you make in the background appear here."}</p><//>`;
  const chooser = html`<${Select} label="Status" value=${status} onChange=${setStatus} options=${STATUSES} />`;
  return html`<${Panel} title="Jobs" note="the latest first" flush actions=${chooser}>
    <${LongTable} caption="Background jobs, the latest first" columns=${COLUMNS} pages=${jobs} empty=${none} onOpen=${onOpen} card=${JobCard} />
  <//>`;
}

/** Jobs of which nothing was heard for long, and beginning them anew. */
function Stuck({ health, reload }) {
  const stuck = useLoad((signal) => get("/batch/stuck-jobs", {}, { signal }), [health.data?.stuck]);
  const [recover, { busy, problem }] = useAction(async () => {
    const { items } = await post("/batch/recover-jobs");
    say(items.length ? `${plural(items.length, "job")} begun anew, or ended where the file has vanished` : "Nothing was stuck any more");
    await Promise.all([reload(), stuck.reload()]);
  });
  return html`<${Panel} title="Stuck jobs">
    <${Loaded} of=${stuck} lines=${1}>${({ items }) => (items.length
      ? html`<ul class="jobs-list">${items.map((job) => html`<li key=${job.id}><span>${fileOf(job)}</span><span class="quiet">since <${Time} value=${job.started_at} as="relative" /></span></li>`)}</ul>
          <div class="buttons"><${Button} icon="refresh" busy=${busy} onClick=${recover}>Recover<//></div>`
      : html`<p class="quiet">None: every job that was begun gives signs of life.${health.data?.missing_files ? ` ${plural(health.data.missing_files, "file")} that a job needs vanished.` : ""}</p>`)}<//>
    <${Refusal} problem=${problem} />
  <//>`;
}

/** Every file of a directory below the data root. */
function Directory({ onSent }) {
  const [directory, setDirectory] = useState("");
  const [send, { busy, problem }] = useAction(async (event) => {
    event.preventDefault();
    const { job_ids: ids } = await post("/batch/process-directory", { directory, selected_ucs: "UC1,UC4" });
    say(`${plural(ids.length, "file")} of ${directory} sent`);
    await onSent();
  });
  return html`<details class="panel jobs-more"><summary>Check a directory of the server</summary>
    <form class="stack" onSubmit=${send}>
      <div class="field"><label for="jobs-directory">Directory, relative to the data root</label>
        <input id="jobs-directory" required value=${directory} onInput=${(event) => setDirectory(event.currentTarget.value)} /></div>
      <div class="buttons"><${Button} type="submit" busy=${busy}>Check all its files<//></div>
      <${Refusal} problem=${problem} />
    </form>
  </details>`;
}
