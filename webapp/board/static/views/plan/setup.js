/** What to plan: tasks, people, method, rules. */
import { html, useState } from "../../vendor/preact-htm.js";
import { Button, Choice, Field, Panel, useId } from "../../lib/parts.js";
import { choiceInWords, METHODS, readLevels, rulesInWords, writeLevels } from "./asking.js";
import { Check, Chooser } from "./choosing.js";

const METHOD_HINTS = {
  greedy: "The most urgent first, each to the best person left.",
  balanced: "The same, with load counting against the score.",
  optimal: "All at once, with a proof of how close it comes.",
};

/** @param {{asked: object, setAsked: (next: object) => void, totals: {tasks: number|null, people: number|null}, hasPlan: boolean,
 *   isCurrent: boolean, busy: boolean, onPlan: () => void, onCompare: () => void}} props */
export function Setup({ asked, setAsked, totals, hasPlan, isCurrent, busy, onPlan, onCompare }) {
  const [choosing, setChoosing] = useState(null);
  const set = (changed) => setAsked({ ...asked, ...changed });
  const rules = rulesInWords(asked.rules);
  return html`<${Panel} title="What to plan" class="plan-setup">
    <div class="plan-asked">
      <${Chosen} label="Tasks" words=${choiceInWords("tasks", asked.tasks, totals.tasks)} onOpen=${() => setChoosing("tasks")} />
      <${Chosen} label="People" words=${choiceInWords("people", asked.people, totals.people)} onOpen=${() => setChoosing("people")} />
      <div class="plan-method">
        <${Choice} label="Method" value=${asked.method} options=${METHODS} onChange=${(method) => set({ method })} />
        <p class="hint">${METHOD_HINTS[asked.method]}</p>
      </div>
    </div>
    <${MethodOptions} asked=${asked} set=${set} />
    <div class="plan-foot">
      <details class="more plan-rules">
        <summary>${rules.length > 0 ? html`Rules: <strong>${rules.join(", ")}</strong>` : "Rules"}</summary>
        <${Rules} rules=${asked.rules} setRules=${(changed) => set({ rules: { ...asked.rules, ...changed } })} />
      </details>
      <div class="buttons">
        ${hasPlan && !isCurrent && html`<p class="plan-differs">You ask for something else now.</p>`}
        <${Button} disabled=${busy} onClick=${onCompare}>Compare the methods<//>
        <${Button} kind=${hasPlan ? "plain" : "primary"} icon=${hasPlan ? "refresh" : "plan"} disabled=${busy} onClick=${onPlan}>${hasPlan ? "Plan again" : "Make a plan"}<//>
      </div>
    </div>
    ${choosing && html`<${Chooser} kind=${choosing} choice=${asked[choosing]} onClose=${() => setChoosing(null)}
      onChoose=${(choice) => { set({ [choosing]: choice }); setChoosing(null); }} />`}
  <//>`;
}

/** What is chosen from a list, and the way to choose otherwise. */
function Chosen({ label, words, onOpen }) {
  const id = useId("chosen");
  return html`<div class="field">
    <span class="choice-label" id=${id}>${label}</span>
    <button type="button" class="plan-chosen" id=${`${id}-button`} aria-labelledby=${`${id} ${id}-button`} aria-haspopup="dialog" onClick=${onOpen}><span>${words}</span><span class="plan-change">Change</span></button>
  </div>`;
}

function MethodOptions({ asked, set }) {
  if (asked.method === "balanced") {
    return html`<div class="plan-options"><${Field} label=${`Weight of load: ${Math.round(asked.weight * 100)} %`} hint="0 % looks at scores only, 100 % at load only.">
      ${(props) => html`<input ...${props} type="range" min="0" max="1" step="0.05" value=${asked.weight} onInput=${(event) => set({ weight: Number(event.currentTarget.value) })} />`}<//></div>`;
  }
  if (asked.method !== "optimal") return null;
  return html`<div class="plan-options">
    <${Field} label="At most (seconds)" hint="Then the best plan so far is taken.">
      ${(props) => html`<input ...${props} type="number" inputmode="decimal" min="1" max="300" value=${asked.seconds} onChange=${(event) => set({ seconds: within(event.currentTarget.valueAsNumber, 1, 300, asked.seconds) })} />`}<//>
    <${Choice} label="Goal" value=${asked.objective} onChange=${(objective) => set({ objective })} options=${[["weighted", "Priorities count"], ["score", "All tasks alike"]]} />
    <${Check} label="Do every task that can be done, even at a lower total" checked=${asked.mandatory} onChange=${(mandatory) => set({ mandatory })} />
  </div>`;
}

const within = (value, low, high, otherwise) => (Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : otherwise);

function Rules({ rules, setRules }) {
  const [levels, setLevels] = useState(writeLevels(rules.minimum_levels));
  const parsed = readLevels(levels);
  const follow = (text) => {
    setLevels(text);
    const read = readLevels(text);
    if (read) setRules({ minimum_levels: read });
  };
  return html`<div class="plan-options">
    <${Field} label="Most tasks for one person" hint="Active ones count. Empty: no limit.">
      ${(props) => html`<input ...${props} type="number" inputmode="numeric" min="0" value=${rules.max_assignments ?? ""} onInput=${(event) => setRules({ max_assignments: limitOf(event.currentTarget) })} />`}<//>
    <${Field} label="Minimum skills" hint="For everybody who is chosen, such as python:0.6; sql" error=${parsed ? undefined : "Expected skills with levels up to 1, as in python:0.6; sql"}>
      ${(props) => html`<input ...${props} type="text" autocomplete="off" value=${levels} onInput=${(event) => follow(event.currentTarget.value)} />`}<//>
    <div class="plan-checks">
      <${Check} label="Own department only" checked=${rules.require_department} onChange=${(on) => setRules({ require_department: on })} />
      <${Check} label="Only tasks that wait for no other" checked=${rules.ready_only} onChange=${(on) => setRules({ ready_only: on })} />
      <${Check} label="Only people who are available" checked=${rules.respect_availability} onChange=${(on) => setRules({ respect_availability: on })} />
      <${Check} label="Done before the person’s shift ends" checked=${rules.respect_shift_end} onChange=${(on) => setRules({ respect_shift_end: on })} />
    </div>
  </div>`;
}

const limitOf = ({ valueAsNumber }) => (Number.isInteger(valueAsNumber) && valueAsNumber >= 0 ? valueAsNumber : null);
