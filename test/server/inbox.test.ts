import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { InboxFile, InboxPage } from '../../src/server/api.ts'
import { type Story, tell } from '../fakes/story.ts'

const told = async () => {
  const story = await tell()
  const read = async <T>(path: string) => (await (await story.call('GET', path)).json()) as T
  return { ...story, read }
}
const good = (workspace: string, title: string) => `# ${title}\nworkspace: ${workspace}\n\n## goal\nDo it.\n`
const taken = ({ daemon }: Pick<Story, 'daemon'>, count: number) =>
  vi.waitFor(() => expect(daemon.store.arrivals.page(9)).toHaveLength(count))
/** The page of problems is written first. */
const archived = ({ inboxNames }: Pick<Story, 'inboxNames'>, start: string, end: string) =>
  vi.waitFor(() => expect(inboxNames().some((name) => name.startsWith(start) && name.endsWith(end))).toBe(true), {
    timeout: 10_000,
  })

describe('the inbox over HTTP', () => {
  it('says of each file what became of it, the newest first, in pages', async () => {
    const story = await told()
    story.drop('first.md', good(story.workspace(), 'First'))
    await taken(story, 1)
    story.drop('second:odd.md', `# Second\nworkspace: ${story.workspace()}\nlimts: 3\n\n## goal\nDo it.\n`)
    await taken(story, 2)
    const { items, next, dir, watching } = await story.read<InboxPage>('/api/inbox?limit=1')
    expect([dir, watching]).toEqual([story.inbox, true])
    expect(items).toMatchObject([{ name: 'second:odd.md', outcome: 'rejected', problems: [{ line: 3 }], task: null }])
    const rest = await story.read<InboxPage>(`/api/inbox?before=${next}`)
    expect(rest.items).toMatchObject([{ name: 'first.md', outcome: 'accepted', task: { title: 'First' } }])
    expect(rest.next).toBeNull()
  })

  it('gives the text of a file as it lies there, and says when it does not any more', async () => {
    const story = await told()
    story.drop('wrong.md', 'no task at all')
    await archived(story, 'rejected-', '-wrong.md')
    const [item] = (await story.read<InboxPage>('/api/inbox')).items
    const one = await story.read<InboxFile>(`/api/inbox/${item?.number}`)
    expect(one).toMatchObject({ text: 'no task at all', item: { name: 'wrong.md', outcome: 'rejected' } })
    for (const name of story.inboxNames()) rmSync(join(story.inbox, name))
    expect((await story.read<InboxFile>(`/api/inbox/${item?.number}`)).text).toBeNull()
    expect((await story.call('GET', '/api/inbox/999')).status).toBe(404)
    expect((await story.call('GET', '/api/inbox/..%2fsecrets')).status).toBe(404)
  })

  it('reads pages without looking through the whole table', async () => {
    const { daemon } = await told()
    const plan = (query: string) =>
      daemon.store.ledger.db.$client
        .prepare(`explain query plan ${query}`)
        .all()
        .map((row) => String((row as { detail: string }).detail))
    const page = "select i.rowid from intake i where +i.source = 'inbox' and i.rowid < 100"
    expect(plan(`${page} order by i.rowid desc limit 9`)).toEqual(['SEARCH i USING INTEGER PRIMARY KEY (rowid<?)'])
    const refusals = "select * from events where task_id is null and type in ('inbox.rejected')"
    expect(plan(`${refusals} order by seq desc limit 9`)).toEqual([
      'SEARCH events USING INDEX events_by_task (task_id=?)',
    ])
  })
})
