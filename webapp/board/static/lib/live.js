/**
 * Following what happens: the stream of events where there is room for us, looking every few seconds where not.
 *
 * The stream is read by hand, because that shows its signs of life: a stream of which nothing was heard for
 * `SILENCE` milliseconds counts as dropped.
 */
import { useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { address } from "./api.js";

const SILENCE = 12_000;
const LOOK_EVERY = 5_000;
const EVENTS_TOGETHER = 400;
const LOSSES = ["offline", "board:no-answer"];

const listeners = new Set();
const watchers = new Set();
let users = 0;
let position = null;
let attempt = null;
let retry = null;

/** `live`: the stream runs · `polling`: no stream, we look · `lost`: nobody answers · `paused`: the page is hidden */
let status = { mode: "connecting", since: Date.now(), heardAt: null };

function setStatus(mode, heard = false) {
  const heardAt = heard ? Date.now() : status.heardAt;
  if (mode === status.mode) {
    status.heardAt = heardAt;
    return;
  }
  status = { mode, since: Date.now(), heardAt };
  for (const watcher of watchers) watcher(status);
}

/** How the connection is: `{mode, since, heardAt}`. */
export function useLiveStatus() {
  const [shown, setShown] = useState(status);
  useEffect(() => {
    watchers.add(setShown);
    setShown(status);
    return () => watchers.delete(setShown);
  }, []);
  return shown;
}

/**
 * Call `refresh(events)` soon after something has happened, at least every `every` milliseconds (0: only then), when the
 * page comes into view again and when the connection is back. It is told nothing but the events of the stream, so it
 * should read what it shows from the API.
 */
export function useLive(refresh, { every = 10_000 } = {}) {
  const latest = useRef(refresh);
  latest.current = refresh;
  useEffect(() => {
    const listener = makeListener((events) => latest.current(events), every);
    listeners.add(listener);
    users += 1;
    if (users === 1) start();
    return () => {
      listeners.delete(listener);
      listener.end();
      users -= 1;
      if (users === 0) stop();
    };
  }, [every]);
}

function makeListener(run, every) {
  let held = [];
  let timer = null;
  let last = Date.now();
  const flush = () => {
    const events = held;
    [held, timer, last] = [[], null, Date.now()];
    run(events);
  };
  return {
    hear(events) {
      held.push(...events);
      timer ??= setTimeout(flush, EVENTS_TOGETHER);
    },
    look(now, gap) {
      if (timer === null && gap > 0 && now - last >= gap) flush();
    },
    every,
    end: () => clearTimeout(timer),
  };
}

/** Try to connect now. */
export function reconnect() {
  stop();
  start();
}

let ticker = null;

function start() {
  ticker = setInterval(tick, 1000);
  document.addEventListener("visibilitychange", onVisibility);
  for (const name of LOSSES) window.addEventListener(name, onLoss);
  connect();
}

function stop() {
  clearInterval(ticker);
  document.removeEventListener("visibilitychange", onVisibility);
  for (const name of LOSSES) window.removeEventListener(name, onLoss);
  attempt?.abort();
  attempt = null;
}

/** A stream can seem to run for a while after the network is gone; a call that nobody answers knows better. */
function onLoss() {
  setStatus("lost");
  attempt?.abort();
  attempt = null;
  clearTimeout(retry);
  retry = setTimeout(connect, 3000);
}

function onVisibility() {
  if (document.hidden) {
    attempt?.abort();
    attempt = null;
    setStatus("paused");
  } else {
    connect();
    for (const listener of listeners) listener.hear([]);
  }
}

function tick() {
  if (document.hidden) return;
  const now = Date.now();
  if (status.mode === "live" && now - status.heardAt > SILENCE) {
    onLoss();
  }
  for (const listener of listeners) {
    listener.look(now, status.mode === "live" || listener.every === 0 ? listener.every : Math.min(listener.every, LOOK_EVERY));
  }
}

async function connect() {
  if (attempt !== null || document.hidden || users === 0) return;
  const mine = (attempt = new AbortController());
  let pause = 1000;
  try {
    const headers = position === null ? {} : { "Last-Event-ID": String(position) };
    const answer = await fetch(address("/api/v1/events/stream"), { headers, signal: mine.signal });
    if (answer.ok) {
      await follow(answer.body.getReader());
    } else {
      setStatus("polling", true);
      pause = 1000 * (Number(answer.headers.get("Retry-After")) || 15);
      if (answer.status === 401 || answer.status === 403) pause = Infinity;
    }
  } catch (error) {
    if (error.name === "AbortError") return;
    setStatus("lost");
    pause = 3000;
  }
  if (attempt !== mine) return;
  attempt = null;
  clearTimeout(retry);
  if (pause < Infinity) retry = setTimeout(connect, pause);
}

async function follow(reader) {
  const wasAway = status.mode === "lost" || status.mode === "polling";
  setStatus("live", true);
  if (wasAway) for (const listener of listeners) listener.hear([]);
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    setStatus("live", true);
    const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = blocks.pop();
    const events = blocks.map(readBlock).filter(Boolean);
    if (events.length) for (const listener of listeners) listener.hear(events);
  }
}

function readBlock(block) {
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("id:")) position = Number(line.slice(3));
    if (line.startsWith("data:")) data += line.slice(5);
  }
  return data ? JSON.parse(data) : null;
}
