import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalEmail } from './email.ts'

// Threats B17 and D03: one strict parser, one spelling.
const taken = [
  { what: 'a plain address', text: 'ada@example.com', canonical: 'ada@example.com' },
  { what: 'upper case', text: 'Ada@EXAMPLE.com', canonical: 'ada@example.com' },
  { what: 'white space around it', text: ' \tada@example.com\n', canonical: 'ada@example.com' },
  {
    what: 'every character of a dot-atom',
    text: "a.!#$%&'*+/=?^_`{|}~-9@b.c",
    canonical: "a.!#$%&'*+/=?^_`{|}~-9@b.c",
  },
  { what: 'a host without a dot', text: 'root@localhost', canonical: 'root@localhost' },
  { what: 'a domain in Unicode', text: 'ada@Bücher.example', canonical: 'ada@xn--bcher-kva.example' },
  { what: 'the same domain as A-label', text: 'ada@XN--bcher-kva.example', canonical: 'ada@xn--bcher-kva.example' },
  { what: 'a sharp s, which is not ss', text: 'ada@faß.example', canonical: 'ada@xn--fa-hia.example' },
  { what: 'a local part in Unicode', text: 'JÜRGEN@example.com', canonical: 'jürgen@example.com' },
  { what: 'decomposed letters', text: 'Ju\u0308rgen@bu\u0308cher.example', canonical: 'jürgen@xn--bcher-kva.example' },
  { what: 'a sub-domain, which is another domain', text: 'a@b.example.com', canonical: 'a@b.example.com' },
  { what: 'a Cyrillic a, which is another letter', text: 'а@example.com', canonical: 'а@example.com' },
  { what: 'a dotless i, which is another letter', text: 'mıke@example.com', canonical: 'mıke@example.com' },
  { what: 'the longest local part', text: `${'a'.repeat(64)}@b.c`, canonical: `${'a'.repeat(64)}@b.c` },
]
for (const { what, text, canonical } of taken)
  test(`takes ${what}`, () => assert.deepEqual(canonicalEmail(text), { ok: true, value: canonical }))

const refused = [
  { what: 'nothing', text: '', error: 'not_an_address' },
  { what: 'no @', text: 'example.com', error: 'not_an_address' },
  { what: 'nothing before the @', text: '@example.com', error: 'not_an_address' },
  { what: 'nothing behind the @', text: 'ada@', error: 'not_an_address' },
  { what: 'two @', text: 'user@evil.com@corp.com', error: 'not_an_address' },
  { what: 'an @ in a quoted local part', text: '"user@evil.com"@corp.com', error: 'not_an_address' },
  { what: 'a lone surrogate', text: '\ud800@example.com', error: 'not_an_address' },
  { what: 'a local part of 65 octets', text: `${'a'.repeat(65)}@b.c`, error: 'not_an_address' },
  { what: 'a local part of 33 letters in 66 octets', text: `${'ä'.repeat(33)}@b.c`, error: 'not_an_address' },
  { what: 'an address of 255 octets', text: `a@${'b.'.repeat(126)}c`, error: 'not_an_address' },
  { what: 'a huge text', text: `${'a'.repeat(10_000_000)}@b.c`, error: 'not_an_address' },
  { what: 'a quoted local part', text: '"ada"@example.com', error: 'bad_local_part' },
  { what: 'a comment', text: 'ada(x)@example.com', error: 'bad_local_part' },
  { what: 'a display name', text: 'Ada <ada@example.com>', error: 'bad_local_part' },
  { what: 'a space within', text: 'a da@example.com', error: 'bad_local_part' },
  { what: 'two dots', text: 'a..b@example.com', error: 'bad_local_part' },
  { what: 'a dot in front', text: '.ada@example.com', error: 'bad_local_part' },
  { what: 'a NUL', text: 'ada\0@example.com', error: 'bad_local_part' },
  { what: 'a line break', text: 'ada\r\nBcc:@example.com', error: 'bad_local_part' },
  { what: 'a zero-width space', text: 'ada\u200b@example.com', error: 'bad_local_part' },
  { what: 'a right-to-left override', text: '\u202eada@example.com', error: 'bad_local_part' },
  { what: 'a trailing dot', text: 'ada@example.com.', error: 'bad_domain' },
  { what: 'an empty label', text: 'ada@example..com', error: 'bad_domain' },
  { what: 'an underscore', text: 'ada@ex_ample.com', error: 'bad_domain' },
  { what: 'a hyphen at the edge of a label', text: 'ada@-example.com', error: 'bad_domain' },
  { what: 'a label of 64', text: `ada@${'a'.repeat(64)}.com`, error: 'bad_domain' },
  { what: 'an IPv4 address', text: 'ada@127.0.0.1', error: 'bad_domain' },
  { what: 'an IPv4 address in another spelling', text: 'ada@0x7f.1', error: 'bad_domain' },
  { what: 'an address literal', text: 'ada@[::1]', error: 'bad_domain' },
  { what: 'percent-encoding', text: 'ada@%65xample.com', error: 'bad_domain' },
  { what: 'a port', text: 'ada@example.com:25', error: 'bad_domain' },
  { what: 'an A-label of nothing', text: 'ada@xn--a.com', error: 'bad_domain' },
  { what: 'a NUL in the domain', text: 'ada@example.com\0.evil.com', error: 'bad_domain' },
  { what: 'a full-width letter', text: 'ａda@example.com', error: 'look_alike_characters' },
  { what: 'a ligature', text: 'ﬁ@example.com', error: 'look_alike_characters' },
  { what: 'a Kelvin sign for K', text: '\u212a@example.com', error: 'look_alike_characters' },
  { what: 'a Kelvin sign in the domain', text: 'ada@\u212aube.example', error: 'look_alike_characters' },
  { what: 'a full-width domain', text: 'ada@ｅxample.com', error: 'look_alike_characters' },
  { what: 'an ideographic full stop', text: 'ada@example。com', error: 'look_alike_characters' },
  { what: 'a soft hyphen in the domain', text: 'ada@exam\u00adple.com', error: 'look_alike_characters' },
]
for (const { what, text, error } of refused)
  test(`refuses ${what}`, () => assert.deepEqual(canonicalEmail(text), { ok: false, error }))

test('what is canonical stays as it is, and has no other spelling by case, white space or normal form', () => {
  const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
  let good = 0
  fc.assert(
    fc.property(part, part, (local, domain) => {
      const first = canonicalEmail(`${local}@${domain}`)
      if (!first.ok) return
      good += 1
      assert.deepEqual(canonicalEmail(first.value), first)
      assert.deepEqual(canonicalEmail(` ${first.value.normalize('NFD')} `), first)
      assert.ok(!/[\p{C}\p{Z}]/u.test(first.value))
    }),
    { numRuns: 3000 },
  )
  assert.ok(good > 20, `${good} of the addresses were good ones`)
})
