/** Which bundle took over when, and why; and going back to the one before. */
import { html, useState } from "../../vendor/preact-htm.js";
import { post } from "../../lib/api.js";
import { useAction } from "../../lib/hooks.js";
import { Button, Confirm, Field, Panel, say, Select, Time } from "../../lib/parts.js";
import { evidenceInWords, KINDS } from "./words.js";

/** @param {{changes: object[], isAdmin: boolean, reload: () => Promise<void>}} props */
export function Changes({ changes, isAdmin, reload }) {
  const [asking, setAsking] = useState(false);
  const kinds = [...new Set(changes.filter(({ previous }) => previous !== null).map(({ kind }) => kind))];
  const actions = isAdmin && kinds.length > 0 && html`<${Button} onClick=${() => setAsking(true)}>Roll back<//>`;
  return html`<${Panel} title="Promotions" actions=${actions}>
    ${changes.length
      ? html`<ol class="model-changes" reversed>${changes.map((change) => html`<li key=${change.at + change.bundle}><${Change} change=${change} /></li>`)}</ol>`
      : html`<p class="quiet">None on record.</p>`}
    ${asking && html`<${RollBack} kinds=${kinds} reload=${reload} onClose=${() => setAsking(false)} />`}
  <//>`;
}

function Change({ change }) {
  const { bundle, previous, action, forced, kind, reason } = change;
  return html`<p><strong>${bundle}</strong> ${action === "promote" ? "promoted" : "brought back"}${forced ? ", forced" : ""}</p>
    <p class="quiet"><${Time} value=${change.at} as="relative" />${previous && html`, in place of ${previous}`}${kind !== "success" && html`; ${KINDS[kind]}`}</p>
    ${evidenceInWords(change).map((line) => html`<p key=${line} class="quiet">${line}</p>`)}
    ${reason && html`<p>“${reason}”</p>`}`;
}

function RollBack({ kinds, reload, onClose }) {
  const [kind, setKind] = useState(kinds[0]);
  const [reason, setReason] = useState("");
  const [back, { busy, problem }] = useAction(async () => {
    const change = await post("/api/models/rollback", { kind, reason: reason.trim() || null });
    say(`${change.bundle} is the champion again`);
    onClose();
    await reload();
  });
  return html`<${Confirm} title="Roll back?" confirm="Roll back" kind="danger" busy=${busy} problem=${problem} onConfirm=${back} onClose=${onClose}>
    <p>The champion before the present one takes over again, in every instance within seconds.</p>
    ${kinds.length > 1 && html`<${Select} label="The model that" value=${kind} options=${kinds.map((one) => [one, KINDS[one]])} onChange=${setKind} />`}
    <${Field} label="Why (goes on record)">${(props) => html`<input ...${props} maxlength="255" value=${reason} onInput=${(event) => setReason(event.currentTarget.value)} />`}<//>
  <//>`;
}
