/** A bundle on the newest decisions that it has not seen. */
import { html } from "../../vendor/preact-htm.js";
import { get } from "../../lib/api.js";
import { LinePlot, SignedBars } from "../../lib/charts.js";
import { count, moment, number, percent, plural, words } from "../../lib/format.js";
import { useLoad } from "../../lib/hooks.js";
import { Empty, Loaded, Panel } from "../../lib/parts.js";
import { Table } from "../../lib/table.js";

const CHANGED = 0.25;
const SHARES = [0, 1];
const MOST_FEATURES = 10;

/** @param {{version: string}} props */
export function Judged({ version }) {
  const found = useLoad((signal) => get(`/api/models/${encodeURIComponent(version)}`, {}, { signal }), [version]);
  return html`<${Panel} title=${`Report of ${version}`} class="model-report">
    <${Loaded} of=${found} lines=${8}>${({ training, report, why_not: whyNot }) => html`
      <p class="quiet">Learned from ${plural(training.rows, "decision")} made ${moment(training.start)} – ${moment(training.end)}: ${training.data}.</p>
      ${report ? html`<${Report} report=${report} />` : html`<${Empty} title="Not yet judged on your own decisions"><p>${whyNot}.</p><p>As work is completed its outcomes are logged, and this fills by itself.</p><//>`}`}<//>
  <//>`;
}

function Report({ report }) {
  const { decisions, drift } = report;
  const rate = drift.base_rate;
  return html`<p class="quiet">On ${plural(decisions, "later decision")}, ${moment(report.from)} – ${moment(report.to)}.</p>
    <div class="model-parts">
      <${Measures} success=${report.success} />
      <${Calibration} bins=${report.calibration} />
      <${Importance} importance=${report.importance} />
      <${Abstaining} rows=${report.abstaining} />
      <${Fairness} experience=${report.experience} />
      <section><h3>Has the world changed?</h3>
        ${rate && html`<p>Good outcomes were ${percent(rate.earlier)} of the earlier decisions and are ${percent(rate.later)} of the later ones.</p>`}
        <${Drift} features=${drift.features ?? {}} /></section>
    </div>`;
}

function Measures({ success }) {
  const rows = Object.entries(success).map(([name, measured]) => ({ name, ...measured }));
  const column = (key, label, digits = 3) => ({ key, label, align: "end", value: (row) => row[key], render: (row) => number(row[key], digits) });
  return html`<section><h3>Against the others</h3><${Table} caption="Measures against a constant, the fallback and the champion" rows=${rows} rowKey=${(row) => row.name}
    columns=${[{ key: "name", label: "Who", narrow: "title", render: (row) => words(row.name) }, column("auc", "AUC"), column("log_loss", "Log-loss"), column("brier", "Brier"), column("ece", "Calibration error")]} /></section>`;
}

/** What was expected against what came: on the diagonal it can be taken at its word. */
function Calibration({ bins }) {
  const points = bins.map(({ expected, observed }) => ({ x: expected, y: observed }));
  const described = bins.map((b) => `expected ${percent(b.expected)}, came ${percent(b.observed)} of ${count(b.decisions)}`).join("; ");
  return html`<section><h3>Can it be taken at its word?</h3>
    <p class="quiet">Share of good outcomes (upwards) where so much was expected (to the right); on the line both are the same. About ${count(bins[0]?.decisions)} decisions a point.</p>
    <${LinePlot} label="Calibration" describe=${described} series=${[{ name: "came", tone: "accent", points, dots: true }]} xRange=${SHARES} yRange=${SHARES} xFormat=${percent} yFormat=${percent} diagonal /></section>`;
}

function Importance({ importance }) {
  const rows = Object.entries(importance).slice(0, MOST_FEATURES).map(([key, { permutation }]) => ({ key, name: words(key), value: permutation }));
  return html`<section><h3>What counts</h3><p class="quiet">How much worse (log-loss) it becomes when the values of a feature are exchanged.</p>
    <${SignedBars} label="Importance of features" rows=${rows} format=${(v) => number(v, 4)} /></section>`;
}

function Abstaining({ rows }) {
  const points = rows.filter((row) => row.precision !== null).map(({ coverage, precision }) => ({ x: coverage, y: precision })).sort((a, b) => a.x - b.x);
  return html`<section><h3>If it decides only when sure</h3><p class="quiet">Share of good outcomes (upwards) among the decisions it takes (to the right).</p>
    ${points.length > 1 ? html`<${LinePlot} label="Precision by coverage" series=${[{ name: "good", tone: "accent", points, dots: true }]} xRange=${SHARES} yRange=${SHARES} xFormat=${percent} yFormat=${percent} />` : html`<p class="quiet">It is never that sure.</p>`}</section>`;
}

/** Whether newcomers are judged as truly as others. */
function Fairness({ experience }) {
  const rows = Object.entries(experience).map(([name, group]) => ({ name, ...group }));
  return html`<section><h3>Is it fair to newcomers?</h3><p class="quiet">Above zero people are trusted more than their outcomes say, below zero less.</p>
    <${Table} caption="By experience" rows=${rows} rowKey=${(row) => row.name} columns=${[
      { key: "name", label: "Experience", narrow: "title" },
      { key: "decisions", label: "Decisions", align: "end", render: (row) => count(row.decisions) },
      { key: "share_good", label: "Good", align: "end", render: (row) => percent(row.share_good) },
      { key: "mean_probability", label: "Expected", align: "end", render: (row) => percent(row.mean_probability) },
      { key: "excess", label: "Too much", align: "end", render: (row) => `${row.excess > 0 ? "+" : ""}${number(100 * row.excess, 1)} %` }]} /></section>`;
}

function Drift({ features }) {
  const changed = Object.entries(features).filter(([, psi]) => psi > CHANGED);
  return changed.length
    ? html`<p>These features are not what they were:</p><ul class="jobs-list">${changed.map(([name, psi]) => html`<li key=${name}><span>${words(name)}</span><span class="quiet">stability index ${number(psi)}</span></li>`)}</ul>`
    : html`<p class="quiet">No feature has changed much (stability index up to ${CHANGED}).</p>`;
}
