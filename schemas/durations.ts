const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** Milliseconds of a duration as our files write it: `30s`, `15m`, `24h`, `7d`, `2w`. @throws RangeError for another form (schemas refuse those first). */
export function durationMs(text: string): number {
  const match = /^(\d+)([smhdw])$/.exec(text)
  if (!match) throw new RangeError(`not a duration: ${text}`)
  return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]
}
