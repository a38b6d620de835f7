/** A session of our own agent that a test talks to through the API of a daemon. */
import { expect, vi } from 'vitest'
import type { ScriptInput } from '../../src/sample/script.ts'
import type { ProblemBody } from '../../src/server/api.ts'
import { type Story, tell } from './story.ts'

export interface Talk {
  story: Story
  id: string
  folder: string
  /** Sends a prompt and waits for the end of its turn. */
  say(text: string): Promise<void>
  post<T>(path: string, body?: unknown): Promise<T>
  get<T>(path: string): Promise<T>
  refusal(method: string, path: string, body?: unknown): Promise<{ status: number; kind: string | undefined }>
}

export async function talk(script: ScriptInput, settings = ''): Promise<Talk> {
  const story = await tell({ script, ...(settings ? { settings } : {}) })
  const folder = story.workspace()
  const json = async <T>(answer: Response): Promise<T> => {
    if (!answer.ok) throw new Error(await answer.text())
    return (await answer.json()) as T
  }
  const post = async <T>(path: string, body: unknown = {}) => json<T>(await story.call('POST', path, body))
  const get = async <T>(path: string) => json<T>(await story.call('GET', path))
  const { id } = await post<{ id: string }>('/api/sessions', { workspace: folder, title: 'A talk' })
  return {
    ...{ story, id, folder, post, get },
    async say(text) {
      await post(`/api/sessions/${id}/prompt`, { text })
      const look = () => expect(story.daemon.store.watched.get(id)?.state).toBe('idle')
      await vi.waitFor(look, { timeout: 20_000, interval: 10 })
    },
    async refusal(method, path, body) {
      const answer = await story.call(method, path, body)
      return { status: answer.status, kind: ((await answer.json()) as ProblemBody).problems[0]?.kind }
    },
  }
}
