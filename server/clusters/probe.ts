import { type ClusterIdentity, identityOf } from '../../core/kube/index.ts'

/** Somebody who does not exist, with everything that an identity can have. */
export function probeOf(tenant: string): ClusterIdentity {
  const nobody = '0'.repeat(24)
  return identityOf({
    tenantUid: tenant,
    userUid: nobody,
    email: 'check@palisade.invalid',
    levels: ['view'],
    teams: [{ uid: nobody, name: 'check' }],
    sessionUid: nobody,
    requestId: nobody,
  })
}
