/** What a task has used in a session: only what came after its own first prompt, its subagents' share included. */
import type { SessionBook } from '../../core/runtime.ts'
import type { SessionUsage } from '../../core/session.ts'
import type { Board } from './board.ts'
import { beginCounts, type Known } from './known.ts'
import type { Dialect } from './remote.ts'

const pageSize = 100
const pagesMax = 10

/** Reads once what was said since our first prompt; from then on the events count. */
export async function beginCount(known: Known, { board, book, dialect }: Counting): Promise<void> {
  const first = book.promptsOf(known.session.id)[0]?.messageId
  if (first === undefined) return
  for (const one of board.treeOf(known.session.id)) {
    if (one.counts !== null) continue
    beginCounts(one)
    await readBack(one, first, { board, dialect })
  }
}

export interface Counting {
  board: Board
  book: SessionBook
  dialect: Dialect
}

async function readBack(known: Known, first: string, { board, dialect }: Pick<Counting, 'board' | 'dialect'>) {
  let before: string | null = null
  for (let page = 0; page < pagesMax; page++) {
    const read: Awaited<ReturnType<Dialect['messages']>> = await dialect.messages(known.session.id, {
      before,
      limit: pageSize,
    })
    if (!read.ok) return
    board.countEntries(known, read.value.entries)
    before = read.value.next
    if (before === null || known.prompts?.has(first)) return
  }
}

/** `promptId`: of the prompt that the session is at or was at last; its task is what is asked about. */
export function usageOf(
  known: Known,
  promptId: string | null,
  { board, book }: Omit<Counting, 'dialect'>,
): SessionUsage {
  const task = taskOf(promptId)
  const own = book.promptsOf(known.session.id).filter((prompt) => taskOf(prompt.promptId) === task)
  const [first] = own
  const usage: SessionUsage = { toolCalls: 0, tokens: 0, costMicros: 0 }
  if (first === undefined) return { ...usage, costMicros: null }
  const since = known.prompts?.get(first.messageId) ?? first.sentAt ?? 0
  for (const { counts } of board.treeOf(known.session.id)) {
    for (const count of counts?.values() ?? []) {
      if (count.at < since) continue
      usage.toolCalls += count.calls.size
      usage.tokens += count.tokens
      usage.costMicros =
        usage.costMicros === null || count.costMicros === null ? null : usage.costMicros + count.costMicros
    }
  }
  return usage
}

/** Prompts are named `<task>.<number>`. */
const taskOf = (promptId: string | null): string | null => promptId?.slice(0, promptId.lastIndexOf('.')) ?? null
