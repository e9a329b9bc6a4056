import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conditionsInWords } from './conditions-in-words.ts'
import type { RequestConditions } from './request-conditions.ts'

const window = (...days: NonNullable<RequestConditions['timeWindow']>['days']) => ({
  timeWindow: { timeZone: 'Europe/Berlin', days, from: '08:00', to: '18:00' },
})
const cases: readonly (readonly [RequestConditions, string])[] = [
  [window('mon', 'tue', 'wed', 'thu', 'fri'), 'Mon to Fri from 08:00 to 18:00 (Europe/Berlin)'],
  [window('sun', 'sat'), 'Sat and Sun from 08:00 to 18:00 (Europe/Berlin)'],
  [window('mon', 'wed', 'thu', 'fri', 'sun'), 'Mon, Wed to Fri and Sun from 08:00 to 18:00 (Europe/Berlin)'],
  [window('tue'), 'Tue from 08:00 to 18:00 (Europe/Berlin)'],
  [window('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'), 'every day from 08:00 to 18:00 (Europe/Berlin)'],
  [{ networks: ['10.0.0.0/8', '2001:db8::/32'] }, 'from 10.0.0.0/8 or 2001:db8::/32'],
  [{ signInWithinSeconds: 900 }, 'within 15 minutes of signing in'],
  [{ signInWithinSeconds: 3600 }, 'within 1 hour of signing in'],
  [{ networks: ['10.0.0.0/8'], signInWithinSeconds: 90 }, 'from 10.0.0.0/8, within 90 seconds of signing in'],
]
for (const [conditions, words] of cases) test(words, () => assert.equal(conditionsInWords(conditions), words))
