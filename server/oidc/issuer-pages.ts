import type { ClientMetadata, KoaContextWithOIDC } from 'oidc-provider'
import type { Caller } from '../identity/index.ts'
import { deviceForm, goOnForm, message, page, signOutForm, userCodeForm } from './pages.ts'

type Client = { readonly clientId: string; readonly clientName?: ClientMetadata['client_name'] }

/** The pages that the provider library shows by itself, in our words. */
export type IssuerPages = {
  callerOf(ctx: KoaContextWithOIDC): Caller
  userCode(ctx: KoaContextWithOIDC, form: string, out?: unknown, cause?: unknown): void
  userCodeConfirm(
    ctx: KoaContextWithOIDC,
    form: string,
    client: Client,
    device: Readonly<Record<string, unknown>>,
    userCode: string,
  ): void
  deviceAdmitted(ctx: KoaContextWithOIDC): void
  signOut(ctx: KoaContextWithOIDC, form: string): void
  signedOut(ctx: KoaContextWithOIDC): void
  nobodyToSignOut(ctx: KoaContextWithOIDC): void
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
  banner,
  callerOf,
  prefilledCode,
}: {
  readonly banner: string | undefined
  readonly callerOf: (ctx: KoaContextWithOIDC) => Caller
  /** The code that the address brought along, to be looked at by the person and sent by them. */
  readonly prefilledCode: () => string
}): IssuerPages {
  const show = (ctx: KoaContextWithOIDC, title: string, content: Parameters<typeof page>[1]) => {
    ctx.type = 'html'
    ctx.body = page(title, content, banner)
  }
  const xsrfOf = ({ oidc }: KoaContextWithOIDC) => {
    const secret = (oidc.session?.state as { readonly secret?: unknown } | undefined)?.secret
    return typeof secret === 'string' ? secret : ''
  }

  return {
    callerOf,
    userCode(ctx, _form, _out, cause) {
      const name = cause instanceof Error ? cause.constructor.name : undefined
      if (name === 'AbortedError')
        return show(ctx, 'Refused', message('The device was not let in. You can close this page.'))
      const said = name === undefined ? undefined : 'This code is not valid, or has expired. Look at your device again.'
      show(ctx, 'Let a device in', userCodeForm('/oidc/device', xsrfOf(ctx), prefilledCode(), said))
    },
    userCodeConfirm(ctx, _form, client, device, userCode) {
      show(
        ctx,
        'Let this device in?',
        deviceForm({
          ...{ action: '/oidc/device', xsrf: xsrfOf(ctx), code: userCode, client: nameOf(client) },
          ...{ address: String(device.ip ?? ''), userAgent: String(device.ua ?? '') },
        }),
      )
    },
    deviceAdmitted(ctx) {
      show(ctx, 'Your device is in', message('Go back to your device. You can close this page.'))
    },
    signOut(ctx, _form) {
      show(ctx, 'Sign out?', signOutForm('/oidc/session/end/confirm', xsrfOf(ctx)))
    },
    nobodyToSignOut(ctx) {
      show(ctx, 'Nobody is signed in', goOnForm('/oidc/session/end/confirm', xsrfOf(ctx)))
    },
    signedOut(ctx) {
      show(ctx, 'You are signed out', message('You can close this page.'))
    },
    failed(ctx, { error }) {
      show(ctx, 'This did not work', message(failures[error] ?? otherwise))
    },
  }
}

export const nameOf = ({ clientId, clientName }: Client): string => clientName ?? clientId
