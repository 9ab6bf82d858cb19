/** Model: which one scores, how good it is and for whom, what it has learned from, and changing it. */
import { html, useState } from "../vendor/preact-htm.js";
import { get, post } from "../lib/api.js";
import { moment, number, plural } from "../lib/format.js";
import { useAction, useLoad } from "../lib/hooks.js";
import { useKeys } from "../lib/keys.js";
import { Badge, Button, Confirm, Empty, Figure, Figures, Loaded, Panel, Refusal, say, Time, View } from "../lib/parts.js";
import { Table } from "../lib/table.js";
import { LinePlot } from "../lib/charts.js";
import { Judged } from "./model/judged.js";
import { PromoteDialog } from "./model/promoting.js";

export default function ModelView({ session, rest }) {
  const isAdmin = session.role === "admin";
  const models = useLoad((signal) => get("/api/models", {}, { signal }));
  const [chosen, setChosen] = useState(rest[0] ?? null);
  const [promoting, setPromoting] = useState(null);
  useKeys("Model", { r: ["Read again", models.reload] });

  return html`<${View} title="Model" lead="What scores pairs of people and tasks, and what else was learned">
    <${Loaded} of=${models} lines=${6}>${({ items, in_use: inUse, changes }) => {
      const scoring = items.filter((model) => !["triage", "eta"].includes(model.kind));
      const shown = chosen ?? scoring.find((model) => model.is_champion)?.version ?? scoring[0]?.version;
      const done = async () => {
        setPromoting(null);
        await models.reload();
      };
      return html`
        <${InUse} inUse=${inUse} items=${items} />
        <div class="columns">
          <div class="stack">
            <${Bundles} models=${items} shown=${shown} onShow=${setChosen} isAdmin=${isAdmin} onPromote=${setPromoting} />
            ${shown && html`<${Judged} version=${shown} key=${shown} />`}
          </div>
          <div class="stack">
            <${OverTime} models=${scoring} />
            <${Changes} changes=${changes} isAdmin=${isAdmin} reload=${models.reload} />
          </div>
        </div>
        ${promoting && html`<${PromoteDialog} model=${promoting} onDone=${done} onClose=${() => setPromoting(null)} />`}`;
    }}<//>
  <//>`;
}

function InUse({ inUse, items }) {
  const champion = items.find((model) => model.version === inUse.version);
  const measured = champion?.metrics?.model;
  return html`<${Figures}>
      <${Figure} label="This instance scores with" value=${inUse.version} note=${inUse.name} tone=${inUse.warning ? "alert" : "plain"} />
      ${measured && html`<${Figure} label="AUC when trained" value=${number(measured.auc)} note="1 is perfect, 0.5 is chance" />
        <${Figure} label="Log-loss" value=${number(measured.log_loss)} note="less is better" />
        <${Figure} label="Calibration error" value=${number(measured.ece, 3)} note="how far shares miss what was said" />`}
    <//>
    ${inUse.warning && html`<div class="refusal" role="status"><div><p class="refusal-title">Not the champion</p><p>${inUse.warning}</p></div></div>`}`;
}

const KINDS = { success: "scores pairs", choice: "ranks candidates", triage: "reads tickets", eta: "says when work will be done" };

