/**
 * Lets go of old sessions and of files that were kept for them, a few at a time, so that years of runs stay small. It
 * touches nothing that works, no verdict and no receipt.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import type { Clock, Timer } from '../core/clock.ts'
import { ProblemError, reasonOf } from '../core/problem.ts'
import type { Sink } from '../core/sink.ts'
import { signEnvelope } from '../lib/dsse.ts'
import { errnoOf, ignoreMissing } from '../lib/files.ts'
import type { Log } from '../lib/log.ts'
import type { Keyring } from '../store/keyring.ts'
import { beginningPayload, beginningText } from '../store/log-chain.ts'
import type { Store } from '../store/open.ts'
import type { SessionEdits } from './session-edits.ts'

export const retentionSchema = z
  .strictObject({
    days: z.number().positive().max(36_500).default(90).describe('Sessions silent for so long are deleted.'),
    sessions: z.number().int().min(10).max(1_000_000).default(5_000).describe('More than so many: the oldest go.'),
    files_mb: z
      .number()
      .positive()
      .max(10_000_000)
      .default(2_000)
      .describe('Of whole outputs, kept files, debug logs.'),
    events_days: z.number().positive().max(36_500).default(180).describe('Older events of ended tasks are let go of.'),
    events: z
      .number()
      .int()
      .min(1_000)
      .max(100_000_000)
      .default(1_000_000)
      .describe('More than so many: the oldest go.'),
  })
  .prefault({})

export type RetentionSettings = z.output<typeof retentionSchema>

export interface RetentionWorld {
  store: Pick<Store, 'shelf' | 'watched' | 'logTrim'>
  keyring: Pick<Keyring, 'signer'>
  edits: Pick<SessionEdits, 'remove'>
  clock: Clock
  log: Pick<Log, 'warn'>
  dataDir: string
  sinks: readonly Pick<Sink, 'id'>[]
}

const runtime = 'builtin'
const firstMs = 60_000
const everyMs = 3_600_000
const soonMs = 10_000
const portion = 200
const eventsMin = 500
const dayMs = 86_400_000
/** What was written to lately belongs to a run. */
const freshMs = 3_600_000

interface Kept {
  path: string
  sizeBytes: number
  touchedAt: number
}

export class Retention {
  private readonly world: RetentionWorld
  private readonly settings: RetentionSettings
  private timer: Timer | null = null
  private passing: Promise<void> = Promise.resolve()
  private stopped = false

  constructor(world: RetentionWorld, settings: RetentionSettings) {
    this.world = world
    this.settings = settings
  }

  start(): void {
    this.schedule(firstMs)
  }

  async stop(): Promise<void> {
    this.stopped = true
    this.timer?.cancel()
    await this.passing
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return
    this.timer = this.world.clock.after(delayMs, () => {
      this.passing = this.pass().then(
        (more) => this.schedule(more ? soonMs : everyMs),
        (error: unknown) => {
          this.world.log.warn({ error: reasonOf(error) }, 'old sessions could not be let go')
          this.schedule(everyMs)
        },
      )
    })
  }

  /** True when there is more to let go. */
  async pass(): Promise<boolean> {
    const { store, edits, clock } = this.world
    const { days, sessions } = this.settings
    const old = store.shelf.idleSince(runtime, clock.now() - days * dayMs, portion)
    const ids = [...new Set([...old, ...store.shelf.beyond(runtime, sessions, portion)])].slice(0, portion)
    let removed = 0
    for (const id of ids) {
      if (this.stopped) return false
      const session = store.watched.get(id)
      // One that works is refused, and looked at again with the next pass.
      if (session && (await edits.remove(session)).ok) removed += 1
    }
    await this.shrink()
    const trimmed = this.stopped ? 0 : this.trimLog()
    return (ids.length === portion && removed > 0) || trimmed > 0
  }

  /** A log whose new beginning cannot be signed, or that does not prove itself, stays whole. */
  private trimLog(): number {
    const { store, keyring, clock, log, sinks } = this.world
    const { events, events_days: days } = this.settings
    try {
      const { removed, fault } = store.logTrim.trim({
        before: clock.now() - days * dayMs,
        keep: events,
        least: eventsMin,
        sinks: sinks.map(({ id }) => id),
        sign: (beginning) => signEnvelope(beginningPayload, beginningText(beginning), [keyring.signer()]),
      })
      if (fault !== null) log.warn({ fault }, 'the event log does not prove itself; nothing of it is let go of')
      return removed
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      log.warn({ error: reasonOf(error) }, 'the oldest events cannot be let go of')
      return 0
    }
  }

  /** A run may wait for a person longer than its files stay fresh. */
  private isAtWork(path: string): boolean {
    const { state } = this.world.store.watched.get(basename(path)) ?? { state: null }
    return ['starting', 'busy', 'waiting', 'retrying'].includes(state ?? '')
  }

  /** The oldest files first, whole folders of sessions. */
  private async shrink(): Promise<void> {
    const { clock, dataDir } = this.world
    const roots = ['outputs', 'checkpoints', 'debug'].map((name) => join(dataDir, name))
    const kept = (await Promise.all(roots.map(entriesOf))).flat().sort((a, b) => a.touchedAt - b.touchedAt)
    let sizeBytes = kept.reduce((sum, one) => sum + one.sizeBytes, 0)
    const tooOld = clock.now() - this.settings.days * dayMs
    for (const one of kept) {
      const over = sizeBytes > this.settings.files_mb * 1_000_000
      if (this.isAtWork(one.path)) continue
      if (this.stopped || one.touchedAt > clock.now() - freshMs || !(over || one.touchedAt < tooOld)) return
      await rm(one.path, { recursive: true, force: true })
      sizeBytes -= one.sizeBytes
    }
  }
}

async function entriesOf(root: string): Promise<Kept[]> {
  const kept: Kept[] = []
  for (const name of await namesIn(root)) kept.push(await measure(join(root, name)))
  return kept
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return []
    throw error
  }
}

/** A file, or a folder of files. */
async function measure(path: string): Promise<Kept> {
  const measured: Kept = { path, sizeBytes: 0, touchedAt: 0 }
  for (const one of [path, ...(await namesIn(path)).map((name) => join(path, name))]) {
    // It may go in this very moment, with its session.
    const found = await stat(one).catch(ignoreMissing)
    if (found?.isFile()) measured.sizeBytes += found.size
    measured.touchedAt = Math.max(measured.touchedAt, found?.mtimeMs ?? 0)
  }
  return measured
}
