import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemTenant, type TenantUid } from '../../contract/ids.ts'
import { createIdentityWorld, goodPassword, type IdentityWorld } from '../../tests/support/identity-world.ts'

let world: IdentityWorld
let acme: TenantUid
let root: string
before(async () => {
  world = await createIdentityWorld()
  acme = (await world.bear('Acme', 'ada@acme.example')).tenant
  root = await world.signIn('root@palisade.example', goodPassword, 'system')
})
after(() => world?.stop())

const call = (as: string, route: string, body?: unknown) =>
  world.call(route, { as: { authorization: as }, ...(body === undefined ? {} : { body }) })
const must = async (as: string, route: string, body?: unknown) => {
  const answer = await call(as, route, body)
  assert.ok(answer.ok, `${route}: ${answer.ok || (answer.error.detail ?? answer.error.code)}`)
  return answer.value.body
}
const code = (answer: { ok: boolean; error?: { code: string } }) => (answer.ok ? 'ok' : answer.error?.code)
const signIn = (email: string, password = goodPassword) => world.signIn(email, password, 'system')
const spec = (name: string, adminType: string) => ({
  spec: { firstName: name, lastName: 'Admin', emailId: `${name}@palisade.example`, adminType },
})
const tokenOf = async (uid: string, as = root) =>
  ((await must(as, `GET /v1/system/admins/${uid}`)).status.activation.link as string).split('/').at(-1) ?? ''

/** An active administrator. @returns uid and token */
async function administrator(name: string, adminType: string) {
  const { uid } = await must(root, 'POST /v1/system/admins', spec(name, adminType))
  await must(root, `PATCH /v1/auth/password/${await tokenOf(uid)}/activate`, { password: goodPassword })
  return { uid: uid as string, token: await signIn(`${name}@palisade.example`) }
}

test('an administrator is made, activates with the link, and may do what the kind of account says', async () => {
  const { uid } = await must(root, 'POST /v1/system/admins', {
    // As the Go client sends it.
    metadata: { name: 'ops', labels: null, annotations: null, creationTimestamp: '0001-01-01T00:00:00.000Z' },
    ...spec('ops', 'OperationAdmin'),
  })
  const shown = await must(root, `GET /v1/system/admins/${uid}`)
  assert.deepEqual(shown.spec, {
    firstName: 'ops',
    lastName: 'Admin',
    emailId: 'ops@palisade.example',
    adminType: 'OperationAdmin',
  })
  assert.partialDeepStrictEqual(shown.status, { state: 'pending', lastSignIn: '0001-01-01T00:00:00.000Z' })
  assert.match(shown.status.activation.link, /\/sign-in\/activate\/plk_system_/)
  assert.equal(Date.parse(shown.status.activation.expiry), world.clock.now() + 24 * 3_600_000)
  const activate = `PATCH /v1/system/admins/auth/password/${await tokenOf(uid)}/activate`
  assert.equal(code(await call(root, activate, { password: 'Short-1' })), 'password_policy')
  await must(root, activate, { password: goodPassword })
  assert.equal(code(await call(root, activate, { password: goodPassword })), 'not_found', 'a link works once')
  assert.partialDeepStrictEqual(
    world.entries.findLast(({ event }) => event === 'password.set'),
    {
      resource: { uid },
      details: { by: 'activate link' },
    },
  )

  const ops = await signIn('ops@palisade.example')
  assert.partialDeepStrictEqual(await must(ops, 'GET /v1/system/users/me'), {
    spec: { adminType: 'OperationAdmin', emailId: 'ops@palisade.example' },
    status: { isEmailSet: true, isEmailVerified: false, isMfaEnabled: false, isPasswordReset: false },
  })
  assert.equal(code(await call(ops, 'GET /v1/system/authTokenSettings')), 'forbidden')
  assert.equal(code(await call(ops, 'GET /v1/system/admins')), 'forbidden')
  await must(ops, 'GET /v1/system/password/policy/default')
  assert.equal(
    (await must(ops, `GET /v1/system/admins/${uid}`)).status.activation.link,
    '',
    'their own is there for them',
  )
})

