/** What every view is made of. Each part names itself to screen readers and works from the keyboard. */
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { absolute, duration, moment, percent, relative, secondsSince, words } from "./format.js";
import { useNow } from "./hooks.js";
import { Icon } from "./icons.js";
import { reconnect, useLiveStatus } from "./live.js";

let lastId = 0;

/** An id that no other element has, for labels. */
export function useId(prefix = "id") {
  const id = useRef(null);
  id.current ??= `${prefix}-${(lastId += 1)}`;
  return id.current;
}

/** The frame of a view: its heading, what can be done with all of it, and its content. */
export function View({ title, lead, actions, children }) {
  return html`<div class="view">
    <header class="view-head">
      <div><h1 tabindex="-1" id="view-title">${title}</h1>${lead && html`<p class="lead">${lead}</p>`}</div>
      ${actions && html`<div class="view-actions">${actions}</div>`}
    </header>
    ${children}
  </div>`;
}

/** A part of a view with a heading of its own. */
export function Panel({ title, note, actions, children, flush = false, class: extra = "" }) {
  const id = useId("panel");
  return html`<section class=${`panel ${flush ? "panel-flush" : ""} ${extra}`} aria-labelledby=${id}>
    <header class="panel-head">
      <h2 id=${id}>${title}</h2>
      ${note && html`<p class="note">${note}</p>`}
      ${actions && html`<div class="panel-actions">${actions}</div>`}
    </header>
    ${children}
  </section>`;
}

/**
 * A button. `kind`: "primary" (one a view), "danger", "quiet", or plain. While `busy` it cannot be pressed again; it
 * keeps the focus.
 */
export function Button({ kind = "plain", busy = false, disabled = false, icon, onClick, children, type = "button", ...rest }) {
  return html`<button
    type=${type}
    class=${`button button-${kind}`}
    aria-disabled=${busy || disabled ? "true" : undefined}
    aria-busy=${busy ? "true" : undefined}
    onClick=${(event) => (busy || disabled ? event.preventDefault() : onClick?.(event))}
    ...${rest}
  >${icon && html`<${Icon} name=${icon} />`}<span>${children}</span></button>`;
}

/** A labelled field: `<${Field} label="Reason" hint="…" error="…">${(props) => html`<input ...${props} />`}<//>`. */
export function Field({ label, hint, error, children }) {
  const id = useId("field");
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    ${children({ id, "aria-describedby": described, "aria-invalid": error ? "true" : undefined })}
    ${error && html`<p class="field-error" id=${`${id}-error`}>${error}</p>`}
  </div>`;
}

/** A choice among few: `options` are `[value, words]`. */
export function Choice({ label, value, options, onChange, hideLabel = false }) {
  const id = useId("choice");
  return html`<div class="choice" role="radiogroup" aria-labelledby=${id}>
    <span id=${id} class=${hideLabel ? "unseen" : "choice-label"}>${label}</span>
    ${options.map(
      ([option, text]) => html`<label class="choice-option" key=${option}>
        <input type="radio" name=${id} value=${option} checked=${option === value} onChange=${() => onChange(option)} />
        <span>${text}</span>
      </label>`,
    )}
  </div>`;
}

/** A select: `options` are `[value, words]`. */
export function Select({ label, value, options, onChange, hideLabel = false }) {
  const id = useId("select");
  return html`<div class="select">
    <label for=${id} class=${hideLabel ? "unseen" : ""}>${label}</label>
    <select id=${id} value=${value} onChange=${(event) => onChange(event.currentTarget.value)}>
      ${options.map(([option, text]) => html`<option key=${option} value=${option} selected=${option === value}>${text}</option>`)}
    </select>
  </div>`;
}

/** A short word on a ground: `tone` is "accent", "alert", "quiet" or plain. */
export function Badge({ tone = "plain", children }) {
  return html`<span class=${`badge badge-${tone}`}>${children}</span>`;
}

const LEVELS = { critical: 4, high: 3, medium: 2, low: 1 };

/** A priority: bars and the word, so that it does not depend on colour; `compact` leaves the word to screen readers. */
export function Priority({ value, compact = false }) {
  const level = LEVELS[value] ?? 0;
  return html`<span class=${`priority priority-${value}`}>
    <svg class="priority-bars" viewBox="0 0 16 12" aria-hidden="true">
      ${[1, 2, 3, 4].map((n) => html`<rect key=${n} x=${(n - 1) * 4} y=${12 - n * 3} width="3" height=${n * 3} rx="1" class=${n <= level ? "on" : "off"} />`)}
    </svg><span class=${compact ? "unseen" : ""}>${words(value)}</span></span>`;
}

const STATUS_TONES = {
  pending: "quiet", offered: "accent", assigned: "accent", in_progress: "accent", accepted: "accent",
  completed: "plain", failed: "alert", rejected: "alert", expired: "alert", released: "quiet", cancelled: "quiet",
  queued: "quiet", processing: "accent",
};

/** The status of a task, an assignment or a job. */
export const Status = ({ value }) => html`<${Badge} tone=${STATUS_TONES[value] ?? "plain"}>${words(value)}<//>`;

/** A point in time in the viewer's zone; the whole of it on hover. `as`: "moment" (default), "relative" or "age". */
export function Time({ value, as = "moment", every = 15_000 }) {
  const now = useNow(every);
  if (!value) return html`<span class="nothing">–</span>`;
  const shown = { moment, relative, age: (at) => duration(secondsSince(at, now)) }[as](value, now);
  return html`<time datetime=${new Date(value).toISOString()} title=${absolute(value)}>${shown}</time>`;
}

const INSTANT = /(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:\.\d+)?Z)/;

