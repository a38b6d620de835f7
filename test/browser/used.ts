/** Two months of use in the store of a real daemon, for the browser stories. It tells none. */
import type { Story } from '../fakes/story.ts'

const dayMs = 86_400_000

interface Used {
  at: number
  session: string
  model: string
  input: number
  cost: number | null
}

function use({ daemon }: Story, { at, session, model, input, cost }: Used): void {
  const { sessions, usage } = daemon.store
  if (!sessions.session(session)) {
    const none = { taskId: null, agent: null, model: null, createdAt: at }
    sessions.createSession({
      id: session,
      runtime: 'builtin',
      title: `Talk ${session}`,
      workspace: `/w/${session}`,
      ...none,
    })
  }
  const counts = { input, output: Math.round(input / 10), reasoning: 0, cacheRead: input * 3, cacheWrite: 0 }
  const told = { model, provider: 'local', ...counts, costMicros: cost }
  usage.grow({ sessionId: session, messageId: `${session}-${at}-${model}`, taskId: null, firstAt: at, at, usage: told })
}

/** Two months of work, of which the last model has no price. */
export function fill(story: Story): void {
  const now = Date.now()
  for (let n = 0; n < 55; n++) {
    const input = 20_000 + ((n * 7_919) % 60_000)
    use(story, {
      at: now - n * dayMs,
      session: n % 3 ? 'shop' : 'ledger',
      model: 'qwen3-coder',
      input,
      cost: input * 3,
    })
  }
  use(story, { at: now, session: 'shop', model: 'house-model', input: 5_000, cost: null })
}
