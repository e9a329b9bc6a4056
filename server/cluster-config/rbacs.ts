import type { z } from 'zod'
import type { Refusal } from '../../contract/errors.ts'
import type { TenantUid } from '../../contract/ids.ts'
import { annotationsOf, clientAnnotations } from '../../contract/wire/annotations.ts'
import type { rbac, rbacIn } from '../../contract/wire/cluster-rbacs.ts'
import { wireTime } from '../../contract/wire/common.ts'
import { ok, type Result } from '../../core/result.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { type BindingPorts, storableBindings } from './bindings.ts'
import type { Rbac, WrittenRbac } from './rbac-store.ts'

/** A set of bindings as it may be stored. @param before what stays where a client does not say */
export async function writtenRbac(
  ports: Pick<BindingPorts, 'subjects'>,
  tx: Tx,
  { metadata, spec }: z.output<typeof rbacIn>,
  before?: Rbac,
): Promise<Result<WrittenRbac, Refusal>> {
  const bindings = await storableBindings(ports, tx, spec.bindings)
  if (!bindings.ok) return bindings
  return ok({
    name: metadata?.name ?? before?.name ?? '',
    labels: metadata?.labels ?? before?.labels ?? {},
    annotations: metadata?.annotations ? clientAnnotations(metadata.annotations) : (before?.annotations ?? {}),
    bindings: bindings.value,
  })
}

/** The same as it is answered, bindings as they were written. */
export function rbacAnswer(
  { uid, name, labels, annotations, bindings, createdAt, updatedAt }: Rbac,
  about: {
    readonly tenantUid: TenantUid
    readonly projectUid: string
    /** What the caller may do to what has it. */
    readonly permissions: readonly string[]
    readonly errors: readonly z.output<typeof rbac>['status']['errors'][number][]
  },
): z.input<typeof rbac> {
  const { errors, ...scope } = about
  return {
    metadata: {
      ...{ name, uid, labels: { ...labels } },
      annotations: annotationsOf(annotations, { scope: 'project', ...scope }),
      creationTimestamp: wireTime(createdAt),
      lastModifiedTimestamp: wireTime(updatedAt),
      deletionTimestamp: wireTime(null),
    },
    spec: {
      bindings: bindings.map(({ type, namespace, role, subjects }) => ({
        ...{ type, namespace, role },
        subjects: subjects.map((subject) => ({ type: subject.type, name: subject.name, namespace: subject.namespace })),
      })),
      isSystem: false,
    },
    status: { errors: [...errors] },
  }
}