function Bundles({ models, shown, onShow, isAdmin, onPromote }) {
  const isScoring = (model) => !["triage", "eta"].includes(model.kind);
  const columns = [
    { key: "version", label: "Bundle", narrow: "title", render: (m) => html`<span class="model-name"><strong>${m.version}</strong>${m.is_champion && html`<${Badge} tone="accent">champion<//>`}${m.problem && html`<${Badge} tone="alert">cannot be used<//>`}</span>` },
    { key: "kind", label: "What it does", render: (m) => m.problem ?? KINDS[m.kind] ?? m.kind ?? "–" },
    { key: "auc", label: "AUC", align: "end", value: (m) => m.metrics.model?.auc, render: (m) => number(m.metrics.model?.auc) },
    { key: "log_loss", label: "Log-loss", align: "end", value: (m) => m.metrics.model?.log_loss, render: (m) => number(m.metrics.model?.log_loss) },
    { key: "created_at", label: "Trained", align: "end", render: (m) => html`<${Time} value=${m.created_at} as="relative" />` },
    { key: "act", label: "To do", align: "end", render: (m) => html`<span class="model-acts">
      ${isScoring(m) && !m.problem && html`<${Button} kind="quiet" disabled=${m.version === shown} onClick=${() => onShow(m.version)} aria-label=${`Show the report of ${m.version}`}>Report<//>`}
      ${isAdmin && !m.is_champion && !m.problem && html`<${Button} onClick=${() => onPromote(m)} aria-label=${`Promote ${m.version}`}>Promote<//>`}</span>` },
  ];
  return html`<${Panel} title="Champion and challengers" note="the newest first" flush>
    <${Table} caption="All bundles" columns=${columns} rows=${models} rowKey=${(m) => m.version} selected=${shown}
      empty=${html`<${Empty} title="No bundle yet"><p>Train one: <code>assignment-engine train</code>, or the notebook <code>retrain</code>. Until then the weighted fallback scores.</p><//>`} />
  <//>`;
}

/** How each bundle was when it was trained, by the day of its training. */
function OverTime({ models }) {
  const known = models.filter((m) => m.created_at && m.metrics.model?.auc).sort((a, b) => a.created_at.localeCompare(b.created_at));
  const points = known.map((m) => ({ x: Date.parse(m.created_at), y: m.metrics.model.auc }));
  return html`<${Panel} title="AUC over time" note="of each bundle, on decisions it had not seen">
    ${points.length > 1
      ? html`<${LinePlot} label="AUC of the bundles by the time of their training" series=${[{ name: "AUC", tone: "accent", points, dots: true }]} xFormat=${(x) => moment(new Date(x))} yFormat=${(y) => number(y)} />`
      : html`<p class="quiet">${points.length ? "One bundle so far: a line needs two." : "No bundle was measured yet."}</p>`}
  <//>`;
}

function Changes({ changes, isAdmin, reload }) {
  const [asking, setAsking] = useState(false);
  const [reason, setReason] = useState("");
  const [back, { busy, problem }] = useAction(async () => {
    const change = await post("/api/models/rollback", { reason: reason || null });
    say(`${change.bundle} is the champion again`);
    setAsking(false);
    await reload();
  });
  const actions = isAdmin && changes.length > 0 && html`<${Button} onClick=${() => setAsking(true)}>Roll back<//>`;
  return html`<${Panel} title="Promotions" actions=${actions}>
    ${changes.length
      ? html`<ol class="model-changes">${changes.map((change) => html`<li key=${change.at + change.bundle}><${Change} change=${change} /></li>`)}</ol>`
      : html`<p class="quiet">None on record.</p>`}
    ${asking && html`<${Confirm} title="Roll back?" confirm="Roll back" kind="danger" busy=${busy} problem=${problem} onConfirm=${back} onClose=${() => setAsking(false)}>
      <p>The champion before the present one scores again, in every instance within seconds.</p>
      <div class="field"><label for="model-back">Why (goes on record)</label><input id="model-back" value=${reason} onInput=${(event) => setReason(event.currentTarget.value)} /></div><//>`}
  <//>`;
}

function Change({ change }) {
  const { evidence } = change;
  return html`<p><strong>${change.bundle}</strong> ${change.action === "promote" ? "promoted" : "brought back"}${change.forced ? ", forced" : ""} <span class="quiet"><${Time} value=${change.at} as="relative" /></span></p>
    ${evidence && html`<p class="quiet">${evidence.metric} better than that of ${evidence.against} by ${number(evidence.gain, 4)} ± ${number(evidence.standard_error, 4)} on ${plural(evidence.decisions, "decision")}</p>`}
    ${change.reason && html`<p class="quiet">“${change.reason}”</p>`}`;
}

