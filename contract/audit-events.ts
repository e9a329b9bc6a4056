/** Palette's `spec.actionType`: what kind of act an entry records. */
export type ActionType = 'create' | 'update' | 'delete' | 'publish' | 'deploy' | 'activity' | 'action'

/**
 * Every event the audit log may hold: how it reads for a person, what kind of act it is and of which kind of object.
 * A name, once released, keeps its meaning: people search for it.
 */
export const auditEvents = {
  // Tenancy
  'tenant.created': { action: 'create', kind: 'tenant', title: 'Tenant created' },
  'tenant.activated': { action: 'update', kind: 'tenant', title: 'Tenant switched on or off' },
  'tenant.invited': { action: 'update', kind: 'tenant', title: 'First user of a tenant invited again' },
  'tenant.deleted': { action: 'delete', kind: 'tenant', title: 'Tenant deleted' },
  'tenant.limits.updated': { action: 'update', kind: 'tenant', title: 'Resource limits of the tenant changed' },
  'system.limits.updated': { action: 'update', kind: 'system', title: 'Resource limits of all tenants changed' },
  'tenant.session.settings.updated': {
    action: 'update',
    kind: 'tenant',
    title: 'Session settings of the tenant changed',
  },
  'system.session.settings.updated': {
    action: 'update',
    kind: 'system',
    title: 'Session settings of system administrators changed',
  },
  'tenant.preferences.updated': { action: 'update', kind: 'tenant', title: 'Preferences of the tenant changed' },
  'project.preferences.updated': { action: 'update', kind: 'project', title: 'Preferences of the project changed' },
  'cluster.upgrades.updated': {
    action: 'update',
    kind: 'spectrocluster',
    title: 'Upgrades of clusters locked or unlocked',
  },
  'project.created': { action: 'create', kind: 'project', title: 'Project created' },
  'project.updated': { action: 'update', kind: 'project', title: 'Project changed' },
  'project.access.updated': { action: 'update', kind: 'project', title: 'Who holds which role in the project changed' },
  'project.deleted': { action: 'delete', kind: 'project', title: 'Project deleted' },
  'user.created': { action: 'create', kind: 'user', title: 'User created' },
  'user.updated': { action: 'update', kind: 'user', title: 'User changed' },
  'user.access.updated': { action: 'update', kind: 'user', title: 'Roles of the user changed' },
  'user.deleted': { action: 'delete', kind: 'user', title: 'User deleted' },
  'team.created': { action: 'create', kind: 'team', title: 'Team created' },
  'team.updated': { action: 'update', kind: 'team', title: 'Team changed' },
  'team.access.updated': { action: 'update', kind: 'team', title: 'Roles of the team changed' },
  'team.deleted': { action: 'delete', kind: 'team', title: 'Team deleted' },
  'role.created': { action: 'create', kind: 'role', title: 'Role created' },
  'role.updated': { action: 'update', kind: 'role', title: 'Role changed' },
  'role.deleted': { action: 'delete', kind: 'role', title: 'Role deleted' },
  'filter.created': { action: 'create', kind: 'filter', title: 'Filter created' },
  'filter.updated': { action: 'update', kind: 'filter', title: 'Filter changed' },
  'filter.deleted': { action: 'delete', kind: 'filter', title: 'Filter deleted' },
  // Objects of the tenant and its projects
  'sshkey.created': { action: 'create', kind: 'sshKey', title: 'SSH key created' },
  'sshkey.updated': { action: 'update', kind: 'sshKey', title: 'SSH key changed' },
  'sshkey.deleted': { action: 'delete', kind: 'sshKey', title: 'SSH key deleted' },
  'macro.created': { action: 'create', kind: 'macro', title: 'Macros created' },
  'macro.updated': { action: 'update', kind: 'macro', title: 'Macros changed' },
  'macro.deleted': { action: 'delete', kind: 'macro', title: 'Macros deleted' },
  'edgetoken.created': { action: 'create', kind: 'edgeToken', title: 'Registration token created' },
  'edgetoken.updated': { action: 'update', kind: 'edgeToken', title: 'Registration token changed' },
  'edgetoken.deleted': { action: 'delete', kind: 'edgeToken', title: 'Registration token deleted' },
  'cloudaccount.created': { action: 'create', kind: 'cloudaccount', title: 'Cloud account created' },
  'cloudaccount.updated': { action: 'update', kind: 'cloudaccount', title: 'Cloud account changed' },
  'cloudaccount.deleted': { action: 'delete', kind: 'cloudaccount', title: 'Cloud account deleted' },
  // Credentials
  'session.started': { action: 'activity', kind: 'session', title: 'Signed in' },
  'session.refused': { action: 'activity', kind: 'session', title: 'Sign-in refused' },
  'session.refreshed': { action: 'activity', kind: 'session', title: 'Session extended' },
  'session.ended': { action: 'activity', kind: 'session', title: 'Session ended' },
  'session.client.admitted': { action: 'activity', kind: 'session', title: 'Client let into a session' },
  'password.set': { action: 'update', kind: 'user', title: 'Password set' },
  'password.changed': { action: 'update', kind: 'user', title: 'Password changed' },
  'password.reset.requested': { action: 'activity', kind: 'user', title: 'Password reset requested' },
  'apikey.created': { action: 'create', kind: 'apiKey', title: 'API key created' },
  'apikey.updated': { action: 'update', kind: 'apiKey', title: 'API key changed' },
  'apikey.deleted': { action: 'delete', kind: 'apiKey', title: 'API key deleted' },
  'oidc.client.created': { action: 'create', kind: 'oidcClient', title: 'Client registered' },
  'oidc.client.deleted': { action: 'delete', kind: 'oidcClient', title: 'Client removed' },
  // Clusters
  'cluster.imported': { action: 'create', kind: 'spectrocluster', title: 'Cluster imported' },
  'cluster.bindings.checked': { action: 'update', kind: 'spectrocluster', title: "Cluster's bindings checked" },
  'cluster.import.upgraded': { action: 'update', kind: 'spectrocluster', title: 'Read-only import lifted' },
  'cluster.updated': { action: 'update', kind: 'spectrocluster', title: 'Cluster changed' },
  'cluster.credential.renewed': { action: 'update', kind: 'spectrocluster', title: "Cluster's credential renewed" },
  'cluster.credential.mode.changed': {
    action: 'update',
    kind: 'spectrocluster',
    title: "Cluster's credential mode changed",
  },
  'cluster.deleted': { action: 'delete', kind: 'spectrocluster', title: 'Cluster deleted' },
  'cluster.kubeconfig.issued': { action: 'activity', kind: 'spectrocluster', title: 'Kubeconfig issued' },
  'cluster.directToken.issued': {
    action: 'activity',
    kind: 'spectrocluster',
    title: 'Token for the cluster itself issued',
  },
  'cluster.call': { action: 'action', kind: 'spectrocluster', title: 'Call to the cluster' },
  'cluster.call.ended': { action: 'action', kind: 'spectrocluster', title: 'Call to the cluster ended' },
  'cluster.stream.ended': { action: 'action', kind: 'spectrocluster', title: 'Stream ended by a person' },
  // The log itself
  'audit.noted': { action: 'update', kind: 'audit', title: 'Note on an entry' },
  'audit.exported': { action: 'activity', kind: 'audit', title: 'Log exported' },
  // Anything refused for want of a right
  'access.refused': { action: 'activity', kind: 'access', title: 'Refused' },
} as const satisfies Record<string, { action: ActionType; kind: string; title: string }>

export type AuditEvent = keyof typeof auditEvents
