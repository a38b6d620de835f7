/** Which tasks a list has, and that it finds them without reading all. */
import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import type { TaskQuery } from '../../src/store/task-list.ts'
import { HandClock } from '../fakes/clock.ts'
import { taskFrom } from '../fakes/tasks.ts'

describe('a list of tasks', () => {
  it('is narrowed by verdict, folder, runtime and the time of their making, all at once and page by page', async () => {
    const clock = new HandClock(Date.now() + 1_000)
    const store = openStore({ path: ':memory:', clock })
    const ids: string[] = []
    for (let n = 0; n < 12; n++) {
      const more = { workspace: `/w/${n % 2}`, runtime: n % 3 ? 'builtin' : 'opencode' }
      const { task } = store.tasks.accept(taskFrom({ externalId: `k${n}` }, more))
      ids.push(task?.id ?? '')
      store.ledger.db.run(sql`update tasks set verdict = ${n % 4 ? 'verified' : 'refuted'} where id = ${ids[n]}`)
      await clock.advance(60_000)
    }
    const found = (query: Omit<TaskQuery, 'limit'>, limit = 50) =>
      store.tasks.page({ ...query, limit }).items.map(({ id }) => ids.indexOf(id))
    expect(found({ workspace: '/w/1' })).toEqual([11, 9, 7, 5, 3, 1])
    expect(found({ runtime: 'opencode' })).toEqual([9, 6, 3, 0])
    expect(found({ verdicts: ['refuted'] })).toEqual([8, 4, 0])
    expect(found({ verdicts: [] })).toEqual([])
    const start = clock.now() - 12 * 60_000
    expect(found({ since: start + 9 * 60_000 })).toEqual([11, 10, 9])
    expect(found({ since: start + 60_000, until: start + 3 * 60_000 })).toEqual([2, 1])
    const both = { workspace: '/w/0', verdicts: ['verified' as const], order: 'updated' as const }
    expect(found(both, 2)).toEqual([10, 6])
    expect(found({ ...both, after: ids[6] ?? '' })).toEqual([2])
    const steps = (column: string) =>
      store.ledger.db.all<{ detail: string }>(
        sql.raw(`explain query plan select id from tasks where ${column} = 'x' order by id desc limit 9`),
      )
    for (const column of ['verdict', 'workspace', 'runtime']) {
      expect(steps(column)[0]?.detail).toContain(`tasks_by_${column}`)
    }
    store.close()
  })
})
