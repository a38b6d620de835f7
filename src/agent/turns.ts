/**
 * What a person may do to the turn of a session beside prompting and cancelling: say something into it, pause it,
 * resume it, have room made. What was said or wished is a row before it is anything else.
 */
import type { Clock } from '../core/clock.ts'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import type { ContextUse } from '../core/runtime.ts'
import { type Journal, type JournalEntry, withoutUndone } from '../core/session.ts'
import { failpoint } from '../lib/failpoint.ts'
import { newId } from '../lib/id.ts'
import { type Frame, openFrame } from './frame.ts'
import { lastTurnOf } from './history.ts'
import { contextUse } from './meter.ts'
import { Room } from './room.ts'
import { type Roomy, type Run, Transcript } from './run.ts'
import { windowOf } from './window.ts'
import type { Wishes } from './wishes.ts'

export interface LiveTurn {
  transcript: Transcript
  wishes: Wishes
  done: Promise<void>
}

/** What a session would run with, found out without starting anything. */
export type Resting = Omit<Roomy, 'id' | 'transcript' | 'signal'> &
  Pick<Run, 'profile' | 'session' | 'platform' | 'tools'>

export interface TurnsOptions {
  journal: Journal
  clock: Clock
  live(sessionId: string): LiveTurn | undefined
  resting(sessionId: string): Promise<Result<Resting>>
  /** What gives the session back; null: another program runs its turns, and its rows are not ours to add to. */
  claim(sessionId: string): (() => void) | null
  /** Somebody who looks would see something new. */
  nudge(sessionId: string): void
}

const waitingMax = 20
const textCharsMax = 20_000

export class Turns {
  private readonly options: TurnsOptions
  /** Sessions in which room is being made, between two turns. */
  private readonly compacting = new Map<string, { stop: AbortController; release(): void }>()

  constructor(options: TurnsOptions) {
    this.options = options
  }

  /** Into the turn that runs, before its next model call. The same key again is the same message. */
  async steer(sessionId: string, text: string, key?: string): Promise<Result<void>> {
    const { clock, nudge } = this.options
    const live = this.options.live(sessionId)
    const entries = live?.transcript.entries ?? this.entries(sessionId)
    if (key !== undefined && entries.some((row) => row.type === 'steer' && row.messageId === key)) return ok(undefined)
    if (!live || live.wishes.over) return refuse(noTurn)
    if (text.trim() === '' || text.length > textCharsMax) return refuse(badText)
    if (live.transcript.history.waiting.size >= waitingMax) return refuse(tooMany)
    live.transcript.append({ type: 'steer', messageId: key ?? newId('m', clock.now()), text })
    failpoint('turn.steer')
    nudge(sessionId)
    return ok(undefined)
  }

  /** After the call in flight; the turn stays open until somebody resumes, cancels or prompts. */
  async pause(sessionId: string): Promise<Result<void>> {
    const live = this.options.live(sessionId)
    const turn = lastTurnOf(live?.transcript.entries ?? this.entries(sessionId))
    if (turn?.paused) return ok(undefined)
    if (live?.wishes.over || !turn?.open) return refuse(noTurn)
    if (!this.append(sessionId, () => ({ type: 'paused' }))) return refuse(busyElsewhere(sessionId))
    failpoint('turn.paused')
    if (live) live.wishes.pause = true
    this.options.nudge(sessionId)
    return ok(undefined)
  }

  /** Ends a turn that a person has paused and that nothing runs in: there is no run that could be stopped. */
  cancel(sessionId: string): void {
    this.append(sessionId, (entries) => {
      const runId = entries.findLast((entry) => entry.type === 'run.started')?.runId
      if (runId === undefined || !lastTurnOf(entries)?.paused) return null
      return { type: 'run.ended', runId, reason: 'cancelled', text: '', problem: null }
    })
    this.options.nudge(sessionId)
  }

  /** The prompt whose turn is to be entered again; null where nothing has to be done for it to go on. */
  async resume(sessionId: string): Promise<Result<{ promptId: string | null }>> {
    const live = this.options.live(sessionId)
    const turn = lastTurnOf(live?.transcript.entries ?? this.entries(sessionId))
    if (!turn?.paused) return refuse(notPaused)
    if (!this.append(sessionId, () => ({ type: 'resumed' }))) return refuse(busyElsewhere(sessionId))
    const goesOn = live !== undefined && !live.wishes.over
    if (goesOn) live.wishes.pause = false
    else await live?.done
    this.options.nudge(sessionId)
    return ok({ promptId: goesOn ? null : turn.promptId })
  }

