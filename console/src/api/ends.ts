/** Why a stream was ended, in words; the reasons are those of docs/revocation.md. */
const reasons: Readonly<Record<string, string>> = {
  'right-withdrawn': 'A right that it rested on was taken away.',
  'session-ended': 'Your session was ended.',
  'key-ended': 'The API key was switched off.',
  'user-inactive': 'Your account was switched off.',
  'tenant-inactive': 'The organisation was switched off.',
  expired: 'Your session reached its end.',
  'cluster-removed': 'The cluster was removed from Palisade.',
  'ended-by-person': 'Somebody ended this one stream.',
  'access-data-stale': 'The server could not follow changes of access, so it let nothing go on.',
  shutdown: 'The server was stopped. It may be back in a moment.',
}

export type Ended = { readonly why: string; readonly requestId?: string | undefined }

/** Reads what the server says when it ends a WebSocket: `access has ended: <reason> (request <id>)`. */
export function endedBy(reason: string): Ended | undefined {
  const [, word = '', requestId] = /^access has ended: ([\w-]+) \(request ([0-9a-f]+)\)$/.exec(reason) ?? []
  const why = reasons[word]
  return why === undefined ? undefined : { why, requestId }
}
