/** Making a bundle the champion: on evidence, or forced with a reason. */
import { html, useState } from "../../vendor/preact-htm.js";
import { post } from "../../lib/api.js";
import { useAction } from "../../lib/hooks.js";
import { Button, Dialog, Field, Refusal, say, Select } from "../../lib/parts.js";
import { isOfPairs, METRICS } from "./words.js";

const HOW = {
  triage: "It is compared with the champion on finished tasks that neither has seen. It takes over only if it reads something better by more than the standard error, and nothing worse.",
  eta: "It was compared when it was trained, on work that was newer than what it learned from. It takes over only if it was better there by more than the standard error.",
  pairs: "It is compared with the champion on logged decisions that it has not seen. It takes over only if it is better by more than the standard error.",
};

/** Whether it is only the evidence that is missing; then a reason can take its place. */
const lacksEvidence = (problem) => /:(promotion-refused|training)$/.test(problem?.body?.type ?? "");

/** @param {{model: object, onDone: () => void, onClose: () => void}} props */
export function PromoteDialog({ model, onDone, onClose }) {
  const [metric, setMetric] = useState("log_loss");
  const [reason, setReason] = useState("");
  const [refused, setRefused] = useState(false);
  const [promote, { busy, problem, clear }] = useAction(async (force) => {
    try {
      await post(`/api/models/${encodeURIComponent(model.version)}/promote`, { metric, ...(force ? { force, reason: reason.trim() } : {}) });
    } catch (error) {
      setRefused(lacksEvidence(error));
      throw error;
    }
    say(`${model.version} is the champion; all instances follow within seconds`);
    await onDone();
  });
  const choose = (chosen) => {
    clear();
    setRefused(false);
    setMetric(chosen);
  };
  const actions = html`<${Button} onClick=${onClose}>Go back<//>
    ${refused
      ? html`<${Button} kind="danger" busy=${busy} disabled=${!reason.trim()} onClick=${() => promote(true)}>Force it<//>`
      : html`<${Button} kind="primary" busy=${busy} onClick=${() => promote(false)}>Promote<//>`}`;
  return html`<${Dialog} title=${`Promote ${model.version}?`} onClose=${onClose} actions=${actions}>
    <p>${HOW[model.kind] ?? HOW.pairs}</p>
    ${isOfPairs(model) && html`<${Select} label="Better in" value=${metric} options=${METRICS} onChange=${choose} />`}
    <${Refusal} problem=${problem} title=${problem?.status === 409 ? "Not promoted" : undefined} />
    ${refused && html`<${Field} label="Promote it all the same, because" hint="Goes on record, with your promotion marked as forced.">
      ${(props) => html`<input ...${props} maxlength="255" value=${reason} onInput=${(event) => setReason(event.currentTarget.value)} />`}<//>`}
  <//>`;
}
