/** Making a bundle the champion: on evidence, or forced with a reason. */
import { html, useState } from "../../vendor/preact-htm.js";
import { post } from "../../lib/api.js";
import { useAction } from "../../lib/hooks.js";
import { Button, Dialog, Refusal, say, Select } from "../../lib/parts.js";

const METRICS = [["log_loss", "Log-loss"], ["brier", "Brier score"], ["auc", "AUC"]];

/** @param {{model: object, onDone: () => void, onClose: () => void}} props */
export function PromoteDialog({ model, onDone, onClose }) {
  const [metric, setMetric] = useState("log_loss");
  const [reason, setReason] = useState("");
  const [promote, { busy, problem }] = useAction(async (force) => {
    await post(`/api/models/${encodeURIComponent(model.version)}/promote`, { metric, ...(force ? { force, reason } : {}) });
    say(`${model.version} is the champion; all instances follow within seconds`);
    await onDone();
  });
  const wasRefused = problem?.status === 409;
  const actions = html`<${Button} onClick=${onClose}>Go back<//>
    ${wasRefused
      ? html`<${Button} kind="danger" busy=${busy} disabled=${!reason.trim()} onClick=${() => promote(true)}>Force it<//>`
      : html`<${Button} kind="primary" busy=${busy} onClick=${() => promote(false)}>Promote<//>`}`;
  return html`<${Dialog} title=${`Promote ${model.version}?`} onClose=${onClose} actions=${actions}>
    <div class="stack">
      <p>It is compared with the champion on logged decisions that it has not seen, and becomes the champion only if it is better by more than the standard error.</p>
      ${!["triage", "eta"].includes(model.kind) && html`<${Select} label="Better in" value=${metric} options=${METRICS} onChange=${setMetric} />`}
      <${Refusal} problem=${problem} title=${wasRefused ? "Not promoted" : undefined} />
      ${wasRefused && html`<div class="field"><label for="model-why">Promote it all the same, because (goes on record)</label>
        <input id="model-why" value=${reason} onInput=${(event) => setReason(event.currentTarget.value)} /></div>`}
    </div>
  <//>`;
}
