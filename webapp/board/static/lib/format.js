/** Numbers, durations and times as people read them; a missing value is an en dash. */

export const NOTHING = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const LONG_AGO = 30 * 24 * 3600;
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

const isMissing = (value) => value === null || value === undefined || Number.isNaN(value);

/** 12,345 */
export const count = (value) => (isMissing(value) ? NOTHING : whole.format(value));

/** 0.83, with a fixed number of digits so that columns line up. */
export const number = (value, digits = 2) => (isMissing(value) ? NOTHING : value.toFixed(digits));

/** 83 % of a share from 0 to 1. */
export const percent = (value) => (isMissing(value) ? NOTHING : `${Math.round(value * 100)} %`);

/** 6.5 h, 20 min */
export function hours(value) {
  if (isMissing(value)) return NOTHING;
  return value > 0 && value < 0.95 ? `${Math.max(1, Math.round(value * 60))} min` : `${Number(value.toFixed(1))} h`;
}

/** "1 task", "3 tasks" */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** A length of time in its two largest units: 90 s, 12 min, 3 h 20 min, 2 d 4 h. */
export function duration(seconds) {
  if (isMissing(seconds)) return NOTHING;
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} min`;
  const h = Math.floor(m / 60);
  if (h < 24) return m % 60 ? `${h} h ${m % 60} min` : `${h} h`;
  const d = Math.floor(h / 24);
  return h % 24 ? `${d} d ${h % 24} h` : `${d} d`;
}

/** A short length of time, for latencies: 40 ms, 1.2 s, 3 min. */
export function latency(seconds) {
  if (isMissing(seconds)) return NOTHING;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 60 ? `${seconds.toFixed(1)} s` : duration(seconds);
}

/** Seconds from `instant` (text or Date) to `now` (milliseconds). */
export const secondsSince = (instant, now = Date.now()) => (now - new Date(instant).getTime()) / 1000;

/** When something was or will be, in the viewer's zone: 14:05 today, otherwise 3 May, 14:05; of another year 3 May 2025. */
export function moment(instant, now = Date.now()) {
  if (isMissing(instant)) return NOTHING;
  const [at, present] = [new Date(instant), new Date(now)];
  if (at.toDateString() === present.toDateString()) return clock.format(at);
  return at.getFullYear() === present.getFullYear() ? `${day.format(at)}, ${clock.format(at)}` : dayOfYear.format(at);
}

/** A day with its year: 3 May 2025. */
export const date = (instant) => (isMissing(instant) ? NOTHING : dayOfYear.format(new Date(instant)));

/** From one day to another: 3–9 May 2025. */
export const period = (from, to) => dayOfYear.formatRange(new Date(from), new Date(to));

/** "3 h ago", "in 20 min"; what is more than thirty days away has its date. */
export function relative(instant, now = Date.now()) {
  if (isMissing(instant)) return NOTHING;
  const seconds = secondsSince(instant, now);
  if (Math.abs(seconds) > LONG_AGO) return date(instant);
  return seconds >= 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
}

/** The whole date and time with its zone, for hovering. */
export const absolute = (instant) => (isMissing(instant) ? "" : full.format(new Date(instant)));

/** `some_code_word` as words. */
export const words = (code) => (code ? String(code).replaceAll("_", " ") : NOTHING);
