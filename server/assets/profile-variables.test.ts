import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { variablesIn } from '../../contract/wire/cluster-profiles.ts'
import { mask, shownVariables, type Variable, writtenVariables } from './profile-variables.ts'

const parsed = (...variables: readonly object[]) => variablesIn.parse({ variables }).variables
const write = (before: readonly Variable[], ...variables: readonly object[]) =>
  writtenVariables(parsed(...variables), before)
function stored(...variables: readonly object[]): readonly Variable[] {
  const written = write([], ...variables)
  assert.ok(written.ok, JSON.stringify(written))
  return written.value
}
const dropdown = { name: 'size', inputType: 'dropdown' }

describe('variables of a profile', () => {
  test('a default has the format that it says', () => {
    const cases: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
      number: [['0', '-1.5', '1e3', '.5', '2.'], ['', 'x', '1e', '0x10', '1 ', '١'].slice(1)],
      boolean: [
        ['true', 'false'],
        ['TRUE', '1', 'yes'],
      ],
      ipv4: [['10.0.0.1'], ['10.0.0', '010.0.0.1', '::1', '10.0.0.256']],
      ipv4cidr: [
        ['10.0.0.0/8', '0.0.0.0/0'],
        ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::/0'],
      ],
      ipv6: [
        ['::1', 'fe80::1'],
        ['10.0.0.1', 'fe80::1%eth0', ':::'],
      ],
      version: [
        ['1.2.3', 'v1', '1.2', '1.2.3-rc.1+b'],
        ['x', '1.2.3.4', '1..2'],
      ],
      base64: [
        ['aGk=', 'YWJj'],
        ['aGk', 'a=bc', 'aGk*'],
      ],
      string: [['anything', '{{ .spectro.macro.X }}'], []],
    }
    for (const [format, [good, bad]] of Object.entries(cases)) {
      for (const defaultValue of good)
        assert.equal(write([], { name: 'a', format, defaultValue }).ok, true, `${format} ${defaultValue}`)
      for (const defaultValue of bad)
        assert.equal(write([], { name: 'a', format, defaultValue }).ok, false, `${format} ${defaultValue}`)
    }
  })

  test('what cannot be is refused, with the variable named and its value never', () => {
    const cases: readonly (readonly [string, readonly object[], RegExp])[] = [
      ['a name stands twice', [{ name: 'a' }, { name: 'A' }], /"A" stands twice/],
      [
        'a shown name stands twice',
        [
          { name: 'a', displayName: 'X' },
          { name: 'b', displayName: 'x' },
        ],
        /of b/,
      ],
      ['required, without a default', [{ name: 'a', required: true }], /a: is required/],
      ['no regular expression', [{ name: 'a', regex: '(' }], /a: regex is no/],
      ['a lookahead, which RE2 has not', [{ name: 'a', regex: '(?=x)' }], /a: regex is no/],
      ['a default that does not match', [{ name: 'a', regex: '^x', defaultValue: 'secret' }], /does not match/],
      ['a dropdown without options', [dropdown], /1 to 100 options/],
      ['options without a dropdown', [{ name: 'a', options: [{ value: 'x' }] }], /belong to a dropdown/],
      ['an option twice', [{ ...dropdown, options: [{ value: 'x' }, { value: 'x' }] }], /one value/],
      ['a default that is no option', [{ ...dropdown, options: [{ value: 'x' }], defaultValue: 'y' }], /no option/],
      [
        'two default options',
        [
          {
            ...dropdown,
            options: [
              { value: 'x', default: true },
              { value: 'y', default: true },
            ],
          },
        ],
        /two options are the default/,
      ],
      ['a sensitive dropdown', [{ ...dropdown, options: [{ value: 'x' }], isSensitive: true }], /cannot be sensitive/],
      ['several lines of a number', [{ name: 'a', inputType: 'multiline', format: 'number' }], /of several lines/],
      ['the mask of nothing', [{ name: 'a', isSensitive: true, defaultValue: mask }], /mask of a value/],
    ]
    for (const [what, variables, message] of cases) {
      const refused = write([], ...variables)
      assert.ok(!refused.ok, what)
      assert.match(refused.error.detail ?? '', message, what)
      assert.ok(!refused.error.detail?.includes('secret'), what)
    }
  })

  test('an option is the default by its value or its label, or by saying so itself', () => {
    const options = [
      { value: 's', label: 'Small' },
      { value: 'l', label: 'Large' },
    ] as const
    for (const chosen of [
      { defaultValue: 's', options },
      { defaultValue: 'Small', options },
      { options: [{ ...options[0], default: true }, options[1]] },
      { defaultValue: '', options: [{ ...options[0], default: true }, options[1]] },
    ]) {
      const [shown] = shownVariables(stored({ ...dropdown, ...chosen }))
      assert.deepEqual(
        shown?.options.map((one) => one.default),
        [true, false],
        JSON.stringify(chosen),
      )
    }
  })

  test('a sensitive default is masked, and stays while nothing changes that it must be', () => {
    const rule = { name: 'token', isSensitive: true, regex: '^s', format: 'string' }
    const before = stored({ ...rule, defaultValue: 'secret' })
    assert.equal(shownVariables(before)[0]?.defaultValue, mask)
    assert.ok(!JSON.stringify(shownVariables(before)).includes('secret'))
    for (const kept of [{ defaultValue: mask }, { defaultValue: null }, {}]) {
      const after = write(before, { ...rule, ...kept, description: 'new' })
      assert.ok(after.ok)
      assert.equal(after.value[0]?.defaultValue, 'secret')
    }
    const cleared = write(before, { ...rule, defaultValue: '' })
    assert.ok(cleared.ok)
    assert.equal(cleared.value[0]?.defaultValue, '')
    // An answer that depends on the stored value would tell it, a letter at a time.
    for (const change of [
      ...['^s', '^se', '^x', ''].map((regex) => ({ regex: `${regex}.*` })),
      { format: 'number' },
      { inputType: 'multiline' },
      { isSensitive: false },
    ])
      for (const kept of [{ defaultValue: mask }, {}]) {
        const after = write(before, { ...rule, ...change, ...kept })
        assert.ok(!after.ok, JSON.stringify(change))
        assert.match(after.error.detail ?? '', /has to be sent again/)
      }
    assert.equal(write(before, { ...rule, regex: '', defaultValue: 'new' }).ok, true)
    assert.equal(write(before, { ...rule, name: 'other', defaultValue: mask }).ok, false, 'nobody else gets it')
  })

  test('G04 what patterns may cost is bounded, each and together, and no pattern throws', () => {
    const refusal = (...variables: readonly object[]) => {
      const written = write([], ...variables)
      return written.ok ? undefined : written.error.detail
    }
    assert.match(refusal({ name: 'a', regex: '[a-z]{1000}' }) ?? '', /repeats too much/)
    assert.match(refusal({ name: 'a', regex: '(?:x{0,99}){0,9}' }) ?? '', /repeats too much/)
    const large = '[a-z]{900}'
    assert.equal(refusal({ name: 'a', regex: large }), undefined)
    const many = Array.from({ length: 20 }, (_, i) => ({ name: `v${i}`, regex: large }))
    assert.match(refusal(...many) ?? '', /repeats too much/, 'together')
    assert.match(
      refusal({ name: 'a', regex: '^[a-z]{0,400}', defaultValue: 'a'.repeat(16_000) }) ?? '',
      /too large for a defaultValue/,
    )
    const evil = write([], { name: 'a', regex: '^(a+)+$', defaultValue: `${'a'.repeat(10_000)}b` })
    assert.ok(!evil.ok)
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.string({ maxLength: 60 }), (regex, defaultValue) => {
        const { success, data } = variablesIn.safeParse({ variables: [{ name: 'a', regex, defaultValue }] })
        if (success) writtenVariables(data.variables, [])
      }),
    )
  })
})
