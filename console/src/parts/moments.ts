/** Moments as an address writes them: `-24h`, `-7d` (that long ago), or a date with or without a time in the reader's zone. */

const unitsMs = { h: 3_600_000, d: 86_400_000 } as const

/** @returns RFC 3339; undefined for what is none */
export function momentOf(text: string | undefined, now = Date.now()): string | undefined {
  if (text === undefined) return undefined
  const ago = /^-(\d{1,4})([hd])$/.exec(text)
  const at = ago
    ? new Date(now - Number(ago[1]) * unitsMs[ago[2] === 'd' ? 'd' : 'h'])
    : new Date(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text)
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString()
}

/** As `<input type="datetime-local">` writes it, to the second. */
export function localOf(at: Date): string {
  const part = (value: number) => String(value).padStart(2, '0')
  const day = `${at.getFullYear()}-${part(at.getMonth() + 1)}-${part(at.getDate())}`
  return `${day}T${part(at.getHours())}:${part(at.getMinutes())}:${part(at.getSeconds())}`
}
