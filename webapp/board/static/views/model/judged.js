/** What a bundle has learned from, and what it is worth on the newest decisions that it has not seen. */
import { html, useEffect, useRef } from "../../vendor/preact-htm.js";
import { get } from "../../lib/api.js";
import { Bars, LinePlot } from "../../lib/charts.js";
import { count, number, percent, period, plural, words } from "../../lib/format.js";
import { useLoad } from "../../lib/hooks.js";
import { Empty, Loaded, Panel, Time } from "../../lib/parts.js";
import { Table } from "../../lib/table.js";
import { featureName } from "../plan/wording.js";

const CHANGED = 0.25;
const SHARES = [0, 1];
const MOST_FEATURES = 8;
const NOTHING_MUCH = 0.00005;
const MEASURED = { model: "this bundle", constant: "one share for all", champion: "the champion" };

/**
 * @param {{version: string, state: string, wanted: boolean}} props `state`: with another one it is read again; `wanted`:
 *   somebody asked for this bundle, so its report comes into view
 */
export function Judged({ version, state, wanted }) {
  const found = useLoad((signal) => get(`/api/models/${encodeURIComponent(version)}`, { ranking: false }, { signal }), [version, state]);
  const panel = useRef(null);
  useEffect(() => {
    if (wanted) panel.current?.scrollIntoView({ block: "nearest" });
  }, [version]);
  return html`<div ref=${panel} class="model-report"><${Panel} title=${`Report of ${version}`}>
    <${Loaded} of=${found} lines=${8} label="Judging it on the newest decisions">${(shown) => html`
      <${Learned} model=${shown} />
      ${shown.report ? html`<${Report} report=${shown.report} />` : html`<${Empty} title="Not yet judged on your own decisions"><p>${shown.why_not}.</p><p>As work is completed its outcomes are logged, and this fills by itself.</p><//>`}`}<//>
  <//></div>`;
}

