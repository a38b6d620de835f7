/** Events as the log would write them, with growing `seq`, for tests of pure logic. */
import type { EventType, LoomEvent } from '../../src/core/event.ts'

let seq = 0

export function event(at: number, type: EventType, data: LoomEvent['data'] = {}): LoomEvent {
  return { seq: ++seq, at, machine: 'local', type, taskId: 't_1', sessionId: null, data }
}