test('D01 nobody makes an administrator, or a link for one, who may do what they may not', async () => {
  const { uid: ops } = await must(root, 'POST /v1/system/admins', spec('quiet', 'OperationAdmin'))
  const accounts = await administrator('accounts', 'AccountAdmin')
  assert.equal(
    code(await call(accounts.token, 'POST /v1/system/admins', spec('x', 'OperationAdmin'))),
    'exceeds_own_rights',
  )
  assert.equal(code(await call(accounts.token, 'POST /v1/system/admins', spec('peer', 'AccountAdmin'))), 'ok')
  assert.equal(code(await call(accounts.token, `PUT /v1/system/admins/${ops}/passwordResetLink`)), 'exceeds_own_rights')
  assert.equal((await must(accounts.token, `GET /v1/system/admins/${ops}`)).status.activation.link, '')
  const ofRoot = { emailId: 'root@palisade.example' }
  assert.equal(code(await call(accounts.token, 'POST /v1/system/users/password/reset', ofRoot)), 'exceeds_own_rights')
  assert.equal(
    code(await call(root, 'POST /v1/system/users/password/reset', { emailId: 'no@palisade.example' })),
    'not_found',
  )
  for (const adminType of ['root', 'Root', '', undefined, 'TenantAdmin'])
    assert.equal(code(await call(root, 'POST /v1/system/admins', spec('y', adminType as string))), 'invalid', adminType)
  const again = spec('accounts', 'AccountAdmin')
  assert.equal(code(await call(root, 'POST /v1/system/admins', again)), 'user_taken')
})

test('D15 a second factor that there is not is refused, and not passed over', async () => {
  const asked = (mfa: object) => {
    const { spec: asIs } = spec('factor', 'AccountAdmin')
    return call(root, 'POST /v1/system/admins', { spec: { ...asIs, mfa } })
  }
  assert.equal(code(await asked({ state: 'enabled' })), 'invalid')
  assert.equal(code(await asked({ devices: ['key'] })), 'invalid')
  assert.equal(code(await asked({ devices: null, state: '' })), 'ok')
})

test('nobody removes the root administrator, or sees one among the others, and nobody removes themselves', async () => {
  const me = await must(root, 'GET /v1/system/users/me')
  assert.equal(me.spec.adminType, 'root')
  const { items } = await must(root, 'GET /v1/system/admins')
  assert.ok(items.length > 0 && items.every((one: typeof me) => one.metadata.uid !== me.metadata.uid))
  const { uid, token } = await administrator('remover', 'AccountAdmin')
  for (const who of [root, token])
    for (const [route, body] of [
      ['GET', undefined],
      ['DELETE', undefined],
      ['PATCH', { spec: { firstName: 'X' } }],
    ] as const)
      assert.equal(
        code(
          await call(who, `${route} /v1/system/admins/${me.metadata.uid}${route === 'PATCH' ? '/profile' : ''}`, body),
        ),
        'not_found',
      )
  assert.equal(code(await call(token, `DELETE /v1/system/admins/${uid}`)), 'conflict')
  const other = await administrator('removed', 'OperationAdmin')
  await must(token, `DELETE /v1/system/admins/${other.uid}`)
  assert.ok(!(await world.identity.authenticate({ authorization: other.token })).ok, 'what they held ends at once')
  assert.equal(code(await call(root, `GET /v1/system/admins/${other.uid}`)), 'not_found')
})

test('names are changed by the person and by who may change administrators', async () => {
  const { uid, token } = await administrator('named', 'OperationAdmin')
  await must(token, `PATCH /v1/system/admins/${uid}/profile`, { spec: { firstName: 'Renamed', lastName: null } })
  assert.partialDeepStrictEqual((await must(root, `GET /v1/system/admins/${uid}`)).spec, {
    firstName: 'Renamed',
    lastName: 'Admin',
  })
  const other = await administrator('colleague', 'OperationAdmin')
  assert.equal(
    code(await call(token, `PATCH /v1/system/admins/${other.uid}/profile`, { spec: { firstName: 'X' } })),
    'forbidden',
  )
  for (const firstName of ['\u202eevil', '   '])
    assert.equal(code(await call(root, `PATCH /v1/system/admins/${uid}/profile`, { spec: { firstName } })), 'invalid')
})

