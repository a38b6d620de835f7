/**
 * Room for the next request: before each model call, old results are shown in part and what is still too much becomes a
 * summary, each stored once as a row. It changes no row that is there and never ends a run.
 */
import type { Problem } from '../core/problem.ts'
import type { JournalEntry, ModelUsage } from '../core/session.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { failpoint } from '../lib/failpoint.ts'
import { type Frame, frameTokensOf } from './frame.ts'
import { usedTokens } from './meter.ts'
import type { Roomy } from './run.ts'
import type { Shown } from './shown.ts'
import { summaryOf } from './summary.ts'
import { charsWithin } from './weigh.ts'
import { windowOf } from './window.ts'

/** Parts of the limit: how much room is made, so that it lasts for a while; and what of it the last words may have. */
const targetPart = 0.6
const tailPart = 0.25
/** A head that is smaller is not worth a summary. */
const headPart = 0.3
/** How many of the last replies stay whole, with their results; fewer where that is not enough. */
const repliesWhole = [2, 1] as const
const smallTokens = 250
const oldChars = 200

export class Room {
  private readonly run: Roomy
  private readonly frameTokens: number
  /** What an overflow has shown. */
  private learned = Number.POSITIVE_INFINITY

  constructor(run: Roomy, frame: Frame) {
    this.run = run
    this.frameTokens = frameTokensOf(frame)
  }

  /** Makes room where there is too little, or because somebody wants it; gives what that used, null: nothing done. */
  async make(wanted = false): Promise<ModelUsage[] | null> {
    const { history } = this.run.transcript
    const limit = this.window() * this.run.room.compactAt
    const target = limit * targetPart
    if (!wanted && this.used() <= limit) return null
    const before = history.tokens
    const usages: ModelUsage[] = []
    for (const whole of repliesWhole) {
      // A second summary at once only where the request would not fit at all.
      const enough = usages.length > 0 ? this.window() : limit
      if (whole < repliesWhole[0] && this.used() <= enough) break
      this.elideOld(target, whole)
      const head = this.headOf(wanted ? Math.min(limit, this.used()) : limit, whole)
      const headTokens = head.reduce((sum, { tokens }) => sum + tokens, 0)
      const worth = wanted || (this.used() > target && headTokens > limit * headPart)
      if (head.length > 0 && worth) usages.push(...(await this.summarise(head)))
    }
    if (this.run.signal.aborted) return null
    if (this.used() > limit) this.cutNew(limit)
    return history.tokens < before ? usages : null
  }

  /** The server refused a request as too long: what it says, or what was sent, is the limit from now on. */
  overflowed({ text }: Problem): void {
    const said = /maximum context length is (\d{3,9})/i.exec(text)?.[1]
    this.learned = Math.min(this.learned, said ? Number(said) : this.used() * 0.8)
  }

  used(): number {
    return usedTokens(this.run.transcript.history, this.frameTokens)
  }

  window(): number {
    return Math.min(this.learned, windowOf(this.run.source, this.run.model, this.run.room))
  }

  /** Why the next request cannot be made short enough: what was said last is never shortened. Null: it fits. */
  tooLong(): Problem | null {
    const [used, window] = [this.used(), this.window()]
    if (used <= window) return null
    return {
      kind: 'model-context-overflow',
      text: `What was said last is too long: with all that goes along about ${used} tokens, and ${window} fit.`,
      todo: 'Say it shorter, or in a file that is read in parts; raise `context_tokens` if the model takes more.',
    }
  }

  /** Old results first: they cost no model call and can be had again. */
  private elideOld(target: number, whole: number): void {
    const recent = this.recentRow(whole)
    let over = this.used() - target
    const old: string[] = []
    for (const { row, tokens, message } of this.run.transcript.history.list()) {
      if (over <= 0 || row >= recent) break
      if (message.role !== 'tool' || tokens <= smallTokens) continue
      old.push(message.callId)
      over -= tokens
    }
    this.elide(old.map((callId) => ({ callId, keptChars: oldChars })))
  }

  private recentRow(whole: number): number {
    const list = this.run.transcript.history.list()
    const replies = list.filter(({ message }) => message.role === 'assistant')
    // Nothing was answered yet: what was said last is what it is about.
    return (replies.at(-whole) ?? replies[0] ?? list.at(-1))?.row ?? 0
  }

  /** The last step alone is too much: its largest results are cut to one size that fits. */
  private cutNew(limit: number): void {
    const results = this.run.transcript.history.list().filter(({ message }) => message.role === 'tool')
    const all = results.reduce((sum, { tokens }) => sum + tokens, 0)
    const room = Math.max(0, all - (this.used() - limit))
    let low = 0
    let high = Math.max(0, ...results.map(({ tokens }) => tokens))
    while (high - low > 1) {
      const size = (low + high) / 2
      const fits = results.reduce((sum, { tokens }) => sum + Math.min(tokens, size), 0) <= room
      if (fits) low = size
      else high = size
    }
    const kept = Math.max(0, low - smallTokens)
    const large = results.flatMap(({ message, tokens }) =>
      message.role === 'tool' && tokens > Math.max(low, smallTokens) ? [message] : [],
    )
    this.elide(
      large.map(({ callId, text }) => {
        const keptChars = charsWithin(kept, (chars) => excerptOf(text, chars))
        return { callId, keptChars: Math.max(oldChars, keptChars) }
      }),
    )
  }

  private elide(results: { callId: string; keptChars: number }[]): void {
    if (results.length > 0) this.store({ type: 'elided', runId: this.run.id, results })
  }

  /** What goes into the summary: the last messages stay, and a reply stays with its results. */
  private headOf(limit: number, whole: number): readonly Shown[] {
    const list = this.run.transcript.history.list()
    const recent = this.recentRow(whole)
    let tail = 0
    for (let at = list.length - 1; at > 0; at--) {
      const [one, before] = [list[at], list[at - 1]]
      if (!one || !before) break
      tail += one.tokens
      if (one.row > recent || before.row === one.row || tail + before.tokens <= limit * tailPart) continue
      return at === 1 && before.source === 'summary' ? [] : list.slice(0, at)
    }
    return []
  }

  /** Nothing is stored when the run was stopped meanwhile. */
  private async summarise(head: readonly Shown[]): Promise<ModelUsage[]> {
    const { id: runId, signal, transcript } = this.run
    const { text, by, usages } = await summaryOf(head, this.run, this.window())
    if (signal.aborted) return usages
    failpoint('turn.compacting')
    const kept = transcript.history.rows - (head.at(-1)?.row ?? 0) - 1
    this.store(...usages.map((usage) => ({ type: 'usage' as const, runId, usage })), {
      ...{ type: 'compacted', runId, kept, text, by },
    })
    failpoint('turn.compacted')
    return usages
  }

  private store(...rows: JournalEntry[]): void {
    this.run.transcript.append(...rows)
  }
}
