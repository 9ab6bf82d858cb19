/**
 * Tables: `Table` for what fits on a page, `LongTable` for thousands of rows of which only those in view exist.
 *
 * A column is `{key, label, render?: (row, now) => any, align?: "end", width?: "8rem", value?: (row) => any, narrow?: "title" | "hide"}`.
 * `value` makes a column of `Table` sortable. On a phone a row becomes a card: "title" leads it, "hide" is left out,
 * "alone" stands there without its label, which only screen readers are told anyway.
 */
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { count } from "./format.js";
import { useNarrow, useNow } from "./hooks.js";
import { Empty, Loading, Refusal } from "./parts.js";

const shown = (column, row, now) => (column.render ? column.render(row, now) : row[column.key]);

/**
 * A table whose rows are all there.
 * @param {{caption: string, columns: object[], rows: object[], rowKey: (row: object) => string, empty?: any,
 *   sort?: string, onOpen?: (row: object) => void, selected?: string, compact?: boolean}} props
 *   `sort`: key to begin with, `-` in front for falling order; `onOpen` makes rows buttons (Enter opens); `compact`: it
 *   stays a table on a phone
 */
export function Table({ caption, columns, rows, rowKey, empty, sort: first = "", onOpen, selected, compact = false }) {
  const [sort, setSort] = useState(first);
  const sorted = useMemo(() => sortedRows(rows, columns, sort), [rows, columns, sort]);
  if (rows.length === 0 && empty) return empty;
  return html`<div class="table-wrap"><table class=${compact ? "table table-compact" : "table"}>
    <caption class="unseen">${caption}</caption>
    <thead><tr>${columns.map((column) => html`<${HeadCell} key=${column.key} column=${column} sort=${sort} setSort=${setSort} />`)}</tr></thead>
    <tbody>${sorted.map((row) => html`<tr key=${rowKey(row)} class=${onOpen ? "opens" : ""} aria-current=${selected === rowKey(row) ? "true" : undefined}
        tabindex=${onOpen ? 0 : undefined} onClick=${onOpen && (() => onOpen(row))}
        onKeyDown=${onOpen && ((event) => rowKeys(event, () => onOpen(row)))}>
      ${columns.map((column) => html`<td key=${column.key} data-label=${column.label} class=${cellClass(column)}>${shown(column, row)}</td>`)}
    </tr>`)}</tbody>
  </table></div>`;
}

const cellClass = ({ align, narrow }) => [align === "end" ? "end" : "", narrow ? `narrow-${narrow}` : ""].join(" ").trim();

function HeadCell({ column, sort, setSort }) {
  return html`<th scope="col" class=${cellClass(column)} style=${column.width ? { width: column.width } : {}} aria-sort=${directionOf(column, sort)}>
    ${column.value ? html`<${Sorter} column=${column} sort=${sort} setSort=${setSort} />` : column.narrow === "alone" ? html`<span class="unseen">${column.label}</span>` : column.label}
  </th>`;
}

const directionOf = ({ key }, sort) => (sort === key ? "ascending" : sort === `-${key}` ? "descending" : undefined);

function Sorter({ column, sort, setSort }) {
  const { key, label } = column;
  return html`<button type="button" class="sorter" onClick=${() => setSort(sort === key ? `-${key}` : key)}>${label}<span aria-hidden="true">${{ ascending: " ↑", descending: " ↓" }[directionOf(column, sort)] ?? ""}</span></button>`;
}

/** The rows by the `value` of the column that `sort` names, `-` in front for falling order; missing values come last. */
export function sortedRows(rows, columns, sort) {
  const column = columns.find(({ key }) => key === sort.replace(/^-/, ""));
  if (!column?.value) return rows;
  const sign = sort.startsWith("-") ? -1 : 1;
  const missing = (v) => v === null || v === undefined;
  return [...rows].sort((a, b) => {
    const [x, y] = [column.value(a), column.value(b)];
    if (missing(x) || missing(y)) return missing(x) - missing(y);
    return sign * (typeof x === "string" ? x.localeCompare(y) : x - y);
  });
}

function rowKeys(event, open) {
  const next = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (next) {
    event.preventDefault();
    event.currentTarget[next]?.focus();
  } else if (event.key === "Enter" && event.target === event.currentTarget) {
    open();
  }
}

const PAGE = 50;
const KEPT_PAGES = 12;

/**
 * Rows of a long list, page by page as they are looked at. Pages are read onwards by the list's cursor where the page
 * before is known, and by number after a jump.
 * Each row gets `readAt`, when it was read in milliseconds.
 * @param {(query: {limit: number, after?: string, page?: number}) => Promise<{items: object[], total: number, next_after: string|null}>} fetchPage
 * @param {any[]} deps another list when one of these changes
 * @param {{atLeast?: number|null, lazy?: boolean}} options `atLeast`: how long the list is known to be, where its own
 *   total is capped; `lazy`: nothing is read before `want` is called
 */
