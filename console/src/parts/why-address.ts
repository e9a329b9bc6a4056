import { currentSession } from '../api/session.ts'
import type { OfRecord, Question } from './why.tsx'

// An open *Why?* is in the address, as words: a right and what the question is about, or `recorded.` and what the log knows it by. Names
// are left out: a link must not call a thing what it is not.

/** As it stands in the address. Whoever follows the link reads about the same person. */
export function writeWhy(asked: Question | OfRecord): string {
  if ('recorded' in asked) return `recorded.${asked.recorded}`
  const { permission, scope, cluster, subject, requestId } = asked
  return [
    permission,
    ...(scope.kind === 'project' || scope.kind === 'workspace' ? [`${scope.kind}.${scope.uid}`] : []),
    ...(cluster ? [`cluster.${cluster.uid}`] : []),
    `user.${subject ?? currentSession().user.uid}`,
    ...(requestId ? [`request.${requestId}`] : []),
  ].join(' ')
}

const uid = /^[0-9a-f]{24}$/

/** What such an address asks; undefined where it asks nothing that there could be. */
export function readWhy(address: string): Question | OfRecord | undefined {
  const [first = '', ...words] = address.split(' ')
  const about = new Map(words.map((word) => [word.slice(0, word.indexOf('.')), word.slice(word.indexOf('.') + 1)]))
  if ([...about.values()].some((value) => !uid.test(value))) return undefined
  if (first.startsWith('recorded.')) {
    const recorded = first.slice('recorded.'.length)
    return uid.test(recorded) ? { recorded } : undefined
  }
  if (!/^[A-Za-z]{1,40}\.[A-Za-z]{1,40}$/.test(first)) return undefined
  const { tenant, user, isSystem } = currentSession()
  const [project, workspace, cluster, subject] = ['project', 'workspace', 'cluster', 'user'].map((one) =>
    about.get(one),
  )
  return {
    permission: first,
    scope:
      project !== undefined
        ? { kind: 'project', uid: project }
        : workspace !== undefined
          ? { kind: 'workspace', uid: workspace }
          : { kind: isSystem ? 'system' : 'tenant', uid: tenant.uid },
    cluster: cluster === undefined ? undefined : { uid: cluster },
    requestId: about.get('request'),
    subject: subject === user.uid ? undefined : subject,
  }
}
