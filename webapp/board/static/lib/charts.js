/**
 * Plots that need no legend: lines and bars carry their names. Each has a text that says the same to screen readers.
 */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { percent } from "./format.js";

/** The width of an element in pixels, as it changes: `[ref, width]`. */
function useWidth(first = 480) {
  const ref = useRef(null);
  const [width, setWidth] = useState(first);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(240, Math.round(entry.contentRect.width))));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}

/** About `n` round numbers from `low` to `high`. */
export function ticks(low, high, n = 4) {
  if (!(high > low)) return [low];
  const raw = (high - low) / n;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) found.push(Number(v.toPrecision(12)));
  return found;
}

/**
 * Lines with their names at their ends.
 * @param {{label: string, series: {name: string, tone?: "accent"|"alert"|"quiet", points: {x: number, y: number}[], dots?: boolean}[],
 *   xFormat?: (x: number) => string, yFormat?: (y: number) => string, yRange?: [number, number], xRange?: [number, number],
 *   xTicks?: number[], diagonal?: string, height?: number, describe?: string}} props
 *   `label` says what is shown; `describe` what there is to see, for screen readers; `diagonal` names the line y = x
 */
export function LinePlot({ label, series, xFormat = String, yFormat = String, yRange, xRange, xTicks, diagonal, height = 220, describe }) {
  const [ref, width] = useWidth();
  const points = series.flatMap((one) => one.points);
  const names = Math.max(0, diagonal?.length ?? 0, ...series.map(({ name }) => name.length));
  const [x0, x1] = xRange ?? spread(points.map(({ x }) => x));
  const [y0, y1] = yRange ?? spread(points.map(({ y }) => y), true);
  const heights = ticks(y0, y1).map((y) => [y, yFormat(y)]);
  const left = 12 + 7 * Math.max(4, ...heights.map(([, text]) => text.length));
  const box = { left, right: width - Math.min(width / 3, Math.max(40, 14 + names * 7.5)), top: 10, bottom: height - 26 };
  const px = (x) => box.left + ((x - x0) / (x1 - x0)) * (box.right - box.left);
  const py = (y) => box.bottom - ((y - y0) / (y1 - y0)) * (box.bottom - box.top);
  const ends = apart([...series.map((one) => (one.points.length ? py(one.points.at(-1).y) : box.bottom)), ...(diagonal ? [py(x1)] : [])], 15);
  return html`<figure class="plot" ref=${ref}>
    <svg viewBox=${`0 0 ${width} ${height}`} width=${width} height=${height} role="img" aria-label=${`${label}. ${describe ?? spoken(series, xFormat, yFormat)}`}>
      ${heights.map(([y, text]) => html`<g key=${`y${y}`} class="plot-grid"><line x1=${box.left} x2=${box.right} y1=${py(y)} y2=${py(y)} /><text x=${box.left - 8} y=${py(y) + 4} class="end">${text}</text></g>`)}
      ${(xTicks ?? ticks(x0, x1, Math.max(2, Math.floor(width / 140)))).map((x) => html`<text key=${`x${x}`} class="plot-tick" x=${px(x)} y=${height - 6}>${xFormat(x)}</text>`)}
      ${diagonal && html`<line class="plot-diagonal" x1=${px(x0)} y1=${py(x0)} x2=${px(x1)} y2=${py(x1)} /><text x=${px(x1) + 8} y=${ends.at(-1) + 4}>${diagonal}</text>`}
      ${series.map(({ name, tone = "accent", points: own, dots }, n) => html`<g key=${name} class=${`plot-line tone-${tone}`}>
        <polyline points=${own.map(({ x, y }) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(" ")} />
        ${(dots || own.length === 1) && own.map(({ x, y }, k) => html`<circle key=${k} cx=${px(x)} cy=${py(y)} r="3.5"><title>${`${name}: ${xFormat(x)}, ${yFormat(y)}`}</title></circle>`)}
        ${own.length > 0 && html`<text x=${px(own.at(-1).x) + 8} y=${ends[n] + 4}>${name}</text>`}
      </g>`)}
    </svg>
  </figure>`;
}

function spread(values, withRoom = false) {
  const [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
  if (low === high) return [low - 0.5, high + 0.5];
  const room = withRoom ? (high - low) * 0.08 : 0;
  return [low - room, high + room];
}

/** Heights that are at least `gap` apart, each as near as can be to where it was. */
function apart(heights, gap) {
  const order = heights.map((y, n) => [y, n]).sort((a, b) => a[0] - b[0]);
  const moved = [...heights];
  let last = -Infinity;
  for (const [y, n] of order) {
    last = Math.max(y, last + gap);
    moved[n] = last;
  }
  return moved;
}

const spoken = (series, xFormat, yFormat) =>
  series.map(({ name, points }) => (points.length ? `${name}: ${yFormat(points[0].y)} at ${xFormat(points[0].x)}, ${yFormat(points.at(-1).y)} at ${xFormat(points.at(-1).x)}` : `${name}: nothing`)).join("; ");

/**
 * A bar for each row, before and after: the outline is before, the filled bar after.
 * @param {{label: string, rows: {key: string, name: string, before?: number, after: number}[], format?: (v: number) => string, max?: number}} props
 */
export function BeforeAfterBars({ label, rows, format = percent, max = 1 }) {
  const most = Math.max(max, ...rows.map(({ before = 0, after }) => Math.max(before, after)));
  const width = (v) => ({ width: `${(100 * v) / most}%` });
  return html`<ul class="bars" aria-label=${label}>
    ${rows.map(({ key, name, before, after }) => html`<li key=${key}>
      <span class="bars-name">${name}</span>
      <span class="bars-track" aria-hidden="true">
        <span class=${`bars-after ${after > max ? "over" : ""}`} style=${width(after)}></span>
        ${before !== undefined && html`<span class="bars-before" style=${width(before)}></span>`}
      </span>
      <span class="bars-value">${before !== undefined && before !== after ? html`<span class="bars-was">${format(before)} → </span>` : ""}${format(after)}</span>
    </li>`)}
  </ul>`;
}

/**
 * Bars from zero; what is above `limit` is marked.
 * @param {{label: string, rows: {key: string, name: string, value: number}[], format: (v: number) => string, limit?: number}} props
 */
export function Bars({ label, rows, format, limit = Infinity }) {
  const most = Math.max(1e-9, ...rows.map(({ value }) => value));
  return html`<ul class="bars" aria-label=${label}>
    ${rows.map(({ key, name, value }) => html`<li key=${key}>
      <span class="bars-name" title=${name}>${name}</span>
      <span class="bars-track" aria-hidden="true"><span class=${`bars-after ${value > limit ? "over" : ""}`} style=${{ width: `${(100 * Math.max(0, value)) / most}%` }}></span></span>
      <span class="bars-value">${format(value)}</span>
    </li>`)}
  </ul>`;
}

/**
 * Bars to both sides of zero, such as contributions: what speaks for goes right, what speaks against goes left.
 * @param {{label: string, rows: {key: string, name: string, value: number, note?: string}[], format?: (v: number) => string}} props
 */
export function SignedBars({ label, rows, format = (v) => (v > 0 ? "+" : "") + v.toFixed(2) }) {
  const most = Math.max(1e-9, ...rows.map(({ value }) => Math.abs(value)));
  return html`<ul class="bars bars-signed" aria-label=${label}>
    ${rows.map(({ key, name, value, note }) => html`<li key=${key}>
      <span class="bars-name">${name}${note && html`<small>${note}</small>`}</span>
      <span class="bars-track" aria-hidden="true"><span class=${value < 0 ? "against" : "for"} style=${{ width: `${(50 * Math.abs(value)) / most}%` }}></span></span>
      <span class="bars-value">${format(value)}</span>
    </li>`)}
  </ul>`;
}
