import type { Principal } from '../gateway/index.ts'
import type { Actor } from './entry.ts'

/** The caller, as the log names them. */
export function actorOf({ user, person, credential }: Principal): Actor {
  return {
    kind: 'user',
    uid: user,
    ...person,
    credential: credential.kind === 'session' ? `session:${credential.session}` : `apiKey:${credential.key}`,
  }
}

/** The caller's session, where a session is what they came with. */
export function sessionOf({ credential }: Principal): string | undefined {
  return credential.kind === 'session' ? credential.session : undefined
}
