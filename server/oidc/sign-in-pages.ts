import type { InteractionResults, Provider } from 'oidc-provider'
import type { Refusal } from '../../contract/errors.ts'
import type { SessionUid, TenantUid, UserUid } from '../../contract/ids.ts'
import type { DoorRequest, DoorResponse } from '../gateway/index.ts'
import type { Caller, IssuerPort, LinkPurpose, SessionHolder } from '../identity/index.ts'
import type { NoticesOf } from '../notices/index.ts'
import type { RequestLog } from '../platform/log/index.ts'
import { onlyTenantOf } from './clients.ts'
import { grantOfBrowser, scopes } from './configuration.ts'
import { accountId, newGrantId, sessionOfGrant } from './grant-id.ts'
import type { Html } from './html.ts'
import { nameOf } from './issuer-pages.ts'
import {
  beforeGoingOn,
  continueForm,
  expiredForm,
  expiryNote,
  forgottenForm,
  leadOn,
  message,
  passwordForm,
  type SignInForm,
  signInForm,
  signInLink,
  startAgain,
  styleSheet,
  styleSheetPath,
} from './pages.ts'

/** What a page answers: content to be shown, or where to go next. */
export type PageAnswer =
  | {
      readonly status: number
      readonly title: string
      readonly content: Html
      readonly formAction?: string
      /** Whose people it is for, once that is known. */
      readonly tenant?: TenantUid
    }
  | { readonly redirect: string }
  | { readonly styleSheet: string }

/** A request for a page: the fields of its form are undefined for a GET. */
export type PageRequest = {
  readonly path: string
  readonly query: URLSearchParams
  readonly form: ReadonlyMap<string, string> | undefined
  readonly caller: Caller
  /** Learns who it is that signs in. */
  readonly log: RequestLog
  /** The library reads and writes its cookies on these. */
  readonly request: DoorRequest
  readonly response: DoorResponse
}

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>
type Signed = { readonly tenant: TenantUid; readonly user: UserUid; readonly session: SessionUid }

const wrongSignIn = 'The e-mail, password or organisation is wrong, or there were too many attempts. Try again.'
const busy = 'Too many people sign in at this moment. Try again.'
const deadLink =
  'This link was used, has expired or was never issued, or somebody has read it who may do less than this account. Ask your administrator for a new one.'

