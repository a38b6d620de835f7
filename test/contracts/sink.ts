/** What every sink promises (core/sink.ts), as a suite that each kind runs. */
import { afterEach, describe, expect, it } from 'vitest'
import type { LoomEvent } from '../../src/core/event.ts'
import type { Notice, Sink } from '../../src/core/sink.ts'
import { noticeOf } from '../../src/notify/notice.ts'

export const eventFrom = (part: Partial<LoomEvent> = {}): LoomEvent => ({
  ...{
    seq: 7,
    at: Date.UTC(2026, 0, 5, 8),
    machine: 'local',
    type: 'task.done',
    taskId: 't_1',
    sessionId: null,
    data: {},
  },
  ...part,
})

export const noticeFrom = (part: Partial<LoomEvent> = {}): Notice => noticeOf({ event: eventFrom(part), task: null })

export interface SinkWorld {
  /** A sink for events of the patterns. */
  create(events: string[]): Sink
  /** What has arrived where it delivers to. */
  arrived(): Notice[] | Promise<Notice[]>
  /** From here on the place takes nothing. */
  break(): void | Promise<void>
  /** From here on the place does not answer; absent where that cannot be. */
  hang?(): void
  close(): void | Promise<void>
  /** Parts of the configuration that must not show. */
  secrets: string[]
}

export function sinkContract(kind: string, open: () => SinkWorld | Promise<SinkWorld>): void {
  describe(`${kind} sink`, () => {
    const worlds: SinkWorld[] = []
    const world = async () => {
      const opened = await open()
      worlds.push(opened)
      return opened
    }
    afterEach(async () => {
      for (const opened of worlds.splice(0)) await opened.close()
    })
    const never = new AbortController().signal

    it('delivers a notice whole', async () => {
      const { create, arrived } = await world()
      const notice = noticeFrom({ data: { text: 'done é \u0000 "quoted"' } })
      expect(await create(['*']).deliver(notice, never)).toMatchObject({ kind: 'delivered' })
      expect(await arrived()).toEqual([notice])
    })

    it('keeps events of the same millisecond apart', async () => {
      const { create, arrived } = await world()
      const sink = create(['*'])
      for (const seq of [1, 2, 3]) await sink.deliver(noticeFrom({ seq }), never)
      expect((await arrived()).map((notice) => notice.store_version)).toEqual([1, 2, 3])
    })

    it('wants what its patterns name, by our names and the original ones', async () => {
      const { create } = await world()
      const wanted = (events: string[]) =>
        ['task.done', 'task.waiting', 'tool.ended'].map((type) =>
          create(events).wants(eventFrom({ type: type as LoomEvent['type'] })),
        )
      expect(wanted(['*'])).toEqual([true, true, false])
      expect(wanted(['TASK_COMPLETED'])).toEqual([true, false, false])
      expect(wanted(['task.*'])).toEqual([true, true, false])
    })

    it('is refused, not thrown at, when the place is broken, and asks to try again', async () => {
      const opened = await world()
      await opened.break()
      const delivery = await opened.create(['*']).deliver(noticeFrom(), never)
      expect(delivery).toMatchObject({ kind: 'refused', retry: true })
    })

    it('ends when it is stopped', async () => {
      const opened = await world()
      opened.hang?.()
      const stop = new AbortController()
      setImmediate(() => stop.abort())
      const delivery = await opened.create(['*']).deliver(noticeFrom(), stop.signal)
      expect(delivery.kind).toBe(opened.hang ? 'refused' : 'delivered')
    })

    it('has a stable id, and shows no secret in id, label or problem', async () => {
      const opened = await world()
      const sink = opened.create(['*'])
      expect(opened.create(['task.done']).id).toBe(sink.id)
      await opened.break()
      const delivery = await sink.deliver(noticeFrom(), never)
      for (const secret of opened.secrets) expect(JSON.stringify([sink.id, sink.label, delivery])).not.toContain(secret)
    })
  })
}
