/** Signing in with a token; the link that `serve` prints does it without this page. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { signIn } from "../lib/api.js";
import { useAction } from "../lib/hooks.js";
import { Button, Field, Refusal } from "../lib/parts.js";
import { go, useRoute } from "../lib/router.js";

/** @param {{onSignedIn: (session: object) => void, ended: boolean}} props `ended`: somebody was signed in until now */
export function SignIn({ onSignedIn, ended }) {
  const route = useRoute();
  const expired = route.name === "sign-in" && route.rest[0] === "expired";
  const [token, setToken] = useState("");
  const [enter, { busy, problem }] = useAction(async () => {
    const session = await signIn(token.trim());
    if (route.name === "sign-in") go("#/", { replace: true });
    onSignedIn(session);
  });
  useEffect(() => {
    document.title = "Sign in · assignment-engine";
  }, []);
  const submit = (event) => {
    event.preventDefault();
    if (token.trim()) enter();
  };
  return html`<main class="alone">
    <form class="sign-in" onSubmit=${submit}>
      <p class="brand"><span class="brand-mark" aria-hidden="true"></span><span class="brand-name">assignment-engine</span></p>
      <h1 id="view-title" tabindex="-1">Sign in</h1>
      ${expired && html`<p class="sign-in-note" role="status">That link has been used already or is too old. A link works once; a token does instead.</p>`}
      ${ended && !problem && html`<p class="sign-in-note" role="status">Your session has ended. Sign in again to go on where you were.</p>`}
      <${Refusal} problem=${problem} title="That token does not open the board" />
      <${Field} label="Token" hint="Paste one from your identity provider, or from the command below.">
        ${(props) => html`<input ...${props} type="password" autocomplete="off" spellcheck="false" autocapitalize="off" value=${token} onInput=${(event) => setToken(event.currentTarget.value)} required autofocus />`}
      <//>
      <${Button} kind="primary" type="submit" busy=${busy}>Sign in<//>
      <div class="sign-in-how">
        <p>On the machine that serves:</p>
        <pre><code>assignment-engine token --role admin</code></pre>
        <p>For a technician: <code>--role technician --subject</code> and their employee id.</p>
      </div>
    </form>
  </main>`;
}