/** The sign-in pages, as the issuer's interactions, and those that set passwords by a link. None needs JavaScript. */
export function createSignInPages({
  provider,
  port,
  ownBanner,
}: {
  readonly provider: () => Provider
  readonly port: IssuerPort
  readonly ownBanner: NoticesOf['ownBanner']
}): (page: PageRequest) => Promise<PageAnswer> {
  return async (page) => {
    const { path } = page
    if (path === styleSheetPath) return { styleSheet }
    if (path === '/sign-in/forgotten') return forgotten(page)
    const link = /^\/sign-in\/(activate|reset)\/([^/]+)$/.exec(path)
    if (link) return byLink(page, link[1] === 'activate' ? 'activate' : 'reset', link[2] ?? '')
    const uid = /^\/sign-in\/([A-Za-z0-9_-]{21,64})$/.exec(path)?.[1]
    return uid === undefined ? notFound : interaction(page, uid)
  }

  async function interaction(page: PageRequest, uid: string): Promise<PageAnswer> {
    const current = await currentInteraction(page)
    // The browser's cookie says which sign-in is its own; an address that somebody sent opens no other (threat B12).
    if (current?.uid !== uid) return { status: 400, title: 'Start again', content: leadOn(startAgain) }
    const clientId = String(current.params.client_id)
    const client = await provider().Client.find(clientId)
    if (!client) return { status: 400, title: 'Start again', content: leadOn(startAgain) }
    const to: Target = { clientId, client: nameOf(client), formAction: originOf(current.params.redirect_uri) }
    const signedIn = current.prompt.name === 'consent' ? await holderOf(current) : undefined
    if (signedIn) page.log.knows(signedIn.named)
    const { form, query } = page

    if (form === undefined) {
      if (signedIn && query.get('account') !== 'other') return showContinue(to, signedIn.holder)
      return showSignIn(to, {
        email: textOf(current.params.login_hint).slice(0, 320),
        ...{ org: '', system: query.get('realm') === 'system', problem: undefined },
      })
    }
    switch (form.get('action')) {
      case 'cancel':
        return { redirect: await finish(page, { error: 'access_denied' }) }
      case 'other':
        return { redirect: `${page.path}?account=other` }
      case 'continue': {
        if (!signedIn) return { redirect: page.path }
        const grantId = await grant(current, clientId, signedIn.named)
        const details = current.deviceCode === undefined ? {} : { device: true }
        await port.recordClient(signedIn.named, clientId, details, page.caller)
        return { redirect: await finish(page, { consent: { grantId } }) }
      }
      case 'change-expired':
        return changeExpired(page, current, to, form)
      default:
        return signIn(page, current, to, form)
    }
  }

  /** The new password signs in by itself: who set it has just proved the old one. */
  async function changeExpired(
    page: PageRequest,
    current: Interaction,
    to: Target,
    form: ReadonlyMap<string, string>,
  ): Promise<PageAnswer> {
    const typed = { email: form.get('email') ?? '', org: form.get('org') ?? '' }
    const next = form.get('password') ?? ''
    if (next !== form.get('again')) return showExpired(to, { ...typed, problem: 'The two passwords are not the same.' })
    const only = onlyTenantOf(to.clientId)
    const changed = await port.passwords.changeExpired({
      ...{ ...page.caller, ...typed, password: form.get('current') ?? '', next },
      ...(only === undefined ? {} : { onlyTenant: only }),
    })
    if (changed.ok) return signIn(page, current, to, form)
    const { code, detail } = changed.error
    const problem = code === 'sign_in_failed' || code === 'busy' ? saidOf(changed.error) : detail
    return showExpired(to, { ...typed, problem })
  }

  async function signIn(
    page: PageRequest,
    current: Interaction,
    to: Target,
    form: ReadonlyMap<string, string>,
  ): Promise<PageAnswer> {
    const typed = { email: form.get('email') ?? '', org: form.get('org') ?? '', system: form.get('realm') === 'system' }
    const only = onlyTenantOf(to.clientId)
    const result = await port.signIn({
      ...page.caller,
      realm: typed.system && only === undefined ? 'system' : 'tenant',
      ...{ email: typed.email, password: form.get('password') ?? '', org: typed.org, client: to.clientId },
      ...(only === undefined ? {} : { onlyTenant: only }),
    })
    if (!result.ok && result.error.code === 'password_expired') return showExpired(to, { ...typed, problem: undefined })
    if (!result.ok) return showSignIn(to, { ...typed, problem: saidOf(result.error) })
    const { tenant, account, session, remindOf } = result.value
    const named = { tenant, user: account.user, session }
    page.log.knows(named)
    const grantId = await grant(current, to.clientId, named)
    const redirect = await finish(page, {
      login: { accountId: accountId(named), remember: false, amr: ['pwd'] },
      consent: { grantId },
    })
    await forgetBrowser(current)
    // At a client of their own, people have read it by now; elsewhere nobody knew before whose they are.
    const hasBanner = only === undefined && (await ownBanner(tenant)) !== undefined
    if (remindOf === undefined && !hasBanner) return { redirect }
    // The way on waits in the library, as the browser's own: the page only puts itself before it.
    const notes = remindOf === undefined ? [] : [expiryNote(remindOf.toISOString().slice(0, 10))]
    return { status: 200, title: 'You are signed in', content: beforeGoingOn(redirect, notes), tenant }
  }

  async function currentInteraction({ request, response }: PageRequest): Promise<Interaction | undefined> {
    try {
      return await provider().interactionDetails(request, response)
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'SessionNotFound') return undefined
      throw cause
    }
  }

  /** The person that the browser's cookie stands for, if their session still counts and may be used at this client. */
  async function holderOf(current: Interaction): Promise<{ named: Signed; holder: SessionHolder } | undefined> {
    const uid = current.session?.uid
    const session = uid === undefined ? undefined : await provider().Session.findByUid(uid)
    const named = sessionOfGrant(grantOfBrowser(session))
    const only = onlyTenantOf(String(current.params.client_id))
    if (!named || (only !== undefined && only !== named.tenant)) return undefined
    const holder = await port.sessionHolder(named)
    return holder.ok ? { named, holder: holder.value } : undefined
  }

  async function grant(current: Interaction, clientId: string, named: Signed): Promise<string> {
    const made = new (provider().Grant)({ accountId: accountId(named), clientId })
    // The library makes an id where there is none.
    made.jti = newGrantId(named)
    const asked = textOf(current.params.scope).split(' ')
    made.addOIDCScope(scopes.filter((scope) => scope === 'openid' || asked.includes(scope)).join(' '))
    return made.save()
  }

  function finish({ request, response }: PageRequest, result: InteractionResults): Promise<string> {
    return provider().interactionResult(request, response, result, { mergeWithLastSubmission: false })
  }

  /** What the browser's cookie stood for before is over: the sign-in begins with nothing of it (threat B23). */
  async function forgetBrowser({ session: before }: Interaction): Promise<void> {
    const session = before?.uid === undefined ? undefined : await provider().Session.findByUid(before.uid)
    if (!session) return
    Object.assign(session, { accountId: undefined, authorizations: undefined, loginTs: undefined })
    await session.persist()
  }

  async function forgotten({ form, caller }: PageRequest): Promise<PageAnswer> {
    if (form === undefined) return { status: 200, title: 'Forgotten your password?', content: forgottenForm() }
    await port.passwords.requestReset({ ...caller, email: form.get('email') ?? '' })
    const said = 'If an account has this address, its administrator can now give you a reset link.'
    return { status: 200, title: 'Ask your administrator', content: leadOn(said) }
  }

  async function byLink({ form, caller }: PageRequest, purpose: LinkPurpose, token: string): Promise<PageAnswer> {
    const title = purpose === 'activate' ? 'Welcome: choose a password' : 'Choose a new password'
    const found = await port.passwords.ofLink({ token, purpose, now: caller.now })
    if (!found) return { status: 400, title: 'This link does not work', content: leadOn(deadLink) }
    const { person, tenant } = found
    if (form === undefined) return { status: 200, title, content: passwordForm(person, undefined), tenant }
    const password = form.get('password') ?? ''
    if (password !== form.get('again'))
      return { status: 400, title, content: passwordForm(person, 'The two passwords are not the same.'), tenant }
    const set = await port.passwords.setByLink({ ...caller, token, purpose, password })
    if (set.ok) return { status: 200, title: 'Your password is set', content: signInLink('Sign in') }
    if (set.error.code === 'link_invalid')
      return { status: 400, title: 'This link does not work', content: leadOn(deadLink) }
    const said = set.error.code === 'password_policy' ? (set.error.detail ?? 'The password is not good enough.') : busy
    const status = set.error.code === 'password_policy' ? 400 : 429
    return { status, title, content: passwordForm(person, said), tenant }
  }
}