test('everybody changes their own password and address with the password, and nobody another’s', async () => {
  const { uid, token } = await administrator('owner', 'AccountAdmin')
  const next = 'Another-Horse-10-Battery'
  const own = `PATCH /v1/system/admins/${uid}/changePassword`
  const change = (currentPassword: string, newPassword: string) => ({ currentPassword, newPassword })
  assert.equal(code(await call(token, own, change('Wrong-Horse-9-Battery', next))), 'password_wrong')
  assert.equal(code(await call(token, own, change(goodPassword, goodPassword))), 'password_policy')
  assert.equal(code(await call(token, own, change(goodPassword, 'Too-Short-1'))), 'password_policy')
  assert.equal(code(await call(root, own, change(goodPassword, next))), 'forbidden')
  await must(token, own, change(goodPassword, next))
  assert.ok(!(await world.identity.authenticate({ authorization: token })).ok, 'it signs out everywhere')

  const second = await signIn('owner@palisade.example', next)
  const reset = (email: string, oldPassword: string) => ({ email, oldPassword, newPassword: goodPassword })
  const byEmail = 'PATCH /v1/system/admin/password/reset'
  assert.equal(code(await call(second, byEmail, reset('root@palisade.example', next))), 'forbidden')
  await must(second, byEmail, reset('OWNER@palisade.example', next))

  const third = await signIn('owner@palisade.example')
  const email = (to: string, password: string) => ({ email: to, password, insecureVerify: false })
  assert.equal(
    code(await call(third, 'PATCH /v1/system/admin/email', email('new@palisade.example', next))),
    'password_wrong',
  )
  assert.equal(
    code(await call(third, 'PATCH /v1/system/admin/email', email('root@palisade.example', goodPassword))),
    'user_taken',
  )
  assert.equal(code(await call(third, 'PATCH /v1/system/admin/email', email('nowhere', goodPassword))), 'invalid')
  await must(third, 'PATCH /v1/system/admin/email', email('new@palisade.example', goodPassword))
  await signIn('new@palisade.example')
  await assert.rejects(signIn('owner@palisade.example'))
})

test('a reset link is made by who may, shown to them, and sets a new password', async () => {
  const { uid, token } = await administrator('forgetful', 'OperationAdmin')
  await must(root, `PUT /v1/system/admins/${uid}/passwordResetLink`)
  assert.equal((await must(token, 'GET /v1/system/users/me')).status.isPasswordReset, true)
  const reset = `PATCH /v1/system/users/password/${await tokenOf(uid)}/reset`
  assert.equal(
    code(await call(token, reset, { password: 'Fresh-Horse-11-Battery' })),
    'forbidden',
    'it takes the right',
  )
  assert.equal(code(await call(root, reset, { password: goodPassword })), 'password_policy', 'another than before')
  await must(root, reset, { password: 'Fresh-Horse-11-Battery' })
  await signIn('forgetful@palisade.example', 'Fresh-Horse-11-Battery')
  await must(root, 'POST /v1/system/users/password/reset', { emailId: 'forgetful@palisade.example' })
  assert.notEqual(await tokenOf(uid), '')
})

test('for people of a tenant none of this is there', async () => {
  const admin = await world.signIn('ada@acme.example', goodPassword)
  const bob = await world.addUser(acme, { email: 'bob@acme.example' })
  const link = (
    await world.inTenant(acme, (tx) => world.identity.links.show(tx, bob, { tenant: tx.tenant, user: bob }))
  )
    .split('/')
    .at(-1)
  assert.equal(code(await call(admin, 'GET /v1/system/admins')), 'forbidden')
  assert.equal(code(await call(admin, 'GET /v1/system/users/me')), 'not_found')
  assert.equal(code(await call(admin, `GET /v1/system/admins/${bob}`)), 'not_found')
  assert.equal(code(await call(root, `GET /v1/system/admins/${bob}`)), 'not_found')
  for (const who of [admin, root]) {
    const route = `PATCH /v1/system/admins/auth/password/${link}/activate`
    assert.equal(
      code(await call(who, route, { password: goodPassword })),
      'not_found',
      'a tenant’s link is used elsewhere',
    )
  }
  const own = { email: 'ada@acme.example', password: goodPassword }
  assert.equal(code(await call(admin, 'PATCH /v1/system/admin/email', own)), 'forbidden')
  const change = { email: own.email, oldPassword: goodPassword, newPassword: 'Other-Horse-9-Battery' }
  assert.equal(code(await call(admin, 'PATCH /v1/system/admin/password/reset', change)), 'forbidden')
  const rows = await world.inTenant(systemTenant, (tx) =>
    tx.query('select from users where tenant_id <> $1', [systemTenant]),
  )
  assert.equal(rows.length, 0)
})
