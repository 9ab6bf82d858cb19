/** Greedy, balanced and optimal side by side, on what is asked now. */
import { html } from "../../vendor/preact-htm.js";
import { count, number, percent, plural } from "../../lib/format.js";
import { Icon } from "../../lib/icons.js";
import { Button, Loading, Panel } from "../../lib/parts.js";
import { METHODS } from "./asking.js";
import { differences } from "./planner.js";
import { amount } from "./wording.js";

/** @param {{compared: object, shown: object|null, onUse: (found: object) => void, onClose: () => void}} props */
export function Comparison({ compared, shown, onUse, onClose }) {
  const done = METHODS.map(([method]) => compared[method]).filter((found) => found?.preview);
  const bound = Math.min(...done.map(({ preview }) => preview.report.bound));
  const values = done.map(({ preview }) => preview.report.value);
  const best = values.length > 1 && Math.max(...values) > Math.min(...values) + 1e-9 ? Math.max(...values) : Infinity;
  return html`<${Panel} title="The methods side by side" class="plan-compare" actions=${html`<button type="button" class="button button-quiet button-icon" aria-label="Close the comparison" onClick=${onClose}><${Icon} name="cross" /></button>`}>
    <div class="plan-methods">${METHODS.map(([method, name]) => html`<${Method} key=${method} name=${name} found=${compared[method]} bound=${bound} best=${best} shown=${shown} onUse=${onUse} />`)}</div>
    <p class="hint">Value is the sum of scores, weighted by priority, as they stand at the start; no plan can have more than a bound. The bar shows the value as a share of the lowest bound found. Seconds are as this page saw them.</p>
  <//>`;
}

function Method({ name, found, bound, best, shown, onUse }) {
  if (!found || found === "waiting") return html`<section class="plan-card"><h3>${name}</h3><${Loading} lines=${4} label=${`${name} is being planned`} /></section>`;
  if (found.problem) return html`<section class="plan-card"><h3>${name}</h3><p class="field-error">${found.problem.detail || found.problem.message}</p></section>`;
  const { report, assignments, unassigned } = found.preview;
  const part = bound > 0 ? Math.min(1, report.value / bound) : 1;
  const isShown = shown?.preview.preview_id === found.preview.preview_id;
  const facts = [
    ["Bound", amount(report.bound)],
    ["Gap", `${number(report.gap * 100, 1)} %`],
    ["Tasks with a person", `${count(assignments.length)} of ${count(assignments.length + unassigned.length)}`],
    ["Unevenness of load", number(report.load_after.gini)],
    ["Fullest person", percent(report.load_after.max_ratio)],
    ["Seconds", number(found.seconds, 1)],
    shown && !isShown && ["Unlike the plan shown", changes(shown.preview, found.preview)],
  ].filter(Boolean);
  const isBest = report.value >= best - 1e-9;
  return html`<section class=${`plan-card ${isBest ? "plan-best" : ""}`} aria-label=${name}>
    <h3>${name}${isBest && html`<span class="badge badge-accent">highest value</span>`}</h3>
    <p class="plan-value"><strong>${amount(report.value)}</strong> <span class="quiet">value, ${percent(part)} of the bound</span></p>
    <span class="bars-track" aria-hidden="true"><span class="bars-after" style=${{ width: `${100 * part}%` }}></span></span>
    <dl class="plan-pairs">${facts.map(([label, value]) => html`<div key=${label}><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
    <${Button} disabled=${isShown} onClick=${() => onUse(found)}>${isShown ? "Shown below" : `Use ${name.toLowerCase()}`}<//>
  </section>`;
}

/** How many tasks have another person, or none, in the other plan. */
function changes(one, other) {
  const { more, fewer, moved } = differences(one, other);
  const n = more + fewer + moved;
  return n === 0 ? "not at all" : `in ${plural(n, "task")}`;
}