  /** Makes room now, or before the next model call of a run that goes on. */
  async compact(sessionId: string): Promise<Result<{ done: boolean }>> {
    const live = this.options.live(sessionId)
    if (live) {
      live.wishes.compact = true
      return ok({ done: false })
    }
    if (this.compacting.has(sessionId)) return refuse(underWay)
    const release = this.options.claim(sessionId)
    if (!release) return refuse(busyElsewhere(sessionId))
    const stop = new AbortController()
    this.compacting.set(sessionId, { stop, release })
    try {
      const found = await this.options.resting(sessionId)
      if (!found.ok) return found
      if (stop.signal.aborted) return refuse(overtaken)
      const transcript = new Transcript(this.options.journal, sessionId)
      const frame = await openFrame(found.value, transcript.history)
      const id = newId('r', this.options.clock.now())
      const made = await new Room({ ...found.value, id, transcript, signal: stop.signal }, frame).make(true)
      if (stop.signal.aborted) return refuse(overtaken)
      return made ? ok({ done: true }) : refuse(nothingToDo)
    } finally {
      this.compacting.delete(sessionId)
      release()
    }
  }

  /** The session for a prompt, which comes first: a summary that is being made is given up. Null: as `claim`. */
  take(sessionId: string): (() => void) | null {
    this.giveWay(sessionId)
    return this.options.claim(sessionId)
  }

  private giveWay(sessionId: string): void {
    const under = this.compacting.get(sessionId)
    under?.stop.abort(new Error('overtaken'))
    under?.release()
  }

  async context(sessionId: string): Promise<Result<ContextUse>> {
    const found = await this.options.resting(sessionId)
    if (!found.ok) return found
    const { source, model, room } = found.value
    const live = this.options.live(sessionId)
    const { history } = live?.transcript ?? new Transcript(this.options.journal, sessionId)
    const frame: Frame = await openFrame(found.value, history)
    return ok(contextUse(history, frame, windowOf(source, model, room)))
  }

  /** Stops what it does between turns. */
  close(): void {
    for (const sessionId of this.compacting.keys()) this.giveWay(sessionId)
  }

  private entries(sessionId: string): JournalEntry[] {
    const rows = this.options.journal.entries(sessionId)
    return withoutUndone(rows, ({ entry }) => entry).map(({ entry }) => entry)
  }

  /** Null as an entry: there is nothing to add. False: another program has the session. */
  private append(sessionId: string, entryFor: (entries: readonly JournalEntry[]) => JournalEntry | null): boolean {
    const live = this.options.live(sessionId)
    const release = live ? () => undefined : this.options.claim(sessionId)
    if (!release) return false
    try {
      const entry = entryFor(live?.transcript.entries ?? this.entries(sessionId))
      if (entry && live) live.transcript.append(entry)
      else if (entry) this.options.journal.append(sessionId, entry)
      return true
    } finally {
      release()
    }
  }
}

export const busyElsewhere = (sessionId: string): Problem => ({
  kind: 'session-busy',
  text: `Another program (a chat, a run or the daemon) runs a turn in the session ${sessionId}.`,
  todo: 'Wait until it is over, or fork the session.',
})
const noTurn: Problem = {
  kind: 'no-turn',
  text: 'No turn of this session is open.',
  todo: 'Send it a prompt.',
}
const notPaused: Problem = { kind: 'not-paused', text: 'This session is not paused.' }
const tooMany: Problem = {
  kind: 'too-many-messages',
  text: `${waitingMax} messages wait for the next model call already.`,
}
const badText: Problem = { kind: 'bad-message', text: `A message has 1 to ${textCharsMax} characters.` }
const underWay: Problem = { kind: 'under-way', text: 'Room is being made in this session already.' }
const overtaken: Problem = { kind: 'overtaken', text: 'A prompt came first; nothing was changed.' }
const nothingToDo: Problem = { kind: 'nothing-to-compact', text: 'There is nothing that could be made shorter.' }