/** A sentence of the server with the points in time that it names in the viewer's zone. */
export const Sentence = ({ text }) => text.split(INSTANT).map((part, n) => (n % 2 ? html`<${Time} key=${n} value=${part} />` : part));

/** A share from 0 to 1 as a bar with its number; what is above 1 is marked. `label` names it to screen readers. */
export function Meter({ value, label, detail }) {
  const share = Math.max(0, value ?? 0);
  return html`<span class=${`meter ${share > 1 ? "meter-over" : ""}`} title=${detail ?? label}>
    <span class="meter-bar" role="img" aria-label=${`${label}: ${percent(share)}`}><span style=${{ width: `${Math.min(1, share) * 100}%` }}></span></span>
    <span class="meter-text" aria-hidden="true">${percent(share)}</span>
  </span>`;
}

/** A number that matters, with what it is. `tone`: "alert" where it asks for attention; `title` says more on hover. */
export function Figure({ label, value, note, title, tone = "plain" }) {
  return html`<div class=${`figure figure-${tone}`} title=${title}><dt>${label}</dt><dd><strong>${value}</strong>${note && html`<span>${note}</span>`}</dd></div>`;
}

/** A row of figures. */
export const Figures = ({ children }) => html`<dl class="figures">${children}</dl>`;

/** Nothing is there, and what that means or what to do. */
export function Empty({ title, children }) {
  return html`<div class="empty"><p class="empty-title">${title}</p>${children && html`<div class="empty-text">${children}</div>`}</div>`;
}

/** Something is on its way; shown only when it takes a moment. */
export function Loading({ lines = 3, label = "Loading" }) {
  return html`<div class="loading" role="status"><span class="unseen">${label}…</span>
    ${Array.from({ length: lines }, (_, n) => html`<span key=${n} class="loading-line" aria-hidden="true"></span>`)}</div>`;
}

/** Why something could not be done, in the words of the API, and a way to try again. */
export function Refusal({ problem, retry, title }) {
  if (!problem) return null;
  const shown = problem.status === 403 ? "Not for your role" : title || problem.title;
  return html`<div class="refusal" role="alert">
    <${Icon} name="alert" />
    <div>
      <p class="refusal-title">${shown}</p>
      ${problem.detail && html`<p>${problem.detail}</p>`}
      ${problem.errors?.length > 0 && html`<ul>${problem.errors.slice(0, 8).map((e, n) => html`<li key=${n}><code>${e.pointer}</code> ${e.detail}</li>`)}</ul>`}
      ${retry && problem.status !== 403 && html`<${Button} icon="refresh" onClick=${retry}>Try again<//>`}
    </div>
  </div>`;
}

/**
 * The three states of something that is read with `useLoad`: loading, refused, there. Data that is there stays in view
 * when reading it again is refused.
 */
export function Loaded({ of: loaded, lines, label, children }) {
  if (loaded.data !== null) return html`${loaded.problem && html`<${Refusal} problem=${loaded.problem} retry=${loaded.reload} />`}${children(loaded.data)}`;
  if (loaded.problem) return html`<${Refusal} problem=${loaded.problem} retry=${loaded.reload} />`;
  return html`<${Loading} lines=${lines} label=${label} />`;
}

/** How old what is shown is, and whether it follows by itself. `at`: when it was read, in milliseconds. */
export function Freshness({ at, reload }) {
  const now = useNow(1000);
  const { mode } = useLiveStatus();
  const text = { live: "Live", polling: "Looking every few seconds", lost: "Not connected", paused: "Paused", connecting: "Connecting" }[mode];
  const age = at === null ? "" : `as of ${duration((now - at) / 1000)} ago`;
  return html`<span class=${`freshness freshness-${mode}`}>
    <span class="dot" aria-hidden="true"></span><span>${text}</span>
    ${age && html`<time datetime=${new Date(at).toISOString()} title=${absolute(at)}>${age}</time>`}
    ${reload && html`<button type="button" class="button button-quiet button-icon" onClick=${reload} aria-label="Read again now"><${Icon} name="refresh" /></button>`}
  </span>`;
}

/** Says so when the connection has dropped and what is shown grows old. */
export function StaleBanner({ at, reload }) {
  const now = useNow(1000);
  const { mode, since } = useLiveStatus();
  const isOld = at !== null && now - at > 20_000;
  if (mode !== "lost" && !isOld) return null;
  if (mode === "paused" || mode === "connecting") return null;
  const again = () => {
    reconnect();
    reload?.();
  };
  return html`<div class="stale" role="status">
    <${Icon} name="alert" />
    <p>${mode === "lost" ? html`The connection dropped at ${moment(since, now)}.` : html`The server answers slowly.`}
      ${at !== null && html` What you see is as of <time datetime=${new Date(at).toISOString()} title=${absolute(at)}>${duration((now - at) / 1000)} ago</time>.`}
      ${" "}Trying again by itself.</p>
    <${Button} onClick=${again}>Try now<//>
  </div>`;
}

/**
 * A dialog. Escape and the cross close it; the focus goes back to where it was.
 * @param {{title: string, onClose: () => void, actions?: any}} props
 */
export function Dialog({ title, onClose, children, actions }) {
  const element = useRef(null);
  const id = useId("dialog");
  useLayoutEffect(() => {
    const [before, dialog] = [document.activeElement, element.current];
    dialog.showModal();
    return () => {
      dialog.close(); // while it is open nothing beside it can have the focus
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const close = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${element} class="dialog" aria-labelledby=${id} onCancel=${close}
      onClick=${(event) => event.target === element.current && onClose()}>
    <div class="dialog-inside">
      <header><h2 id=${id}>${title}</h2>
        <button type="button" class="button button-quiet button-icon" aria-label="Close" onClick=${close}><${Icon} name="cross" /></button></header>
      <div class="dialog-body">${children}</div>
      ${actions && html`<footer>${actions}</footer>`}
    </div>
  </dialog>`;
}

