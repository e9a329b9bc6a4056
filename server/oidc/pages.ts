import { type Html, html } from './html.ts'

/** The pages of signing in, as HTML: what they say is fixed, and what others wrote stands in them as text alone. */

export const styleSheetPath = '/sign-in/style.css'

/** @param banner the operator's notice, shown on every page before anybody signs in */
export function page(title: string, content: Html, banner: string | undefined): string {
  const { markup } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Palisade</title>
<link rel="stylesheet" href="${styleSheetPath}">
</head>
<body>
<main>
<p class="brand">Palisade</p>
${banner === undefined ? undefined : html`<p class="banner" role="note">${banner}</p>`}
<h1>${title}</h1>
${content}
</main>
</body>
</html>
`
  return markup
}

const problem = (text: string | undefined) =>
  text === undefined ? undefined : html`<p class="problem" role="alert" id="problem">${text}</p>`

const described = (text: string | undefined) => (text === undefined ? undefined : html` aria-describedby="problem"`)

export type SignInForm = {
  /** The client that is signed in to, in its own words. */
  readonly client: string
  readonly email: string
  readonly org: string
  readonly system: boolean
  /** Set where only one organisation signs in at this client. */
  readonly fixedOrg: boolean
  readonly problem: string | undefined
}

export const signInForm = ({ client, email, org, system, fixedOrg, problem: said }: SignInForm): Html => html`
<p>to continue to <strong>${client}</strong></p>
${problem(said)}
<form method="post">
${system ? html`<input type="hidden" name="realm" value="system">` : undefined}
<label for="email">E-mail</label>
<input id="email" name="email" type="email" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="320" required autofocus value="${email}"${described(said)}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024" required${described(said)}>
${
  system || fixedOrg
    ? undefined
    : html`<label for="org">Organisation <span class="hint">only if your address is in several</span></label>
<input id="org" name="org" autocomplete="organization" maxlength="128" value="${org}">`
}
<button name="action" value="sign-in">Sign in</button>
</form>
<form method="post" class="aside"><button class="plain" name="action" value="cancel">Cancel</button></form>
<p class="aside"><a href="/sign-in/forgotten">Forgotten your password?</a></p>
${
  fixedOrg
    ? undefined
    : system
      ? html`<p class="aside"><a href="?">Sign in to an organisation</a></p>`
      : html`<p class="aside"><a href="?realm=system">Sign in as system administrator</a></p>`
}`

export const continueForm = ({ client, email, org }: Pick<SignInForm, 'client' | 'email' | 'org'>): Html => html`
<p>You are signed in as <strong>${email}</strong> in <strong>${org}</strong>.</p>
<p>Let <strong>${client}</strong> in with this account? Go on only if you have just started it yourself.</p>
<form method="post"><button name="action" value="continue">Continue</button></form>
<form method="post" class="aside">
<button class="plain" name="action" value="other">Use another account</button>
<button class="plain" name="action" value="cancel">Cancel</button>
</form>`

export const passwordForm = (person: { readonly email: string }, said: string | undefined): Html => html`
${problem(said)}
<form method="post">
<label for="email">E-mail</label>
<input id="email" name="email" type="email" autocomplete="username" readonly value="${person.email}">
<label for="password">New password</label>
<input id="password" name="password" type="password" autocomplete="new-password" maxlength="1024" required autofocus${described(said)}>
<label for="again">The same again</label>
<input id="again" name="again" type="password" autocomplete="new-password" maxlength="1024" required${described(said)}>
<button>Set the password</button>
</form>`

export const forgottenForm = (): Html => html`
<p>Enter your address. If an account has it, a reset link is made; your administrator hands it to you.</p>
<form method="post">
<label for="email">E-mail</label>
<input id="email" name="email" type="email" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="320" required autofocus>
<button>Ask for a link</button>
</form>`

/** @param xsrf what the provider library gave the browser's cookie for this form */
export const userCodeForm = (action: string, xsrf: string, code: string, said: string | undefined): Html => html`
${problem(said)}
<p>Enter the code that your device shows.</p>
<form method="post" action="${action}">
<input type="hidden" name="xsrf" value="${xsrf}">
<label for="user_code">Code</label>
<input id="user_code" name="user_code" class="code" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="16" required autofocus value="${code}"${described(said)}>
<button>Continue</button>
</form>`

export type DeviceForm = {
  readonly action: string
  readonly xsrf: string
  readonly code: string
  readonly client: string
  readonly address: string
  readonly userAgent: string
}

export const deviceForm = ({ action, xsrf, code, client, address, userAgent }: DeviceForm): Html => html`
<p>A device asks to be let in with your account. Its code must be the one below.</p>
<p class="code">${code}</p>
<dl>
<dt>Program</dt><dd>${client}</dd>
<dt>Asked from</dt><dd>${address}</dd>
<dt>Says it is</dt><dd>${userAgent === '' ? 'nothing' : userAgent}</dd>
</dl>
<p>If you did not start it yourself, refuse: whoever sent you this code would act in your name.</p>
<form method="post" action="${action}">
<input type="hidden" name="xsrf" value="${xsrf}">
<input type="hidden" name="user_code" value="${code}">
<button name="confirm" value="yes">It is mine, continue</button>
<button class="plain" name="abort" value="yes">Refuse</button>
</form>`

export const signOutForm = (action: string, xsrf: string): Html => html`
<p>This ends your session everywhere that it is used: in this browser, and in programs that you let in from it.</p>
<form method="post" action="${action}">
<input type="hidden" name="xsrf" value="${xsrf}">
<button name="logout" value="yes">Sign out</button>
</form>`

/** To go on to where the client wanted its person afterwards. */
export const goOnForm = (action: string, xsrf: string): Html => html`
<p>There is no session in this browser to sign out of.</p>
<form method="post" action="${action}">
<input type="hidden" name="xsrf" value="${xsrf}">
<button name="logout" value="yes">Continue</button>
</form>`

export const message = (text: string): Html => html`<p>${text}</p>`

export const styleSheet = `:root{color-scheme:light dark;--ink:#1c2430;--paper:#f4f5f7;--card:#fff;--line:#8a93a1;--accent:#1f5fbf;--on-accent:#fff;--bad:#a4161a}
@media (prefers-color-scheme:dark){:root{--ink:#e7eaf0;--paper:#12161d;--card:#1b212b;--line:#7d8798;--accent:#8ab4ff;--on-accent:#0d1420;--bad:#ff9a9a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-width:26rem;margin:8vh auto;padding:2rem;background:var(--card);border-radius:.5rem;overflow-wrap:anywhere}
.brand{margin:0;font-weight:600;letter-spacing:.02em}
h1{margin:.25rem 0 1rem;font-size:1.5rem}
label,dt{display:block;margin-top:1rem;font-weight:600}
dd{margin:0}
.hint{font-weight:400}
input{width:100%;padding:.6rem;border:1px solid var(--line);border-radius:.25rem;background:transparent;color:inherit;font:inherit}
button{margin-top:1.25rem;padding:.6rem 1.25rem;border:1px solid var(--accent);border-radius:.25rem;background:var(--accent);color:var(--on-accent);font:inherit;font-weight:600;cursor:pointer}
button.plain{background:transparent;color:var(--accent)}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.aside{margin:.75rem 0 0}
.aside button{margin-top:0}
.code{font-family:ui-monospace,monospace;font-size:1.5rem;letter-spacing:.1em}
.problem{padding:.6rem;border:1px solid var(--bad);border-radius:.25rem;color:var(--bad)}
.banner{padding:.6rem;border:1px solid var(--line);border-radius:.25rem;white-space:pre-wrap}
`