export function usePages(fetchPage, deps = [], { atLeast = null, lazy = false } = {}) {
  const [, redraw] = useState(0);
  const store = useRef(null);
  const latest = useRef(fetchPage);
  latest.current = fetchPage;

  const reset = () => (store.current = { pages: new Map(), cursors: new Map(), wanted: [0, 0], total: null, endSeen: false, problem: null, at: null, stale: new Set(), reading: new Map() });
  const made = useRef(null);
  const signature = JSON.stringify(deps);
  if (made.current !== signature) {
    made.current = signature;
    reset();
  }

  const read = useCallback((number) => {
    const s = store.current;
    const present = s.reading.get(number);
    if (present) {
      present.again = true;
      return present.done;
    }
    const mine = { again: false };
    s.reading.set(number, mine);
    const rounds = async () => {
      do {
        mine.again = false;
        await readOnce(s, number);
      } while (mine.again && s === store.current);
      s.reading.delete(number);
    };
    mine.done = rounds();
    return mine.done;
  }, []);

  const readOnce = useCallback(async (s, number) => {
    const after = s.cursors.get(number);
    const where = number === 0 ? {} : after ? { after } : { page: number + 1 };
    try {
      const found = await latest.current({ limit: PAGE, ...where });
      if (s !== store.current) return;
      const readAt = Date.now();
      s.pages.set(number, found.items.map((item) => ({ ...item, readAt })));
      s.stale.delete(number);
      if (found.next_after) s.cursors.set(number + 1, found.next_after);
      if (!found.next_after) s.endSeen = true;
      else if (s.endSeen && (number + 1) * PAGE >= s.total) s.endSeen = false;
      s.total = totalOf(s, number, found);
      [s.problem, s.at] = [null, Date.now()];
      forget(s);
    } catch (problem) {
      s.problem = problem;
    }
    redraw((n) => n + 1);
  }, []);

  const want = useCallback((first, last) => {
    const s = store.current;
    s.wanted = [Math.floor(first / PAGE), Math.floor(Math.max(first, last - 1) / PAGE)];
    for (let n = s.wanted[0]; n <= s.wanted[1]; n += 1) {
      if ((!s.pages.has(n) || s.stale.has(n)) && !s.reading.has(n)) read(n);
    }
  }, []);

  const reload = useCallback(async () => {
    const s = store.current;
    s.stale = new Set(s.pages.keys());
    s.cursors.clear();
    const reads = [];
    for (let n = s.wanted[0]; n <= s.wanted[1]; n += 1) reads.push(read(n));
    await Promise.all(reads);
  }, []);

  useEffect(() => {
    if (!lazy) want(0, 1);
  }, [signature]);
  const s = store.current;
  const total = s.total !== null && !s.endSeen ? Math.max(s.total, atLeast ?? 0) : s.total;
  return { row: (n) => s.pages.get(Math.floor(n / PAGE))?.[n % PAGE] ?? null, total, problem: s.problem, at: s.at, loading: s.total === null && !s.problem, want, reload };
}

/** Rows that are all there, in the form that `LongTable` takes. */
export const localPages = (rows) => ({ row: (n) => rows[n] ?? null, total: rows.length, problem: null, at: 0, loading: false, want() {}, async reload() {} });

/** Totals are counted up to a cap; beyond it a list is as long as it was seen to be, and a row more. */
function totalOf(s, number, found) {
  const end = number * PAGE + found.items.length;
  if (!found.next_after) return found.items.length || number === 0 ? end : Math.min(s.total ?? 0, number * PAGE);
  return Math.max(found.total, end + 1, found.total_is_capped ? (s.total ?? 0) : 0);
}

function forget(s) {
  const [first, last] = s.wanted;
  const far = [...s.pages.keys()].filter((n) => n < first - 2 || n > last + 2);
  for (const n of far.slice(0, Math.max(0, s.pages.size - KEPT_PAGES))) s.pages.delete(n);
}

/**
 * A table of any length; a grid with one row in the order of tabs. Arrows, Page Up/Down, Home and End move, Enter opens.
 * @param {{caption: string, columns: object[], pages: ReturnType<typeof usePages>, empty: any,
 *   onOpen?: (row: object) => void, card?: (row: object, now: number) => any, cards?: boolean, cardHeight?: number}} props
 *   `card`: what a row shows on a phone instead of cells, with `cards` everywhere; every one is `cardHeight` pixels high
 * @param {{sort?: string, onSort?: (sort: string) => void, isSelected?: (row: object) => boolean}} props
 *   `onSort` makes the columns with a `value` sortable, as in `Table`, by whoever has the rows (`sortedRows`)
 */
