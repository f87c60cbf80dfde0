/** The signals by which service managers and people end a program. */
export type StopSignal = 'SIGTERM' | 'SIGINT'

/** The first one asks to end, the second one to end now. */
export interface StopSignals {
  readonly first: Promise<StopSignal>
  readonly second: Promise<StopSignal>
  /** From now on a signal ends the process as it would have without us. */
  release(): void
}

/** Listens for them instead of being ended by them. */
export function stopSignals(): StopSignals {
  const [first, second] = [Promise.withResolvers<StopSignal>(), Promise.withResolvers<StopSignal>()]
  let heard = 0
  const hear = (signal: StopSignal): void => (heard++ === 0 ? first : second).resolve(signal)
  process.on('SIGTERM', hear)
  process.on('SIGINT', hear)
  return {
    first: first.promise,
    second: second.promise,
    release: () => {
      process.off('SIGTERM', hear)
      process.off('SIGINT', hear)
    },
  }
}
