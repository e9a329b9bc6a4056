import type { Notices } from '../notices/index.ts'
import { type Html, html } from './html.ts'

/** The pages of signing in, as HTML: what they say is fixed, and what others wrote stands in them as text alone. */

export const styleSheetPath = '/sign-in/style.css'

const mark = html`<svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true"><path fill="currentColor" d="M3 8l2.5-4L8 8v12H3zm6.5 0L12 4l2.5 4v12h-5zM16 8l2.5-4L21 8v12h-5z"/></svg>`

export const startAgain = 'This sign-in is over, or another was begun in this browser. Start again where you came from.'

/** @param notices what people are to read before they sign in, shown on every page as the text that it is (threat G08) */
export function page(title: string, content: Html, { operator, classification, banner }: Notices): string {
  const { markup } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Palisade</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${styleSheetPath}">
</head>
<body>
${classification === undefined ? undefined : html`<header class="classification">${classification}</header>`}
<main>
<p class="brand">${mark}Palisade</p>
${operator === undefined ? undefined : html`<p class="banner" role="note">${operator}</p>`}
${banner === undefined ? undefined : bannerOf(banner)}
<h1>${title}</h1>
${content}
</main>
${classification === undefined ? undefined : html`<footer class="classification">${classification}</footer>`}
</body>
</html>
`
  return markup
}

const bannerOf = ({ title, message }: NonNullable<Notices['banner']>) =>
  html`<p class="banner" role="note">${title === '' ? undefined : html`<strong>${title}</strong>\n`}${message}</p>`

/** The API's refusals have no full stop, sentences on a page do. */
const problem = (text: string | undefined) =>
  text === undefined
    ? undefined
    : html`<p class="problem" role="alert" id="problem">${/[.!?]$/.test(text) ? text : `${text}.`}</p>`

/** What is still to be typed. */
const focus = html` autofocus`

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
<input id="email" name="email" type="email" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="320" required${email === '' ? focus : undefined} value="${email}"${described(said)}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024" required${email === '' ? undefined : focus}${described(said)}>
${
  system || fixedOrg
    ? undefined
    : html`<label for="org">Organisation <span class="hint">only if your address is in several</span></label>
<input id="org" name="org" autocomplete="organization" maxlength="128" value="${org}">`
}
<button name="action" value="sign-in">Sign in</button>
</form>
<form method="post" class="aside"><button class="quiet" name="action" value="cancel">Cancel</button></form>
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
<button class="quiet" name="action" value="cancel">Cancel</button>
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

/** Where a right password is too old: it is asked for once more, so that no page ever holds what was typed on another. */
export const expiredForm = ({ email, org, problem: said }: Pick<SignInForm, 'email' | 'org' | 'problem'>): Html => html`
<p>Your password was right, and has expired. Choose a new one to go on.</p>
${problem(said)}
<form method="post">
<label for="email">E-mail</label>
<input id="email" name="email" type="email" autocomplete="username" readonly value="${email}">
<input type="hidden" name="org" value="${org}">
<label for="current">The password that has expired</label>
<input id="current" name="current" type="password" autocomplete="current-password" maxlength="1024" required autofocus${described(said)}>
<label for="password">New password</label>
<input id="password" name="password" type="password" autocomplete="new-password" maxlength="1024" required${described(said)}>
<label for="again">The same again</label>
<input id="again" name="again" type="password" autocomplete="new-password" maxlength="1024" required${described(said)}>
<button name="action" value="change-expired">Set the password and sign in</button>
</form>
<form method="post" class="aside"><button class="quiet" name="action" value="cancel">Cancel</button></form>`

/** What to know before going on, for somebody who has just signed in. */
export const beforeGoingOn = (next: string, notes: readonly Html[]): Html => html`
${notes}
<p><a class="button" href="${next}">Continue</a></p>`

/** @param on the day, in UTC */
export const expiryNote = (on: string): Html => html`
<p>Your password expires on <strong>${on}</strong>. Change it before then: afterwards it opens nothing but the form for a new one.</p>`

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

/** On to the console: where a page of ours has nothing more to say. */
export const signInLink = (text: string): Html => html`<p><a class="button" href="/">${text}</a></p>`

/** What happened, and the way on for somebody whom nobody awaits. */
export const leadOn = (text: string): Html => html`${message(text)}${signInLink('Sign in')}`

/** The colours are the console's (`console/src/tokens.css`). */
export const styleSheet = `:root{color-scheme:light dark;--ink:#1c2226;--quiet:#565f66;--paper:#f7f8f9;--card:#fff;--edge:#dfe3e6;--line:#8a949c;--accent:#0b6577;--hover:#084e5c;--soft:#e1f1f4;--on-accent:#fff;--bad:#b42318;--bad-soft:#fdeceb}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8eb;--quiet:#a3adb5;--paper:#121619;--card:#181d21;--edge:#2c343a;--line:#7d8790;--accent:#5cc4d8;--hover:#7fd4e4;--soft:#14343b;--on-accent:#06242b;--bad:#ff8a80;--bad-soft:#3a1a19}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;min-height:100dvh;display:grid;grid-template-columns:minmax(0,25rem);justify-content:center;align-content:start;padding:max(1rem,7vh) 1rem 2rem;background:var(--paper);color:var(--ink);font:.9375rem/1.5 Inter,system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{padding:2rem;background:var(--card);border:1px solid var(--edge);border-radius:.75rem;overflow-wrap:anywhere}
.brand{display:flex;gap:.5rem;align-items:center;margin:0 0 1.5rem;font-weight:600}
.brand svg{color:var(--accent)}
h1{margin:0;font-size:1.375rem;line-height:1.3;letter-spacing:-.01em}
h1+p{margin-top:.25rem}
h1+.problem{margin-top:.75rem}
p{margin:1rem 0 0}
h1+p:not(.problem){color:var(--quiet)}
h1+p strong{color:var(--ink)}
label{display:block;margin:1rem 0 .375rem;font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.375rem 1rem;margin:1rem 0 0}
dt{color:var(--quiet)}
dd{margin:0}
.hint{font-weight:400;color:var(--quiet)}
input{width:100%;padding:.5625rem .75rem;border:1px solid var(--line);border-radius:.375rem;background:var(--card);color:inherit;font:inherit}
input[readonly]{border-color:var(--edge);background:var(--paper);color:var(--quiet)}
button,.button{display:block;width:100%;margin-top:1.5rem;padding:.625rem 1.25rem;border:1px solid transparent;border-radius:.375rem;background:var(--accent);color:var(--on-accent);font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}
button:hover,.button:hover{background:var(--hover)}
button.plain{margin-top:.75rem;border-color:var(--line);background:transparent;color:var(--ink)}
button.plain:hover{background:var(--paper)}
button.quiet{width:max-content;margin:.5rem auto 0;padding:.375rem .75rem;background:transparent;color:var(--quiet);font-weight:400}
button.quiet:hover{background:var(--paper);color:var(--ink)}
form.aside{margin:0}
a{color:var(--accent)}
a:hover{color:var(--hover)}
a.button:hover{color:var(--on-accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
p.aside{margin-top:.75rem;font-size:.875rem}
form.aside+p.aside{margin-top:1.5rem}
.code{font-family:ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace;font-size:1.375rem;letter-spacing:.12em;text-align:center}
p.code{padding:.75rem;border-radius:.375rem;background:var(--soft)}
.problem{padding:.625rem .75rem;border-radius:.375rem;background:var(--bad-soft);color:var(--bad)}
.banner{margin:0 0 1.5rem;padding:.625rem .75rem;border:1px solid var(--edge);border-radius:.375rem;background:var(--paper);font-size:.875rem;white-space:pre-wrap}
.classification{margin:0 0 1rem;padding:.25rem .75rem;border:2px solid var(--ink);font-weight:700;text-align:center;overflow-wrap:anywhere}
main+.classification{margin:1rem 0 0}
@media (max-width:30rem){body{padding:1rem}main{padding:1.5rem 1.25rem}}
`
