/** The bundles there are: those that score pairs with their measures, and the others. */
import { html } from "../../vendor/preact-htm.js";
import { number } from "../../lib/format.js";
import { Badge, Button, Empty, Panel, Time } from "../../lib/parts.js";
import { Table } from "../../lib/table.js";
import { canBeServed, KINDS } from "./words.js";

const trained = { key: "created_at", label: "Trained", align: "end", value: (m) => m.created_at, render: (m) => html`<${Time} value=${m.created_at} as="relative" />` };

function Name({ model }) {
  return html`<span class="model-name"><strong>${model.version}</strong>
    ${model.is_champion && html`<${Badge} tone="accent">champion<//>`}
    ${model.kind === "choice" && html`<${Badge} tone="quiet">ranks only<//>`}
    ${model.problem && html`<${Badge} tone="alert">cannot be used<//>`}
    ${model.problem && html`<span class="model-problem">${model.problem}</span>`}</span>`;
}

function Promote({ model, onPromote }) {
  return html`<${Button} onClick=${() => onPromote(model)} aria-label=${`Promote ${model.version}`}>Promote<//>`;
}

/** @param {{models: object[], shown: string|null, onShow: (version: string) => void, isAdmin: boolean, onPromote: (model: object) => void}} props */
export function Bundles({ models, shown, onShow, isAdmin, onPromote }) {
  const measure = (key, label) => ({ key, label, align: "end", value: (m) => m.metrics.model?.[key], render: (m) => number(m.metrics.model?.[key], 3) });
  const columns = [
    { key: "version", label: "Bundle", narrow: "title", value: (m) => m.version, render: (m) => html`<${Name} model=${m} />` },
    measure("auc", "AUC"),
    measure("log_loss", "Log-loss"),
    trained,
    { key: "act", label: "What can be done", align: "end", narrow: "alone", render: (m) => html`<span class="model-acts">
      ${!m.problem && html`<${Button} kind="quiet" disabled=${m.version === shown} onClick=${() => onShow(m.version)} aria-label=${`Show the report of ${m.version}`}>Report<//>`}
      ${isAdmin && !m.is_champion && canBeServed(m) && html`<${Promote} model=${m} onPromote=${onPromote} />`}</span>` },
  ];
  return html`<${Panel} title="Champion and challengers" note="measured when they were trained" flush>
    <${Table} caption="Bundles that score pairs" columns=${columns} rows=${models} rowKey=${(m) => m.version} selected=${shown}
      empty=${html`<${Empty} title="No bundle yet"><p>Train one: <code>assignment-engine train</code>, or the notebook <code>retrain</code>. Until then the weighted fallback scores.</p><//>`} />
  <//>`;
}

/** Models that read tickets or say when work will be done; each kind has a champion of its own. */
export function Others({ models, isAdmin, onPromote }) {
  if (models.length === 0) return null;
  const columns = [
    { key: "version", label: "Bundle", narrow: "title", render: (m) => html`<${Name} model=${m} />` },
    { key: "kind", label: "What it does", value: (m) => KINDS[m.kind], render: (m) => KINDS[m.kind] ?? m.kind },
    { key: "worth", label: "On newer work", align: "end", render: (m) => worth(m).map((text) => html`<span key=${text} class="model-worth">${text}</span>`) },
    trained,
    { key: "act", label: "What can be done", align: "end", narrow: "alone", render: (m) => isAdmin && !m.is_champion && canBeServed(m) && html`<${Promote} model=${m} onPromote=${onPromote} />` },
  ];
  return html`<${Panel} title="Other models" note="each kind has its own champion" flush>
    <${Table} caption="Models that read tickets or say when work will be done" columns=${columns} rows=${models} rowKey=${(m) => m.version} />
  <//>`;
}

/** How much less loss than without it, field by field. */
function worth({ kind, metrics }) {
  if (kind === "triage") return Object.entries(metrics).map(([field, { gain, standard_error: error }]) => `${field}: loss ${less(gain)} ± ${number(error, 3)}`);
  const measured = metrics.newest ?? {};
  return ["p50", "p90"].filter((name) => measured[`gain_${name}`] !== undefined).map((name) => `${name}: loss ${less(measured[`gain_${name}`])} ± ${number(measured[`error_${name}`], 3)} h`);
}

const less = (gain) => `${number(Math.abs(gain), 3)} ${gain < 0 ? "more" : "less"}`;
