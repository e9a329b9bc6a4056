import { atNextSign, isLookedAt } from './presence.ts'

/** What canvas says of the one who is signed in. No token is ever in the page. */
export type Session = {
  readonly user: { readonly uid: string; readonly email: string; readonly firstName: string; readonly lastName: string }
  readonly tenant: { readonly uid: string; readonly name: string }
  readonly isSystem: boolean
  readonly csrf: string
  readonly endsAt: string
  /** Where the CA of this server is, unless every machine trusts its certificate anyway. */
  readonly caFile?: string
  /** How the installation is classified, if it is. */
  readonly classification?: string
}

let session: Session | undefined
let leaving = false
let empty = (_to: string): void => undefined

/** @returns undefined where nobody is signed in */
export async function loadSession(): Promise<Session | undefined> {
  const response = await fetch('/canvas/session', { headers: { accept: 'application/json' }, cache: 'no-store' })
  if (response.status === 401) return undefined
  if (!response.ok) throw new Error(`The server answered ${response.status}`)
  session = (await response.json()) as Session // The contract of canvas, which is served by the same program.
  return session
}

export function currentSession(): Session {
  if (!session) throw new Error('asked for the session before it was there')
  return session
}

/** @param how takes away what the page shows; it is told where to go on */
export function emptyPageBy(how: (to: string) => void): void {
  empty = how
}

/**
 * Leads to the sign-in pages, and back. Several answers of 401 lead there once. Where nobody is there to sign in it waits, with an empty
 * page: a sign-in that nobody goes on with would be too old when they are back, and would take the place of one that they go on with.
 *
 * @param to without it, back to this very place
 */
export function signInAgain(to = location.pathname + location.search): void {
  if (leaving) return
  leaving = true
  if (isLookedAt()) location.assign(`/canvas/login?return_to=${encodeURIComponent(to)}`)
  else {
    empty(to)
    // Loaded anew, which asks who is signed in: somebody may have signed in meanwhile, in another tab.
    atNextSign(() => location.assign(to))
  }
}

export async function signOut(): Promise<void> {
  location.assign(await endSession())
}

/** Ends this session, and leads to the sign-in pages and back to this very place, as whom one signs in then. */
export async function signInAsAnother(): Promise<void> {
  await endSession()
  signInAgain()
}

/** The same, and on to where one begins in the organisation that one signs in to. */
export async function signInElsewhere(): Promise<void> {
  await endSession()
  signInAgain('/')
}

/** @returns where the browser is to go so that the issuer forgets it too; a next sign-in asks who one is anyway */
async function endSession(): Promise<string> {
  const response = await fetch('/canvas/logout', {
    method: 'POST',
    headers: { 'x-palisade-csrf': currentSession().csrf },
  })
  if (!response.ok && response.status !== 401) throw new Error(`Signing out was answered ${response.status}`)
  // What it is given is the server's own word.
  return response.ok ? ((await response.json()) as { readonly next: string }).next : '/'
}