export function LongTable({ caption, columns, pages, empty, onOpen, card, cards: always = false, cardHeight = 76, sort, onSort, isSelected }) {
  const onPhone = useNarrow();
  const narrow = card && (always || onPhone);
  const rowHeight = narrow ? cardHeight : 44;
  const scroller = useRef(null);
  const [[first, last], setWindow] = useState([0, 30]);
  const [seen, setSeen] = useState([0, 20]);
  const [at, setAt] = useState(0);
  const focusWanted = useRef(false);
  const now = useNow(10_000);
  const total = pages.total ?? 0;

  const look = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const from = Math.max(0, Math.floor(element.scrollTop / rowHeight) - 8);
    const until = Math.ceil((element.scrollTop + element.clientHeight) / rowHeight) + 8;
    setWindow((old) => (old[0] === from && old[1] === until ? old : [from, until]));
    const inView = [Math.floor(element.scrollTop / rowHeight), Math.floor((element.scrollTop + element.clientHeight) / rowHeight)];
    setSeen((old) => (old[0] === inView[0] && old[1] === inView[1] ? old : inView));
  }, [rowHeight]);

  useLayoutEffect(() => {
    look();
    const observer = new ResizeObserver(look);
    if (scroller.current) observer.observe(scroller.current);
    return () => observer.disconnect();
  }, [look, total === 0]);

  const until = Math.min(last, total);
  useEffect(() => {
    const timer = setTimeout(() => total > 0 && pages.want(first, until), 60);
    return () => clearTimeout(timer);
  }, [first, until, pages.at]);

  useLayoutEffect(() => {
    if (focusWanted.current) {
      const row = scroller.current?.querySelector(`[data-row="${at}"]`);
      if (row) {
        focusWanted.current = false;
        row.focus({ preventScroll: true });
      }
    }
  });

  const move = (event) => {
    const inView = Math.max(1, Math.floor((scroller.current.clientHeight - 44) / rowHeight) - 1);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + inView, PageUp: at - inView, Home: 0, End: total - 1 }[event.key];
    if (next === undefined) {
      const row = pages.row(at);
      const opens = event.key === "Enter" || (event.key === " " && isSelected);
      if (opens && onOpen && row && !event.target.closest("button, a")) {
        event.preventDefault();
        onOpen(row);
      }
      return;
    }
    event.preventDefault();
    const to = Math.min(total - 1, Math.max(0, next));
    focusWanted.current = true;
    setAt(to);
    reveal(scroller.current, to, rowHeight);
    look();
  };

  if (pages.total === null) return pages.problem ? html`<${Refusal} problem=${pages.problem} retry=${pages.reload} />` : html`<${Loading} lines=${8} />`;
  if (total === 0) return empty;
  const template = columns.map(({ width }) => width ?? "minmax(6rem, 1fr)").join(" ");
  const start = Math.min(first, Math.max(0, total - 1));
  const rows = Array.from({ length: Math.max(0, until - start) }, (_, n) => start + n);
  const tabStop = at >= start && at < until ? at : start;
  return html`${pages.problem && html`<${Refusal} problem=${pages.problem} retry=${pages.reload} />`}
    <div class=${`long ${narrow ? "long-narrow" : ""}`} role="grid" aria-label=${caption} aria-rowcount=${total + 1} ref=${scroller} onScroll=${look} onKeyDown=${move}
        style=${{ height: `${total * rowHeight + (narrow ? 1 : 37)}px` }}>
      <div class="long-head" role="row" aria-rowindex="1" style=${{ gridTemplateColumns: template }}>
        ${columns.map((c) => html`<span key=${c.key} role="columnheader" class=${cellClass(c)} aria-sort=${directionOf(c, sort)}>${onSort && c.value ? html`<${Sorter} column=${c} sort=${sort} setSort=${onSort} />` : c.label}</span>`)}
      </div>
      <div class="long-body" role="rowgroup" style=${{ height: `${total * rowHeight}px` }}>
        ${rows.map((n) => {
          const row = pages.row(n);
          const place = { top: `${n * rowHeight}px`, height: `${rowHeight}px`, ...(narrow ? {} : { gridTemplateColumns: template }) };
          return html`<div key=${n} class=${`long-row ${onOpen ? "opens" : ""}`} role="row" aria-rowindex=${n + 2} data-row=${n} aria-selected=${row && isSelected ? String(isSelected(row)) : undefined}
              tabindex=${n === tabStop ? 0 : -1} style=${place} onFocus=${() => setAt(n)} onClick=${() => row && onOpen?.(row)}>
            ${cells(columns, row, now, narrow && card)}
          </div>`;
        })}
      </div>
    </div>
    ${total > 20 && html`<p class="long-foot" aria-hidden="true">${count(seen[0] + 1)}–${count(Math.min(total, seen[1]))} of ${count(total)}</p>`}`;
}

function cells(columns, row, now, card) {
  if (row === null) return html`<span role="gridcell" class="long-waiting" aria-label="loading"></span>`;
  if (card) return html`<span role="gridcell" class="long-card">${card(row, now)}</span>`;
  return columns.map((c) => html`<span key=${c.key} role="gridcell" class=${cellClass(c)}>${shown(c, row, now)}</span>`);
}

function reveal(element, row, height) {
  const [top, bottom] = [row * height, (row + 1) * height];
  const head = element.querySelector(".long-head")?.offsetHeight ?? 0;
  if (top < element.scrollTop) element.scrollTop = top;
  else if (bottom > element.scrollTop + element.clientHeight - head) element.scrollTop = bottom - element.clientHeight + head;
}
