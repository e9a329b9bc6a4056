/** How long a token is taken: what nobody asks about in this time is asked at its refresh. A session outlives many. */
export const tokenSeconds = 15 * 60

/** A session ends when nothing was done with it for this long: the default of the published API. */
export const sessionIdleSeconds = 240 * 60

/** A session ends this long after its sign-in whatever is done with it: a working day, then the password again. */
export const sessionAbsoluteSeconds = 12 * 3600

/** An activation or reset link can be used this long. */
export const linkSeconds = 24 * 3600
