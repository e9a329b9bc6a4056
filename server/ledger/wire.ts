import { auditEvents } from '../../contract/audit-events.ts'
import type { Audit } from '../../contract/wire/audits.ts'
import { wireTime } from '../../contract/wire/common.ts'
import type { LogLine } from './log.ts'

/** An entry in Palette's shape. Of one whose content is gone, what stands beside it. */
export function toAudit(line: LogLine, note: string | undefined): Audit {
  const { entry, columns } = line
  const { actor, resource } = entry ?? {
    actor: { kind: columns.actor === null ? ('system' as const) : ('user' as const), uid: columns.actor ?? '' },
    resource: { kind: columns.resourceKind, uid: columns.resourceUid },
  }
  const name = resource.name ?? ''
  const time = wireTime(columns.occurredAt)
  return {
    metadata: {
      name: columns.event,
      uid: line.uid,
      labels: {},
      annotations: annotations(line),
      creationTimestamp: time,
      lastModifiedTimestamp: time,
      deletionTimestamp: wireTime(undefined),
    },
    spec: {
      actionType: columns.action,
      actor: {
        actorType: actor.kind,
        ...(actor.kind === 'user'
          ? {
              user: {
                uid: actor.uid,
                emailId: actor.email ?? '',
                firstName: actor.firstName ?? '',
                lastName: actor.lastName ?? '',
                org: actor.org ?? '',
              },
            }
          : { serviceName: actor.uid }),
        ...(columns.project === null ? {} : { project: { uid: columns.project } }),
      },
      resource: { kind: resource.kind, uid: resource.uid, name, label: name },
      ...messages(line),
      userMsg: note ?? '',
    },
  }
}

/** What the log itself says of an entry, in a sentence and in its details. */
export function messages({ line, entry, columns }: LogLine): {
  readonly actionMsg: string
  readonly contentMsg: string
} {
  const title = isEvent(columns.event) ? auditEvents[columns.event].title : columns.event
  const actionMsg = columns.outcome === 'done' ? title : `${title} (${columns.outcome})`
  if (!entry) return { actionMsg, contentMsg: `The content of this entry is ${String(line)}` }
  return { actionMsg, contentMsg: entry.details === undefined ? '' : JSON.stringify(entry.details) }
}

/** What the published shape has no field for. */
function annotations({ index, line, entry, columns }: LogLine): Record<string, string> {
  const all = {
    index: String(index),
    event: columns.event,
    outcome: columns.outcome,
    actor: entry?.actor.uid ?? columns.actor ?? undefined,
    credential: entry?.actor.credential,
    request: entry?.request,
    session: entry?.session,
    address: entry?.address,
    intent: entry?.intent,
    content: typeof line === 'string' ? line : undefined,
  }
  return Object.fromEntries(Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined))
}

function isEvent(name: string): name is keyof typeof auditEvents {
  return Object.hasOwn(auditEvents, name)
}
