/** Drawn signs; they say nothing to a screen reader, so a word stands beside each. */
import { html } from "../vendor/preact-htm.js";

const PATHS = {
  now: "M3 12h4l3-8 4 16 3-8h4",
  plan: "M4 6h6M4 12h10M4 18h7M17 5v14m0 0 3-3m-3 3-3-3",
  mine: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 8c.7-3.3 3.5-5 7-5s6.300 1.700 7 5",
  jobs: "M4 7c0-1.700 3.600-3 8-3s8 1.300 8 3-3.600 3-8 3-8-1.300-8-3Zm0 0v10c0 1.700 3.600 3 8 3s8-1.300 8-3V7M4 12c0 1.700 3.600 3 8 3s8-1.300 8-3",
  model: "M5 19 10 12l4 3 6-9M4 4v16h16",
  out: "M10 5H5v14h5M14 8l4 4-4 4m4-4H9",
  theme: "M12 4a8 8 0 1 0 8 8 6 6 0 0 1-8-8Z",
  keys: "M3 7h18v10H3zM7 11h.01M11 11h.01M15 11h.01M8 14h8",
  check: "m5 12.500 4.500 4.500L19 7.500",
  cross: "M6 6l12 12M18 6 6 18",
  alert: "M12 4 2.800 20h18.400L12 4Zm0 6v4.500m0 2.700v.01",
  pause: "M9 6v12M15 6v12",
  play: "M8 5.500v13l10.500-6.500L8 5.500Z",
  refresh: "M19 8A8 8 0 1 0 20 13M19 3.500V8h-4.500",
  arrow: "M5 12h14m-6-6 6 6-6 6",
  up: "M6 14l6-6 6 6",
  down: "M6 10l6 6 6-6",
  upload: "M12 16V4m0 0L7 9m5-5 5 5M4 16v4h16v-4",
  pin: "M12 15v6M8 3h8l-1 6 3 3v3H6v-3l3-3-1-6Z",
};

/** An icon by its name in `PATHS`. */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}
