/** Sending a file in: chosen or dropped, with what is to be done with it. */
import { html, useRef, useState } from "../../vendor/preact-htm.js";
import { upload } from "../../lib/api.js";
import { percent } from "../../lib/format.js";
import { useAction } from "../../lib/hooks.js";
import { Button, Choice, Panel, Refusal, say, Select } from "../../lib/parts.js";

const AGENTS = [["UC1,UC4", "Both"], ["UC1", "Gaps (UC1)"], ["UC4", "Duplicates (UC4)"]];
const STEPS = 20;

/** @param {{references: object, onSent: () => void}} props */
export function SendFile({ references, onSent }) {
  const [file, setFile] = useState(null);
  const [agents, setAgents] = useState("UC1,UC4");
  const [reference, setReference] = useState("");
  const [share, setShare] = useState(null);
  const [send, { busy, problem, clear }] = useAction(async () => {
    setShare(0);
    try {
      await upload("/upload", formOf(file, agents, reference), (done) => setShare(Math.floor(done * STEPS) / STEPS));
    } finally {
      setShare(null);
    }
    say(`${file.name} was sent; it is checked as a job`);
    setFile(null);
    await onSent();
  });
  const choose = (chosen) => {
    clear();
    setFile(chosen ?? null);
  };
  const known = (references.data?.items ?? []).map((one) => [one.id, `${one.uc_type}: ${one.file_path.split("/").at(-1)}`]);

  return html`<${Panel} title="Send a file">
    <div class="stack">
      <${Drop} file=${file} onChoose=${choose} />
      <div class="jobs-look"><${Choice} label="Look for" value=${agents} options=${AGENTS} onChange=${setAgents} /></div>
      ${known.length > 0 && html`<${Select} label="Compare with" value=${reference} onChange=${setReference} options=${[["", "The active reference"], ...known]} />`}
      ${share !== null && html`<div class="jobs-sending" role="status"><progress max="1" value=${share} aria-label="Sent so far"></progress><span>${percent(share)}</span></div>`}
      <div class="buttons"><${Button} kind="primary" icon="upload" busy=${busy} disabled=${!file} onClick=${send}>Check it<//></div>
      <${Refusal} problem=${problem} />
    </div>
  <//>`;
}

function formOf(file, agents, reference) {
  const form = new FormData();
  form.append("selected_ucs", agents);
  if (reference) form.append("reference_id", reference);
  form.append("file", file);
  return form;
}

/** Where a file is dropped; a label of a file field, so that it works from the keyboard too. */
function Drop({ file, onChoose }) {
  const [isOver, setOver] = useState(false);
  const field = useRef(null);
  const over = (event) => {
    event.preventDefault();
    setOver(true);
  };
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    onChoose(event.dataTransfer.files[0]);
  };
  return html`<label class=${`jobs-drop ${isOver ? "is-over" : ""}`} onDragOver=${over} onDragLeave=${() => setOver(false)} onDrop=${drop}>
    <input ref=${field} type="file" class="unseen" accept=".csv,.gz,.zip,text/csv" onChange=${(event) => onChoose(event.currentTarget.files[0])} />
    <span class="jobs-drop-title">${file ? file.name : "Choose a CSV file, or drop it here"}</span>
    <span class="quiet">${file ? `${(file.size / 1024).toFixed(0)} KiB` : "employees, tasks, history, or any other table"}</span>
  </label>`;
}
