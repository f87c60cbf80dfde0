/**
 * What a piece of work gives, and the milliseconds of processor time that it takes in this process. For limits that only
 * a change of growth can pass: on a machine with others to serve, work takes longer by the clock and no more of the processor.
 */
export function processorTime<T>(work: () => T): { readonly result: T; readonly ms: number } {
  const started = process.cpuUsage()
  const result = work()
  const { user, system } = process.cpuUsage(started)
  return { result, ms: (user + system) / 1000 }
}
