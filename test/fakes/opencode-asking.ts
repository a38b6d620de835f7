/** A task whose turn, on the contract fake of OpenCode, is driven by the test, up to what it asks. */
import { expect, onTestFinished, vi } from 'vitest'
import type { AskItem, AskList } from '../../src/server/api.ts'
import { FakeOpenCode } from './opencode.ts'
import type { FakeTurn } from './opencode-turn.ts'
import { type Story, tell } from './story.ts'

export interface OpenCodeAsking {
  story: Story
  fake: FakeOpenCode
  turn: FakeTurn
  taskId: string
  sessionId: string
  folder: string
  /** The only open ask, when it is there. */
  open(): Promise<AskItem>
  get<T>(path: string): Promise<T>
}

/** A task whose turn runs, driven by the test. */
export async function openCodeAsking(keys = '', { checks = '' } = {}): Promise<OpenCodeAsking> {
  const fake = await new FakeOpenCode().open()
  const story = await tell({ env: { OPENLOOM_OPENCODE_URL: fake.url } })
  onTestFinished(() => fake.close())
  const get = async <T>(path: string) => (await (await story.call('GET', path)).json()) as T
  const folder = story.workspace()
  const head = `---\nworkspace: ${folder}\nruntime: opencode\n${keys}\n---\n`
  story.drop('work.md', `${head}\nMove the table.\n${checks}`)
  const { task } = await story.reaches('running')
  const sessionId = await vi.waitFor(() => {
    const id = story.daemon.store.tasks.get(task.id)?.sessionId
    if (!id) throw new Error('no session yet')
    return id
  })
  const turn = fake.turn(sessionId)
  const open = () =>
    vi.waitFor(async () => {
      const { items } = await get<AskList>('/api/asks')
      expect(items).toHaveLength(1)
      return items[0] as AskItem
    })
  return { story, fake, turn, taskId: task.id, sessionId, folder, open, get }
}

/** A command of this turn asks; resolves with the reply. */
export const wants = (turn: FakeTurn, command: string) =>
  turn.asks(turn.tool('bash', { command }, { pending: true }), {
    ...{ permission: 'bash', patterns: [command], metadata: { command } },
  })
