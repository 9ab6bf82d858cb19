/** The public API, called with the board's cookie. */

/** What went wrong with a call; `detail` is meant to be shown. `status` is 0 when nobody answered. */
export class Problem extends Error {
  /** @param {{status?: number, title?: string, detail?: string, errors?: {pointer: string, detail: string}[]}} body */
  constructor(body, retryAfter = null) {
    super(body.detail || body.title || "something went wrong");
    this.status = body.status ?? 0;
    this.title = body.title || "Something went wrong";
    this.detail = body.detail || "";
    this.errors = body.errors || [];
    this.body = body;
    this.retryAfter = retryAfter;
  }
}

const NO_ANSWER = { status: 0, title: "No answer", detail: "The server does not answer. Is it running, and are you online?" };

let csrfToken = null;

/** Who is signed in: `{subject, role, expires_at}`, or null. */
export async function whoAmI() {
  return remember(await get("/api/session"));
}

/** Sign in with a pasted token. */
export async function signIn(token) {
  return remember(await post("/api/session", { token }));
}

export async function signOut() {
  await call("DELETE", "/api/session");
  csrfToken = null;
}

function remember(session) {
  csrfToken = session.csrf_token;
  return session.subject === null ? null : session;
}

/**
 * One call. JSON in and out; refusals and failures are thrown as `Problem`.
 * @param {string} method
 * @param {string} path
 * @param {{query?: object, body?: any, headers?: object, signal?: AbortSignal}} [options]
 *   query parameters that are null, undefined or "" are left out
 * @returns {Promise<any>} the answer's JSON, null where there is none
 */
export async function call(method, path, { query, body, headers, signal } = {}) {
  const init = { method, headers: { Accept: "application/json", ...proof(method), ...headers }, signal };
  if (body !== undefined) {
    init.body = body instanceof FormData || body instanceof Blob ? body : JSON.stringify(body);
    if (typeof init.body === "string") init.headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(address(path, query), init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    window.dispatchEvent(new CustomEvent("board:no-answer"));
    throw new Problem(NO_ANSWER);
  }
  return read(answer);
}

export const get = (path, query, options) => call("GET", path, { query, ...options });
export const post = (path, body, options) => call("POST", path, { body: body ?? {}, ...options });
export const put = (path, body, options) => call("PUT", path, { body, ...options });
export const remove = (path, options) => call("DELETE", path, options);

/**
 * Send a form with a file; `onProgress` hears shares from 0 to 1.
 * @param {string} path
 * @param {FormData} form
 * @param {(share: number) => void} [onProgress]
 */
export function upload(path, form, onProgress = () => {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries({ Accept: "application/json", ...proof("POST") })) {
      request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = () => reject(new Problem(NO_ANSWER));
    request.onload = () => {
      const answer = new Response(request.status === 204 ? null : request.responseText, { status: request.status });
      read(answer).then(resolve, reject);
    };
    request.send(form);
  });
}

/** A path with its query. */
export function address(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given).toString();
  return text ? `${path}?${text}` : path;
}

function proof(method) {
  return csrfToken && method !== "GET" ? { "X-CSRF-Token": csrfToken } : {};
}

async function read(answer) {
  const text = await answer.text();
  const body = parse(text);
  if (answer.ok) return body;
  const fallback = { status: answer.status, title: answer.statusText || "Something went wrong", detail: text.slice(0, 200) };
  const seconds = Number(answer.headers.get("Retry-After")) || null;
  const problem = new Problem(body && typeof body === "object" ? { ...fallback, ...body } : fallback, seconds);
  if (answer.status === 401) window.dispatchEvent(new CustomEvent("board:signed-out", { detail: problem }));
  throw problem;
}

function parse(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
