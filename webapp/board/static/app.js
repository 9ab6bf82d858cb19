/** The frame of the board: who is signed in, which view is shown, and how to move. */
import { Component, html, render, useEffect, useState } from "./vendor/preact-htm.js";
import { signOut, whoAmI } from "./lib/api.js";
import { Icon } from "./lib/icons.js";
import { listenForKeys, shortcuts, useKeys } from "./lib/keys.js";
import { Button, Dialog, Loading, Refusal, Sayings, say, View } from "./lib/parts.js";
import { go, route, to, useRoute } from "./lib/router.js";
import { SignIn } from "./views/sign-in.js";

/** The views: where they are, who may see them, and the letter that follows `g`. */
const VIEWS = [
  { name: "now", title: "Now", key: "n", roles: ["planner", "admin"], load: () => import("./views/now.js") },
  { name: "plan", title: "Plan", key: "p", roles: ["planner", "admin"], load: () => import("./views/plan.js") },
  { name: "mine", title: "My work", key: "w", roles: ["technician", "planner", "admin"], load: () => import("./views/mine.js") },
  { name: "jobs", title: "Jobs and data", short: "Jobs", key: "j", roles: ["planner", "admin"], load: () => import("./views/jobs.js") },
  { name: "model", title: "Model", key: "m", roles: ["planner", "admin"], load: () => import("./views/model.js") },
];

function Board() {
  const [session, setSession] = useState(undefined);
  const [problem, setProblem] = useState(null);
  const [ended, setEnded] = useState(false);
  const open = (answer = whoAmI()) => answer.then(setSession, setProblem);
  useEffect(() => {
    open(opening);
    const out = () => {
      setEnded(true);
      setSession((old) => (old ? null : old));
    };
    window.addEventListener("board:signed-out", out);
    return () => window.removeEventListener("board:signed-out", out);
  }, []);
  if (problem) return html`<main class="alone"><${Refusal} problem=${problem} retry=${() => setProblem(null) || open()} /></main>`;
  if (session === undefined) return html`<p class="boot">Opening the board…</p>`;
  if (session === null) return html`<${SignIn} onSignedIn=${setSession} ended=${ended} /><${Sayings} />`;
  return html`<${Frame} session=${session} onSignedOut=${() => setEnded(false) || setSession(null)} />`;
}

function Frame({ session, onSignedOut }) {
  const route = useRoute();
  const [help, setHelp] = useState(false);
  const [theme, toggleTheme] = useTheme();
  const mine = VIEWS.filter(({ roles }) => roles.includes(session.role));
  const view = VIEWS.find(({ name }) => name === route.name);
  useEffect(() => {
    if (!view) go(to(mine[0].name), { replace: true });
  }, [view]);
  useKeys("Everywhere", {
    "?": ["Show the shortcuts", () => setHelp(true)],
    t: ["Light or dark", toggleTheme],
    ...Object.fromEntries(mine.map(({ key, title, name }) => [`g ${key}`, [`Go to ${title}`, () => go(to(name))]])),
  });
  const out = async () => {
    try {
      await signOut();
      onSignedOut();
    } catch (problem) {
      say(problem.detail, "alert");
    }
  };
  return html`<div class="frame">
    <a class="skip" href="#view-title" onClick=${(event) => { event.preventDefault(); document.getElementById("view-title")?.focus(); }}>Skip to the content</a>
    <header class=${mine.length > 1 ? "rail" : "rail rail-alone"}>
      <a class="brand" href=${to(mine[0].name)} aria-label="assignment-engine, first view"><span class="brand-mark" aria-hidden="true"></span><span class="brand-name">assignment-engine</span></a>
      <nav aria-label="Views"><ul>${mine.map(({ name, title, short }) => html`<li key=${name}>
        <a href=${to(name)} aria-current=${name === view?.name ? "page" : undefined} aria-label=${title}><${Icon} name=${name} /><span class="nav-long">${title}</span><span class="nav-short" aria-hidden="true">${short ?? title}</span></a></li>`)}</ul></nav>
      <div class="rail-foot">
        <p class="who" title=${`signed in until ${new Date(session.expires_at).toLocaleString()}`}><span>${session.subject}</span><span class="who-role">${session.role}</span></p>
        <div class="rail-buttons">
          <button type="button" class="button button-quiet button-icon" onClick=${toggleTheme} aria-label=${`Use the ${theme === "dark" ? "light" : "dark"} colours`} title="Light or dark (t)"><${Icon} name="theme" /></button>
          <button type="button" class="button button-quiet button-icon rail-keys" onClick=${() => setHelp(true)} aria-label="Show the shortcuts" title="Shortcuts (?)"><${Icon} name="keys" /></button>
          <button type="button" class="button button-quiet button-icon" onClick=${out} aria-label="Sign out" title="Sign out"><${Icon} name="out" /></button>
        </div>
      </div>
    </header>
    <main>${view && html`<${Room} key=${view.name} view=${view} route=${route} session=${session} />`}</main>
    ${help && html`<${Shortcuts} onClose=${() => setHelp(false)} />`}
    <${Sayings} />
  </div>`;
}

