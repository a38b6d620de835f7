/** The page's first view over HTTP: one answer, and in it what a person looks for. */
import { describe, expect, it } from 'vitest'
import { seed } from '../../bench/seed.ts'
import { rowsMax, sectionOf, sectionStatuses, sections } from '../../frontend/src/model/groups.ts'
import type { EventPage } from '../../src/server/api.ts'
import type { HomeView } from '../../src/server/routes/home.ts'
import { tell } from '../fakes/story.ts'

async function told(ended: number) {
  const story = await tell()
  const { db } = story.daemon.store.ledger
  seed(db.$client.name, { tasks: ended, events: 0 })
  const home = async () => (await (await story.call('GET', '/api/home')).json()) as HomeView
  return { ...story, sqlite: db.$client, home }
}

describe('the first view', () => {
  it('has what needs a person, as far as the page shows it, and what ended last', async () => {
    const { sqlite, home } = await told(300)
    const ids = (sqlite.prepare('select id from tasks order by id').all() as { id: string }[]).map(({ id }) => id)
    const failed = sqlite.prepare("update tasks set status = 'failed' where id = ?")
    for (const id of ids.slice(100, 210)) failed.run(id)
    // Begun before all others and ended after them, as work of a whole night is.
    sqlite.prepare('update tasks set ended_at = ended_at + 1000 where id = ?').run(ids[0])
    sqlite.prepare("update tasks set status = 'archived', ended_at = ended_at + 2000 where id = ?").run(ids[1])
    const { tasks, asks, state } = await home()
    const withStatus = (status: string) => tasks.filter((task) => task.status === status).map(({ id }) => id)
    expect(withStatus('failed')).toEqual(ids.slice(110, 210).reverse())
    expect(withStatus('done')).toEqual([ids[0], ...ids.slice(281).reverse()])
    expect(tasks).toHaveLength(120)
    expect([asks, state.counts]).toEqual([[], { archived: 1, done: 189, failed: 110 }])
  })

  it('has as many of each group as the page shows', async () => {
    const { sqlite, home } = await told(480)
    const ids = (sqlite.prepare('select id from tasks').all() as { id: string }[]).map(({ id }) => id)
    const move = sqlite.prepare('update tasks set status = ? where id = ?')
    for (const [n, id] of ids.entries()) move.run(sectionStatuses[sections[n % 4] ?? 'finished'][0], id)
    const { tasks } = await home()
    const shown = sections.map((section) => [section, tasks.filter((one) => sectionOf(one.status) === section).length])
    expect(Object.fromEntries(shown)).toEqual(rowsMax)
  })

  it('knows all that happened until the place in the log that it names', async () => {
    const { home, call, workspace } = await told(0)
    const body = { goal: 'Say a word.', workspace: workspace(), checks: [] }
    const made = (await (await call('POST', '/api/tasks', body)).json()) as { id: string }
    const { tasks, state } = await home()
    expect(tasks.map(({ id }) => id)).toEqual([made.id])
    const later = (await (await call('GET', `/api/events?after=${state.seq}`)).json()) as EventPage
    expect(later.items.map(({ type }) => type)).not.toContain('task.created')
  })

  it('is read along the ends and never by looking through all that ever ended', async () => {
    const { sqlite } = await told(0)
    const query = "select * from tasks where +status in ('done', 'cancelled') order by ended_at desc, id desc limit 20"
    const plan = sqlite.prepare(`explain query plan ${query}`).all() as { detail: string }[]
    expect(plan.map(({ detail }) => detail)).toEqual(['SCAN tasks USING INDEX tasks_by_end'])
  })
})
