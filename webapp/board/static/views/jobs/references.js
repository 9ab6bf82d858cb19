/** Files that others are compared with, one active for each agent. */
import { html, useState } from "../../vendor/preact-htm.js";
import { get, remove, upload } from "../../lib/api.js";
import { useAction, useLoad } from "../../lib/hooks.js";
import { Badge, Button, Confirm, Loaded, Refusal, say, Select, Time } from "../../lib/parts.js";

const AGENTS = [["UC1", "Gaps (UC1)"], ["UC4", "Duplicates (UC4)"]];
const NOBODYS = { items: [] };

/** The reference files, where the person may see them. */
export const useReferences = (isAdmin) => useLoad((signal) => (isAdmin ? get("/reference-files", { limit: 100 }, { signal }) : Promise.resolve(NOBODYS)), [isAdmin]);

const nameOf = ({ file_path: path }) => path.split("/").at(-1);

export function References({ references }) {
  const [leaving, setLeaving] = useState(null);
  const [drop, dropping] = useAction(async () => {
    await remove(`/reference-files/${leaving.id}`);
    say(`${nameOf(leaving)} is no reference any more`);
    setLeaving(null);
    await references.reload();
  });
  return html`<details class="panel jobs-more"><summary>References</summary>
    <div class="stack">
      <p class="quiet">A file of which you know that it is right: others are compared with it. The latest of each agent is the active one.</p>
      <${Loaded} of=${references} lines=${2}>${({ items }) => html`<ul class="jobs-list">
        ${items.map((one) => html`<li key=${one.id}>
          <span>${one.uc_type} <strong>${nameOf(one)}</strong> ${one.is_active && html`<${Badge} tone="accent">active<//>`}</span>
          <span class="quiet"><${Time} value=${one.created_at} as="relative" /></span>
          <${Button} kind="quiet" onClick=${() => setLeaving(one)} aria-label=${`Delete reference ${nameOf(one)}`}>Delete<//></li>`)}
      </ul>`}<//>
      <${Add} reload=${references.reload} />
    </div>
    ${leaving && html`<${Confirm} title="Delete this reference?" confirm="Delete" kind="danger" busy=${dropping.busy} problem=${dropping.problem} onConfirm=${drop} onClose=${() => setLeaving(null)}>
      <p>${nameOf(leaving)} will not be compared with any more, and no other takes its place by itself.</p><//>`}
  </details>`;
}

function Add({ reload }) {
  const [agent, setAgent] = useState("UC1");
  const [file, setFile] = useState(null);
  const [add, { busy, problem }] = useAction(async (event) => {
    event.preventDefault();
    const form = new FormData();
    form.append("uc_type", agent);
    form.append("file", file);
    await upload("/reference-files", form);
    say(`${file.name} is the active reference of ${agent}`);
    await reload();
  });
  return html`<form class="stack" onSubmit=${add}>
    <${Select} label="Reference for" value=${agent} onChange=${setAgent} options=${AGENTS} />
    <div class="field"><label for="jobs-reference">File</label>
      <input id="jobs-reference" type="file" required onChange=${(event) => setFile(event.currentTarget.files[0] ?? null)} /></div>
    <div class="buttons"><${Button} type="submit" busy=${busy} disabled=${!file}>Add reference<//></div>
    <${Refusal} problem=${problem} />
  </form>`;
}