/** One view, fetched when it is first shown; an error in it does not take the board down. */
function Room({ view, route, session }) {
  const [shown, setShown] = useState(null);
  const [problem, setProblem] = useState(null);
  const allowed = view.roles.includes(session.role);
  useEffect(() => {
    document.title = `${view.title} · assignment-engine`;
    if (allowed) view.load().then(({ default: content }) => setShown(() => content), (error) => setProblem({ title: "The view could not be loaded", detail: error.message }));
  }, []);
  useEffect(() => {
    if (shown && focusFollows) document.getElementById("view-title")?.focus();
    focusFollows = true;
  }, [shown]);
  if (!allowed) return html`<${Forbidden} view=${view} session=${session} />`;
  if (problem) return html`<${View} title=${view.title}><${Refusal} problem=${problem} retry=${() => window.location.reload()} /><//>`;
  if (!shown) return html`<${View} title=${view.title}><${Loading} lines=${6} /><//>`;
  return html`<${Guard} title=${view.title}><${shown} session=${session} rest=${route.rest} query=${route.query} /><//>`;
}

/** The first view does not take the focus from the page; those that are gone to do. */
let focusFollows = false;

class Guard extends Component {
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }

  render({ title, children }) {
    if (!this.state.error) return children;
    const problem = { title: "This view has broken", detail: String(this.state.error.message || this.state.error) };
    return html`<${View} title=${title}><${Refusal} problem=${problem} retry=${() => this.setState({ error: null })} /><//>`;
  }
}

function Forbidden({ view, session }) {
  return html`<${View} title=${view.title}><${Refusal} problem=${{ status: 403, detail: `You are signed in as ${session.subject} (${session.role}); this view is for ${view.roles.join(" and ")}.` }} /><//>`;
}

function Shortcuts({ onClose }) {
  return html`<${Dialog} title="Shortcuts" onClose=${onClose}>
    ${shortcuts().map(({ title, keys }) => html`<section key=${title}><h3>${title}</h3><dl class="keys">
      ${keys.map(([key, words]) => html`<div key=${key}><dt>${key.split(" ").map((k) => html`<kbd key=${k}>${k}</kbd>`)}</dt><dd>${words}</dd></div>`)}
    </dl></section>`)}
    <h3>In lists</h3>
    <dl class="keys">
      <div><dt><kbd>↑</kbd><kbd>↓</kbd></dt><dd>Move</dd></div>
      <div><dt><kbd>Page Up</kbd><kbd>Page Down</kbd></dt><dd>Move by a page</dd></div>
      <div><dt><kbd>Home</kbd><kbd>End</kbd></dt><dd>First and last</dd></div>
      <div><dt><kbd>Enter</kbd></dt><dd>Open</dd></div>
    </dl>
  <//>`;
}

function useTheme() {
  const system = () => (window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const [theme, setTheme] = useState(() => document.documentElement.dataset.theme ?? system());
  const toggle = () => {
    const next = (document.documentElement.dataset.theme ?? system()) === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("board-theme", next);
    } catch {
      // A browser that keeps nothing forgets it with the page.
    }
    setTheme(next);
  };
  return [theme, toggle];
}

/** Who is signed in is asked, and what the address asks for is fetched, before anything is drawn; failures are said then. */
const opening = whoAmI();
opening.catch(() => {});
const first = VIEWS.find(({ name }) => name === route().name) ?? VIEWS[0];
first.load().catch(() => {});

listenForKeys();
const place = document.getElementById("board");
place.textContent = "";
render(html`<${Board} />`, place);
