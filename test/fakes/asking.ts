/** A daemon whose one task has to ask before each command. */
import { expect, vi } from 'vitest'
import type { ScriptInput } from '../../src/sample/script.ts'
import type { AskItem, AskList } from '../../src/server/api.ts'
import { type Story, tell } from './story.ts'

export const bash = (command: string) => ({ tool_calls: [{ name: 'bash', arguments: { command } }] })
export const settings = `
runtimes:
  - kind: builtin
    permissions:
      - { tool: bash, action: ask }
`

export interface Asking {
  story: Story
  folder: string
  open(): Promise<AskItem>
  answer(ask: AskItem, body: unknown): Promise<Response>
  get<T>(path: string): Promise<T>
  /** What the model read of its calls. */
  outputs(): string[]
}

/** `keys`: of the task; the run waits for a person where they do not say. */
export async function asking(script: ScriptInput, keys = 'ask: wait', more = settings): Promise<Asking> {
  const story = await tell({ script, settings: more })
  const folder = story.workspace()
  const get = async <T>(path: string) => (await (await story.call('GET', path)).json()) as T
  story.drop('work.md', `---\nworkspace: ${folder}\nmax_attempts: 1\n${keys}\n---\n\nDo it.\n`)
  return {
    story,
    folder,
    get,
    open: () =>
      vi.waitFor(async () => {
        const { items } = await get<AskList>('/api/asks')
        expect(items).toHaveLength(1)
        return items[0] as AskItem
      }),
    answer: (ask, body) => story.call('POST', `/api/asks/${ask.id}`, body),
    outputs: () => {
      const body = story.requests.at(-1)?.body as { messages?: { role: string; content: string }[] } | undefined
      return (body?.messages ?? []).filter(({ role }) => role === 'tool').map(({ content }) => content)
    },
  }
}
