import type { Measured } from './measure.ts'

/** One line of the table. */
export interface Row {
  readonly what: string
  readonly ours: string
  /** What it is held against, measured in the same run; empty when it stands for itself. */
  readonly beside: string
  /** Ours divided by the other; undefined when there is nothing to divide by. */
  readonly ratio: number | undefined
  /** The ratio, or the size, that is promised. Undefined: only shown. */
  readonly target: string | undefined
  readonly ok: boolean | undefined
}

/** Rows that belong together. `note` says what was done, for readers of docs/benchmarks.md. */
export interface Section {
  readonly title: string
  readonly note: string
  readonly rows: readonly Row[]
}

/** Ours beside another one, by their medians. With `most` it is a promise: at most so many times the other. */
export function beside(what: string, ours: Measured, other: Measured, most?: number): Row {
  const ratio = ours.median / other.median
  return {
    what,
    ours: milliseconds(ours.median),
    beside: `${other.name} ${milliseconds(other.median)}`,
    ratio,
    target: most === undefined ? undefined : most === 1 ? '< 1' : `<= ${most}`,
    ok: most === undefined ? undefined : most === 1 ? ratio < 1 : ratio <= most,
  }
}

/** Ours beside another one, with a promise in milliseconds that holds whatever the other one took. */
export function within(what: string, ours: Measured, other: Measured, mostMs: number): Row {
  return { ...beside(what, ours, other), target: `<= ${milliseconds(mostMs)}`, ok: ours.median <= mostMs }
}

/** How a cost grows from one size to the next: at most linear times `slack`. */
export function growth(what: string, unit: string, before: { readonly size: number; readonly ms: number }, now: { readonly size: number; readonly ms: number }, slack?: number): Row {
  const steps = now.size / before.size
  const ratio = now.ms / before.ms
  const most = slack === undefined ? undefined : steps * slack
  return {
    what: `${what}, ${now.size} ${unit}`,
    ours: milliseconds(now.ms),
    beside: `${before.size} ${unit} ${milliseconds(before.ms)}`,
    ratio,
    target: most === undefined ? undefined : `<= ${round(most)}`,
    ok: most === undefined ? undefined : ratio <= most,
  }
}

/** A row without a comparison. */
export function alone(what: string, ours: string, target?: { readonly text: string; readonly ok: boolean }): Row {
  return { what, ours, beside: '', ratio: undefined, target: target?.text, ok: target?.ok }
}

export function milliseconds(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
}

/** Bytes as people say them; 1 MB = 10^6 bytes. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}

export function round(value: number): string {
  return String(Number(value.toPrecision(3)))
}