function Learned({ model: { training, features, created_at: createdAt, report } }) {
  const facts = [
    ["Learned from", plural(training.rows, "decision")],
    ["Made", period(training.start, training.end)],
    ["From", training.data],
    ["Features", count(features.length)],
    ["Trained", html`<${Time} value=${createdAt} />`],
    report && ["Judged on", `${plural(report.decisions, "later decision")}, ${period(report.from, report.to)}`],
  ].filter(Boolean);
  return html`<dl class="facts model-facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function Report({ report }) {
  return html`<div class="model-parts">
    <${Measures} success=${report.success} />
    <${Calibration} bins=${report.calibration} />
    <${Importance} importance=${report.importance} />
    <${Drift} drift=${report.drift} />
    <${Abstaining} rows=${report.abstaining} />
    <${Fairness} experience=${report.experience} />
    <section><h3>Is it better than the control group?</h3><p class="quiet">${capital(report.holdout.note)}.</p></section>
  </div>`;
}

const capital = (text) => text.replace(/^./, (c) => c.toUpperCase());

function Measures({ success }) {
  const rows = Object.entries(success).map(([name, measured]) => ({ name, ...measured }));
  const column = (key, label) => ({ key, label, align: "end", value: (row) => row[key], render: (row) => number(row[key], 3) });
  return html`<section><h3>Is it better than the others?</h3>
    <p class="quiet">AUC: 1 is perfect, 0.5 is chance. Of the rest less is better. Who only puts people in order has an AUC alone.</p>
    <${Table} compact caption="Measures of this bundle and of the others" rows=${rows} rowKey=${(row) => row.name}
      columns=${[{ key: "name", label: "Who", narrow: "title", render: (row) => MEASURED[row.name] ?? words(row.name) }, column("auc", "AUC"), column("log_loss", "Log-loss"), column("brier", "Brier"), column("ece", "Calibration")]} /></section>`;
}

/** What was expected against what came: on the diagonal it can be taken at its word. */
function Calibration({ bins }) {
  const points = bins.map(({ expected, observed }) => ({ x: expected, y: observed }));
  const described = bins.map((b) => `expected ${percent(b.expected)}, came ${percent(b.observed)} of ${count(b.decisions)}`).join("; ");
  return html`<section><h3>Can it be taken at its word?</h3>
    <p class="quiet">To the right: the share of good outcomes it expected; upwards: the share that came. About ${count(bins[0]?.decisions)} decisions a point.</p>
    <${LinePlot} label="Calibration" describe=${described} series=${[{ name: "came", tone: "accent", points, dots: true }]} xRange=${SHARES} yRange=${SHARES} xFormat=${percent} yFormat=${percent} diagonal="expected" /></section>`;
}

function Importance({ importance }) {
  const all = Object.entries(importance).map(([key, { permutation }]) => ({ key, name: featureName(key), value: permutation }));
  const rows = all.filter(({ value }) => value >= NOTHING_MUCH).slice(0, MOST_FEATURES);
  const rest = all.length - rows.length;
  return html`<section><h3>What counts</h3>
    <p class="quiet">How much its log-loss rises when the values of one feature are exchanged among the decisions.</p>
    ${rows.length > 0 && html`<${Bars} label="Importance of features" rows=${rows} format=${(v) => number(v, 4)} />`}
    ${rest > 0 && html`<p class="quiet">${rows.length ? `The other ${rest} count for less.` : "No feature counts here."}</p>`}</section>`;
}

/** How far features and outcomes have moved since the earlier decisions. */
function Drift({ drift: { features = {}, base_rate: rate } }) {
  const all = Object.entries(features).map(([key, value]) => ({ key, name: featureName(key), value }));
  const changed = all.filter(({ value }) => value > CHANGED).map(({ name }) => name);
  return html`<section><h3>Has the world changed?</h3>
    ${rate && html`<p>Good outcomes: ${percent(rate.earlier)} of the first 70 % of all decisions, ${percent(rate.later)} of those after.</p>`}
    <p>${changed.length ? `Not what they were: ${changed.join(", ")}.` : "No feature has changed much."}</p>
    ${all.length > 0 && html`<${Bars} label="Change of features" rows=${all.slice(0, MOST_FEATURES)} limit=${CHANGED} format=${(v) => number(v)} />
      <p class="quiet">Population stability index; above ${CHANGED} a feature has changed.</p>`}</section>`;
}

function Abstaining({ rows }) {
  const points = rows.filter((row) => row.precision !== null).map(({ coverage, precision }) => ({ x: coverage, y: precision })).sort((a, b) => a.x - b.x);
  return html`<section><h3>If it decides only when sure</h3>
    <p class="quiet">To the right: the share of decisions that it still takes; upwards: the share of them that end well.</p>
    ${points.length > 1 ? html`<${LinePlot} label="Precision by coverage" series=${[{ name: "end well", tone: "accent", points, dots: true }]} xRange=${SHARES} yRange=${SHARES} xFormat=${percent} yFormat=${percent} />` : html`<p class="quiet">It is never that sure.</p>`}</section>`;
}

/** Whether newcomers are judged as truly as others. */
function Fairness({ experience }) {
  const rows = Object.entries(experience).map(([name, group]) => ({ name, ...group }));
  return html`<section><h3>Is it fair to newcomers?</h3>
    <p class="quiet">Too high: people are trusted more than their outcomes say, in points of a hundred; below zero less.</p>
    <${Table} compact caption="By experience" rows=${rows} rowKey=${(row) => row.name} columns=${[
      { key: "name", label: "Experience", narrow: "title" },
      { key: "decisions", label: "Decisions", align: "end", render: (row) => count(row.decisions) },
      { key: "share_good", label: "Ended well", align: "end", render: (row) => percent(row.share_good) },
      { key: "mean_probability", label: "Expected", align: "end", render: (row) => percent(row.mean_probability) },
      { key: "excess", label: "Too high by", align: "end", render: (row) => `${row.excess > 0 ? "+" : ""}${number(100 * row.excess, 1)}` }]} /></section>`;
}
