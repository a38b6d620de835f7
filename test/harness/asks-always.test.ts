/** "always" covers exactly what every place showed: who may say it, and what is told before it is said. */
import { describe, expect, it } from 'vitest'
import { watchWorld } from '../fakes/watch-world.ts'

const key = (id: string) => ({ runtime: 'hand', id })

describe('an ask', () => {
  it('is told with all that an "always" would keep, and takes none where that is too much to be told', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    const long = `npm test --filter=${'a'.repeat(3_000)}; touch pwned`
    w.watch.permission('per_1', 'ses_1', { patterns: [long] })
    const [told] = w.events('ask.raised')
    expect(told?.data).toMatchObject({ patterns: [long], summary: expect.stringContaining(long) })
    expect((await w.desk.answer(key('per_1'), { kind: 'always' })).ok).toBe(true)
    w.watch.permission('per_2', 'ses_1', { patterns: [`${long} 2`, `${long} 3`] })
    expect(await w.desk.answer(key('per_2'), { kind: 'always' })).toMatchObject({ problems: [{ kind: 'too-long' }] })
    expect(w.store.asks.grants(10)).toHaveLength(1)
  })

  it('takes no "always" where a person is to be asked each time', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1', { personOnly: true })
    expect(await w.desk.answer(key('per_1'), { kind: 'always' })).toMatchObject({ problems: [{ kind: 'person-only' }] })
  })
})
