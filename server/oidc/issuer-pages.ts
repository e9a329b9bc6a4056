import type { ClientMetadata, KoaContextWithOIDC } from 'oidc-provider'
import type { Caller } from '../identity/index.ts'
import type { NoticesOf } from '../notices/index.ts'
import type { Html } from './html.ts'
import { deviceForm, goOnForm, leadOn, message, page, signOutForm, startAgain, userCodeForm } from './pages.ts'

type Client = { readonly clientId: string; readonly clientName?: ClientMetadata['client_name'] }

/** The pages that the provider library shows by itself, in our words. */
export type IssuerPages = {
  callerOf(ctx: KoaContextWithOIDC): Caller
  userCode(ctx: KoaContextWithOIDC, form: string, out?: unknown, cause?: unknown): Promise<void>
  userCodeConfirm(
    ctx: KoaContextWithOIDC,
    form: string,
    client: Client,
    device: Readonly<Record<string, unknown>>,
    userCode: string,
  ): Promise<void>
  deviceAdmitted(ctx: KoaContextWithOIDC): Promise<void>
  signOut(ctx: KoaContextWithOIDC, form: string): Promise<void>
  signedOut(ctx: KoaContextWithOIDC): Promise<void>
  nobodyToSignOut(ctx: KoaContextWithOIDC): Promise<void>
  failed(ctx: KoaContextWithOIDC, out: { readonly error: string }, cause: unknown): void
}

/** Said by code alone: what came in the address is never shown (threat B32). */
const failures: Readonly<Record<string, string>> = {
  invalid_client: 'The program that sent you here is not known. Ask whoever runs it.',
  invalid_redirect_uri: 'The program that sent you here named an address that is not registered for it.',
  invalid_request: 'The request could not be read, or took too long. Start again where you came from.',
  access_denied: 'It was cancelled. You can close this page.',
}
const otherwise = 'Something failed. Start again where you came from.'

export function createIssuerPages({
  notices,
  callerOf,
  prefilledCode,
}: {
  readonly notices: Pick<NoticesOf, 'around' | 'operator'>
  readonly callerOf: (ctx: KoaContextWithOIDC) => Caller
  /** The code that the address brought along, to be looked at by the person and sent by them. */
  readonly prefilledCode: () => string
}): IssuerPages {
  async function show(ctx: KoaContextWithOIDC, title: string, content: Html): Promise<void> {
    ctx.type = 'html'
    ctx.body = page(title, content, await notices.around(undefined))
  }
  const xsrfOf = ({ oidc }: KoaContextWithOIDC) => {
    const secret = (oidc.session?.state as { readonly secret?: unknown } | undefined)?.secret
    return typeof secret === 'string' ? secret : ''
  }

  return {
    callerOf,
    async userCode(ctx, _form, _out, cause) {
      const name = cause instanceof Error ? cause.constructor.name : undefined
      if (name === 'AbortedError')
        return show(ctx, 'Refused', message('The device was not let in. You can close this page.'))
      const said = name === undefined ? undefined : 'This code is not valid, or has expired. Look at your device again.'
      await show(ctx, 'Let a device in', userCodeForm('/oidc/device', xsrfOf(ctx), prefilledCode(), said))
    },
    async userCodeConfirm(ctx, _form, client, device, userCode) {
      await show(
        ctx,
        'Let this device in?',
        deviceForm({
          ...{ action: '/oidc/device', xsrf: xsrfOf(ctx), code: userCode, client: nameOf(client) },
          ...{ address: String(device.ip ?? ''), userAgent: String(device.ua ?? '') },
        }),
      )
    },
    async deviceAdmitted(ctx) {
      await show(ctx, 'Your device is in', message('Go back to your device. You can close this page.'))
    },
    async signOut(ctx, _form) {
      await show(ctx, 'Sign out?', signOutForm('/oidc/session/end/confirm', xsrfOf(ctx)))
    },
    async nobodyToSignOut(ctx) {
      await show(ctx, 'Nobody is signed in', goOnForm('/oidc/session/end/confirm', xsrfOf(ctx)))
    },
    async signedOut(ctx) {
      await show(ctx, 'You are signed out', leadOn('You can close this page.'))
    },
    failed(ctx, { error }) {
      // Said without a question to the database, which may be what failed.
      ctx.type = 'html'
      const unasked = { operator: notices.operator, classification: undefined, banner: undefined }
      ctx.body =
        error === 'another_sign_in'
          ? page('Start again', leadOn(startAgain), unasked)
          : page('This did not work', message(failures[error] ?? otherwise), unasked)
    },
  }
}

export const nameOf = ({ clientId, clientName }: Client): string => clientName ?? clientId