type Target = { readonly clientId: string; readonly client: string; readonly formAction: string | undefined }

function showSignIn(
  { client, clientId, formAction }: Target,
  form: Pick<SignInForm, 'email' | 'org' | 'system' | 'problem'>,
): PageAnswer {
  const only = onlyTenantOf(clientId)
  return {
    status: form.problem === undefined ? 200 : 401,
    title: 'Sign in',
    content: signInForm({ ...form, client, fixedOrg: only !== undefined }),
    ...(only === undefined ? {} : { tenant: only }),
    ...(formAction === undefined ? {} : { formAction }),
  }
}

function showExpired({ formAction }: Target, form: Parameters<typeof expiredForm>[0]): PageAnswer {
  return {
    status: form.problem === undefined ? 200 : 400,
    title: 'Choose a new password',
    content: expiredForm(form),
    ...(formAction === undefined ? {} : { formAction }),
  }
}

function showContinue({ client, formAction }: Target, { principal: { person, tenant } }: SessionHolder): PageAnswer {
  return {
    status: 200,
    title: 'Continue?',
    content: continueForm({ client, email: person.email, org: person.org }),
    tenant,
    ...(formAction === undefined ? {} : { formAction }),
  }
}

const notFound: PageAnswer = { status: 404, title: 'No such page', content: message('There is nothing here.') }

const saidOf = ({ code }: Refusal): string => (code === 'busy' ? busy : wrongSignIn)

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Where a form's answer leads in the end: browsers hold the whole chain of redirects against `form-action`. */
function originOf(redirectUri: unknown): string | undefined {
  return typeof redirectUri === 'string' && URL.canParse(redirectUri) ? new URL(redirectUri).origin : undefined
}
