/**
 * Time of the processor, ms, that work takes which waits for nothing. A clock on the wall would count what the rest of
 * the machine does meanwhile.
 */
export function processorMs<T>(work: () => T): { ms: number; value: T } {
  const before = process.cpuUsage()
  const value = work()
  const { user, system } = process.cpuUsage(before)
  return { ms: (user + system) / 1000, value }
}
