/** Model: which one scores, how good it is and for whom, what it has learned from, and changing it. */
import { html, useState } from "../vendor/preact-htm.js";
import { get } from "../lib/api.js";
import { LinePlot } from "../lib/charts.js";
import { date, number } from "../lib/format.js";
import { useLoad } from "../lib/hooks.js";
import { useKeys } from "../lib/keys.js";
import { Choice, Figure, Figures, Loaded, Panel, View } from "../lib/parts.js";
import { go, to } from "../lib/router.js";
import { Bundles, Others } from "./model/bundles.js";
import { Changes } from "./model/changes.js";
import { Judged } from "./model/judged.js";
import { PromoteDialog } from "./model/promoting.js";
import { isOfPairs } from "./model/words.js";

const show = (version) => go(to("model", version));

export default function ModelView({ session, rest }) {
  const isAdmin = session.role === "admin";
  const models = useLoad((signal) => get("/api/models", {}, { signal }));
  const [round, setRound] = useState(0);
  const [promoting, setPromoting] = useState(null);
  const reload = () => {
    setRound((n) => n + 1);
    return models.reload();
  };
  useKeys("Model", { r: ["Read again", reload] });
  const done = async () => {
    setPromoting(null);
    await models.reload();
  };

  return html`<${View} title="Model" lead="What scores pairs of people and tasks, and what else was learned.">
    <${Loaded} of=${models} lines=${6}>${({ items, in_use: inUse, changes }) => {
      const scoring = items.filter(isOfPairs);
      const shown = rest[0] ?? (scoring.find((model) => model.is_champion) ?? scoring.find((model) => !model.problem))?.version;
      const acts = { isAdmin, onPromote: setPromoting };
      return html`
        <${InUse} inUse=${inUse} champion=${scoring.find((model) => model.is_champion)} />
        <div class="columns">
          <div class="stack">
            <${Bundles} models=${scoring} shown=${shown} onShow=${show} ...${acts} />
            <${Others} models=${items.filter((model) => !isOfPairs(model))} ...${acts} />
            <${OverTime} models=${scoring} />
          </div>
          <${Changes} changes=${changes} isAdmin=${isAdmin} reload=${models.reload} />
        </div>
        ${shown && html`<${Judged} version=${shown} state=${`${round} ${changes[0]?.at}`} wanted=${rest[0] !== undefined} />`}
        ${promoting && html`<${PromoteDialog} model=${promoting} onDone=${done} onClose=${() => setPromoting(null)} />`}`;
    }}<//>
  <//>`;
}

function InUse({ inUse, champion }) {
  const measured = inUse.warning ? null : champion?.metrics.model;
  const isOtherwiseNamed = measured && champion.version !== inUse.version;
  return html`<${Figures}>
      <${Figure} label="This instance scores with" value=${inUse.version} note=${isOtherwiseNamed ? `${inUse.name}, bundle ${champion.version}` : inUse.name} tone=${inUse.warning ? "alert" : "plain"} />
      ${measured && html`<${Figure} label="AUC when trained" value=${number(measured.auc, 3)} note="1 is perfect, 0.5 is chance" />
        <${Figure} label="Log-loss" value=${number(measured.log_loss, 3)} note="less is better" />
        <${Figure} label="Calibration error" value=${number(measured.ece, 3)} note="how far shares miss what was said" />`}
    <//>
    ${inUse.warning && html`<div class="refusal" role="status"><div><p class="refusal-title">${champion ? "Not the champion" : "No model is in use"}</p><p>${inUse.warning}</p></div></div>`}`;
}

const MEASURES = [["auc", "AUC"], ["log_loss", "Log-loss"], ["ece", "Calibration"]];

/** How good each bundle was when it was trained, by the day of its training. */
function OverTime({ models }) {
  const [measure, setMeasure] = useState("auc");
  const known = models.filter((m) => m.created_at && m.metrics.model?.[measure] !== undefined).sort((a, b) => a.created_at.localeCompare(b.created_at));
  const points = known.map((m) => ({ x: Date.parse(m.created_at), y: m.metrics.model[measure] }));
  const few = points.length ? "One bundle so far: a line needs two." : "No bundle was measured yet.";
  return html`<${Panel} title="Over time" actions=${html`<${Choice} label="Measure" hideLabel value=${measure} options=${MEASURES} onChange=${setMeasure} />`}>
    ${points.length > 1 ? html`<${Line} name=${MEASURES.find(([key]) => key === measure)[1]} points=${points} />` : html`<p class="quiet">${few}</p>`}
    <p class="hint">Of each bundle when it was trained, on decisions that it had not seen${measure === "auc" ? "" : "; less is better"}.</p>
  <//>`;
}

function Line({ name, points }) {
  const heights = points.map(({ y }) => y);
  const digits = Math.max(...heights) - Math.min(...heights) < 0.02 ? 4 : 3;
  const ends = [...new Set([points[0].x, points.at(-1).x])];
  return html`<${LinePlot} label=${`${name} of the bundles by the day of their training`} series=${[{ name, tone: "accent", points, dots: true }]}
    xTicks=${ends} xFormat=${(x) => date(x)} yFormat=${(y) => number(y, digits)} height=${180} />`;
}
