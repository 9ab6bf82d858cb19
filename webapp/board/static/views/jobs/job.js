/** One job: how it stands, what it found, its files, and what can be done with it. */
import { html } from "../../vendor/preact-htm.js";
import { address, get, post } from "../../lib/api.js";
import { count, latency, number, percent, plural, words } from "../../lib/format.js";
import { useAction, useLoad } from "../../lib/hooks.js";
import { useLive } from "../../lib/live.js";
import { Button, Dialog, Empty, Figure, Figures, Loaded, Meter, Refusal, say, Status, Time } from "../../lib/parts.js";
import { Table } from "../../lib/table.js";

const KINDS = { cleaned: "Gaps filled", deduplicated: "Duplicates removed", final: "Final table", report: "Report (opens offline)" };
const BLAME = {
  file: "The file cannot be used.",
  processing: "It went wrong while the file was worked on.",
  system: "Something beside it went wrong: a database, a disk or a worker.",
  configuration: "This installation is not set up for it.",
};

/** What a job is about, in a word or two. */
export const fileOf = (job) => (job.file_path ? job.file_path.split("/").at(-1) : { pipeline: "Plan", training: "Training" }[job.kind] ?? words(job.kind));

/** @param {{jobId: string, isAdmin: boolean, onChanged: () => void, onClose: () => void}} props */
export function JobDialog({ jobId, isAdmin, onChanged, onClose }) {
  const found = useLoad((signal) => get(`/batch/status/${encodeURIComponent(jobId)}`, {}, { signal }), [jobId]);
  const job = found.data?.items[0];
  useLive(found.reload, { every: 2000 });
  return html`<${Dialog} title=${job ? fileOf(job) : "Job"} onClose=${onClose} actions=${job && isAdmin && html`<${Actions} job=${job} reload=${found.reload} onChanged=${onChanged} />`}>
    <${Loaded} of=${found} lines=${4}>${({ items: [one] }) => html`<${Facts} job=${one} />
      ${one.error && html`<div class="refusal"><div><p class="refusal-title">${BLAME[one.error.category]}</p><p>${one.error.detail}</p></div></div>`}
      ${one.results && html`<${Results} job=${one} results=${one.results} />`}`}<//>
  <//>`;
}