/** Ask before something that cannot be taken back; `onConfirm` may be a promise's maker and may be refused. */
export function Confirm({ title, children, confirm, kind = "primary", busy, problem, onConfirm, onClose }) {
  return html`<${Dialog} title=${title} onClose=${onClose} actions=${html`
    <${Button} onClick=${onClose}>Go back<//><${Button} kind=${kind} busy=${busy} onClick=${onConfirm}>${confirm}<//>`}>
    ${children}<${Refusal} problem=${problem} />
  <//>`;
}

/** Ask why before something is done; `onConfirm` is given the reason. */
export function Reason({ title, lead, label, hint, confirm, busy, problem, onConfirm, onClose }) {
  const [reason, setReason] = useState("");
  const [missing, setMissing] = useState(false);
  const send = (event) => {
    event?.preventDefault();
    if (reason.trim()) onConfirm(reason.trim());
    else setMissing(true);
  };
  return html`<${Dialog} title=${title} onClose=${onClose} actions=${html`<${Button} onClick=${onClose}>Go back<//><${Button} kind="danger" busy=${busy} onClick=${send}>${confirm}<//>`}>
    <form onSubmit=${send} class="stack"><p>${lead}</p>
      <${Field} label=${label} hint=${hint} error=${missing && !reason.trim() ? "Please say why." : null}>
        ${(props) => html`<textarea ...${props} rows="3" maxlength="500" value=${reason} onInput=${(event) => setReason(event.currentTarget.value)} autofocus></textarea>`}
      <//>
    </form>
    <${Refusal} problem=${problem} />
  <//>`;
}

/** Tabs: `tabs` are `[id, words]`; arrows move between them. */
export function Tabs({ label, tabs, value, onChange }) {
  const list = useRef(null);
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex(([id]) => id === value);
    onChange(tabs[(at + step + tabs.length) % tabs.length][0]);
    requestAnimationFrame(() => list.current?.querySelector('[aria-selected="true"]')?.focus());
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${move}>
    ${tabs.map(([id, text]) => html`<button key=${id} type="button" role="tab" aria-selected=${id === value ? "true" : "false"}
      tabindex=${id === value ? 0 : -1} onClick=${() => onChange(id)}>${text}</button>`)}
  </div>`;
}

const toasts = new Set();

/** Tell the person that something has happened: shown for a while, and read out. `tone`: "plain" or "alert". */
export function say(text, tone = "plain") {
  for (const show of toasts) show({ text, tone, id: (lastId += 1) });
}

/** Where `say` is heard; once in the page. */
export function Sayings() {
  const [shown, setShown] = useState([]);
  useEffect(() => {
    const show = (one) => {
      setShown((old) => [...old.slice(-2), one]);
      setTimeout(() => setShown((old) => old.filter((other) => other.id !== one.id)), 6000);
    };
    toasts.add(show);
    return () => toasts.delete(show);
  }, []);
  return html`<div class="sayings" role="status" aria-live="polite">
    ${shown.map(({ id, text, tone }) => html`<p key=${id} class=${`saying saying-${tone}`}>${text}</p>`)}
  </div>`;
}
