import { z } from 'zod'

/** What a request must be like for a role to count that is given under conditions: all that is named. */

const day = z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])
const week = day.options
const time = /^([01][0-9]|2[0-3]):[0-5][0-9]$/

const seconds = { least: 1, mostDays: 30, most: 30 * 24 * 60 * 60 } as const
const mostNetworks = 32

/** As it is written; what it could mean is looked at where it is given. */
export const RequestConditions = z.strictObject({
  /** Days and times on the clocks of a place, summer time included. Over midnight it is that of the day on which it begins. */
  timeWindow: z
    .strictObject({
      /** An IANA name: `Europe/Berlin`, `UTC`. */
      timeZone: z.string().max(64),
      days: z
        .array(day)
        .min(1)
        .max(week.length)
        .refine((days) => new Set(days).size === days.length, 'a day stands twice')
        .readonly(),
      from: z.string().regex(time, 'a time from 00:00 to 23:59'),
      /** Does not belong to it. */
      to: z.string().regex(new RegExp(`${time.source}|^24:00$`), 'a time from 00:00 to 24:00'),
    })
    .optional(),
  /** The client's address is in any of them: `10.0.0.0/8`, `2001:db8::/32`. */
  networks: z.array(z.string().max(64)).min(1).max(mostNetworks).readonly().optional(),
  /** The caller signed in, by proving who they are, less than so long ago. An API key never does. */
  signInWithinSeconds: z.int().min(seconds.least).max(seconds.most, `at most ${seconds.mostDays} days`).optional(),
})
export type RequestConditions = z.infer<typeof RequestConditions>

/** Which of them a request did not meet. */
export const UnmetCondition = z.enum(['time-window', 'network', 'sign-in-age'])
