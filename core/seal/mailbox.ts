import type { CanonicalEmail } from './email.ts'

/**
 * The mailbox that an address is delivered to, as far as the address tells: what follows a plus sign in the local part is
 * detail (RFC 5233), so `ada@x` and `ada+2@x` are one person's. For telling people apart, never for sending or signing in.
 */
export function mailboxOf(email: CanonicalEmail): string {
  const at = email.lastIndexOf('@')
  const [mailbox = ''] = email.slice(0, at).split('+')
  // A local part that begins with a plus has nothing before it to go by.
  return mailbox === '' ? email : `${mailbox}${email.slice(at)}`
}