function Facts({ job }) {
  const facts = [
    ["Status", html`<${Status} value=${job.status} />`],
    ["Done", percent(job.progress)],
    ["Begun", html`<${Time} value=${job.created_at} />`],
    ["Ended", html`<${Time} value=${job.completed_at} />`],
    ["Took", job.completed_at && job.started_at ? latency((new Date(job.completed_at) - new Date(job.started_at)) / 1000) : "–"],
    ["Begun by", job.created_by],
    job.attempts > 1 && ["Begun anew", plural(job.attempts - 1, "time")],
    ["Id", html`<code>${job.id}</code>`],
  ].filter(Boolean);
  return html`<dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function Actions({ job, reload, onChanged }) {
  const [act, { busy, problem }] = useAction(async (what) => {
    await post(`/batch/jobs/${encodeURIComponent(job.id)}/${what}`);
    say(what === "cancel" ? "The job is cancelled" : "The job begins anew");
    await Promise.all([reload(), onChanged()]);
  });
  const goesOn = ["pending", "queued", "processing"].includes(job.status);
  return html`<${Refusal} problem=${problem} />
    ${goesOn && html`<${Button} kind="danger" busy=${busy} onClick=${() => act("cancel")}>Cancel the job<//>`}
    ${job.status === "failed" && html`<${Button} icon="refresh" busy=${busy} onClick=${() => act("retry")}>Try again<//>`}`;
}

function Results({ job, results }) {
  const { files = [], uc1, uc4, impact } = results;
  if (results.preview_id) return html`<p>Its plan is <a href=${`#/plan/${results.preview_id}`}>preview ${results.preview_id}</a>.</p>`;
  return html`<div class="stack jobs-results">
    ${uc1 && html`<${Sparse} found=${uc1} />`}
    ${uc4 && html`<${Duplicates} found=${uc4} />`}
    ${impact && html`<${Impact} impact=${impact} />`}
    ${files.length > 0 && html`<section><h3>Files</h3><ul class="jobs-list">${files.map(({ name, kind }) => html`<li key=${name}>
      <a href=${address(`/batch/jobs/${encodeURIComponent(job.id)}/files/${encodeURIComponent(name)}`)} download=${name}>${KINDS[kind] ?? kind}</a><span class="quiet">${name}</span></li>`)}</ul></section>`}
  </div>`;
}

function Sparse({ found }) {
  const filled = Object.entries(found.filled);
  return html`<section><h3>Gaps and errors (UC1)</h3>
    <${Figures}>
      <${Figure} label="Quality" value=${found.score === null ? "–" : `${Math.round(found.score)} of 100`} note=${found.score === null ? "no rows" : `${Math.round(found.score_after)} after filling`} />
      <${Figure} label="Issues" value=${count(found.issues)} note=${`in ${plural(found.suspect_rows, "row")}`} />
    <//>
    <div class="jobs-meters"><span>Complete as sent</span><${Meter} value=${found.completeness} label="Cells that are there, as sent" />
      <span>After filling</span><${Meter} value=${found.completeness_after} label="Cells that are there, after filling" /></div>
    ${filled.length
      ? html`<${Table} compact caption="Filled cells by column" rowKey=${([name]) => name} rows=${filled} columns=${[
          { key: "column", label: "Column", render: ([name]) => html`<code>${name}</code>` },
          { key: "how", label: "Filled by", render: ([name]) => words(found.methods[name]) },
          { key: "cells", label: "Cells", align: "end", render: ([, n]) => count(n) }]} />`
      : html`<p class="quiet">No cell was filled.</p>`}
    <p class="quiet">${found.reference ? `Compared with ${found.reference}.` : "Looked at alone: there is no reference to compare it with."}</p>
  </section>`;
}

function Duplicates({ found }) {
  return html`<section><h3>Duplicates (UC4)</h3>
    <${Figures}>
      <${Figure} label="Rows removed" value=${count(found.duplicates_removed)} note=${`${count(found.exact)} exact, ${count(found.fuzzy)} alike, ${count(found.same_id)} by id`} />
      <${Figure} label="Values merged" value=${count(found.merged_cells)} note=${`in ${plural(found.clusters, "group")}`} />
      <${Figure} label="To look at" value=${count(found.review)} note=${found.review ? `${found.review === 1 ? "pair" : "pairs"} that may be one` : ""} tone=${found.review ? "alert" : "plain"} />
    <//></section>`;
}

/** What the suspect rows mean for a plan. */
function Impact({ impact }) {
  if (!impact.computed) return html`<section><h3>What it means for decisions</h3><p class="quiet">Not known: ${impact.reason}.</p></section>`;
  const columns = [
    { key: "task_id", label: "Task", render: (c) => html`<code>${c.task_id}</code>` },
    { key: "with", label: "With them", render: (c) => c.employee_with ?? "nobody" },
    { key: "without", label: "Without", render: (c) => c.employee_without ?? "nobody" },
    { key: "score", label: "Score", align: "end", render: (c) => number(c.score_with ?? c.score_without) },
  ];
  return html`<section><h3>What it means for decisions</h3>
    <p>${impact.changed
      ? html`Without the suspect rows <strong>${plural(impact.changed, "assignment")}</strong> would be another; ${number(impact.at_stake)} of score is at stake (${percent(impact.share_at_stake)}).`
      : "The suspect rows change no assignment."}</p>
    ${impact.changes.length ? html`<${Table} compact caption="Assignments that change" rows=${impact.changes} rowKey=${(c) => c.task_id} columns=${columns} />` : html`<${Empty} title="Nothing changes" />`}
  </section>`;
}
