/** The clock that also counts the time the machine sleeps; the monotonic one stands still then. */
import { uptime } from 'node:os'

/** Milliseconds since the machine was started, sleep included. Steps of the wall clock do not move it. */
export const uptimeMs = (): number => uptime() * 1_000
