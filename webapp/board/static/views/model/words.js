/** What models, measures and changes are called. */
export const KINDS = { success: "scores pairs", choice: "ranks candidates", triage: "reads tickets", eta: "says when work will be done" };
export const METRICS = [["log_loss", "Log-loss"], ["brier", "Brier score"], ["auc", "AUC"]];

const names = new Map(METRICS);

/** Models that score pairs have measures in common and a report; the others do not. */
export const isOfPairs = ({ kind }) => !["triage", "eta"].includes(kind);

/** A ranking of candidates is for evaluation and cannot be served. */
export const canBeServed = ({ kind, problem }) => !problem && kind !== "choice";

export const metricName = (metric) => names.get(metric) ?? metric;

const signed = (value) => `${Math.abs(value).toFixed(4)} ${value < 0 ? "worse" : "better"}`;

/** Why a change was made, one line for each thing that was measured. */
export function evidenceInWords({ evidence, gains }) {
  const line = (what, one, n, unit) => `${what} ${signed(one.gain)} than ${one.against}, ± ${one.standard_error.toFixed(4)} on ${n} ${unit}`;
  if (evidence) return [line(metricName(evidence.metric), evidence, evidence.decisions, "decisions")];
  return gains.map((gain) => line(gain.field, gain, gain.tasks, "tasks"));
}
