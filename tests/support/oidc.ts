import * as oidc from 'openid-client'
import { Agent, fetch } from 'undici'
import { type Browser, createBrowser, type Page } from './browser.ts'
import { goodPassword, type Palisade } from './palisade.ts'

export const cliRedirect = 'http://127.0.0.1:43117/callback'

/** The issuer as a client made by others sees it. */
export async function discover(
  palisade: Pick<Palisade, 'url' | 'caPem'>,
  clientId = 'palisade-cli',
  clientSecret?: string,
): Promise<oidc.Configuration> {
  const dispatcher = new Agent({ connect: { ca: palisade.caPem }, keepAliveTimeout: 1000 })
  return oidc.discovery(
    new URL(`${palisade.url}/oidc`),
    clientId,
    clientSecret,
    clientSecret === undefined ? oidc.None() : oidc.ClientSecretBasic(clientSecret),
    {
      // The two fetches are one function with two declarations of its types.
      [oidc.customFetch]: ((url: string, options: object) => fetch(url, { ...options, dispatcher })) as never,
    },
  )
}

export type Flow = { readonly url: URL; readonly verifier: string; readonly state: string; readonly nonce: string }

export async function beginFlow(
  config: oidc.Configuration,
  more: Readonly<Record<string, string>> = {},
): Promise<Flow> {
  const verifier = oidc.randomPKCECodeVerifier()
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()]
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: cliRedirect,
    scope: 'openid email profile groups',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...{ state, nonce, ...more },
  })
  return { url, verifier, state, nonce }
}

export const redeem = (config: oidc.Configuration, { verifier, state, nonce }: Flow, callback: URL) =>
  oidc.authorizationCodeGrant(config, callback, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
  })

/** Signs in on the pages, from the start of a flow to the address that it ends with. */
export async function signInOn(
  browser: Browser,
  flow: Pick<Flow, 'url'>,
  person: { readonly email: string; readonly password?: string; readonly org?: string },
): Promise<Page> {
  const form = await browser.open(flow.url)
  return browser.submit(form, {
    ...{ email: person.email, password: person.password ?? goodPassword, action: 'sign-in' },
    ...(person.org === undefined ? {} : { org: person.org }),
  })
}

/** A whole sign-in of the command line's client, with a browser of its own. */
export async function signInByCode(
  palisade: Pick<Palisade, 'url' | 'caPem'>,
  person: { readonly email: string; readonly password?: string; readonly org?: string },
) {
  const config = await discover(palisade)
  const browser = createBrowser(palisade.url, palisade.caPem)
  const flow = await beginFlow(config)
  const back = await signInOn(browser, flow, person)
  return { config, browser, tokens: await redeem(config, flow, back.url) }
}
