/**
 * What a person does to the sessions of our own agent: other titles, away, gone, copies, turns taken back and files
 * brought back. It waits for no turn: while one runs, whatever would change its rows is refused.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import { type FileDiff, type StoredEntry, withoutUndone } from '../core/session.ts'
import { Blobs } from '../lib/blobs.ts'
import { folderAt } from '../lib/files.ts'
import { newId } from '../lib/id.ts'
import type { KnownSession } from '../store/watched.ts'
import { diffOf, netOf, type Restored, restore, type Step, stepsOf } from './file-changes.ts'
import { fileOf, readFile, type SessionFile, withFreshIds } from './session-file.ts'
import type { World } from './world.ts'

export interface EditWorld extends Pick<World, 'store' | 'runtimes' | 'clock'> {
  /** Where sessions keep what is too large for rows. */
  dataDir: string
  /** Takes secrets out of a text. */
  hide(text: string): string
}

export interface Undone {
  promptId: string
  /** Null: files were left as they are. */
  files: Restored | null
}

const titleCharsMax = 500
/** A turn without an end may run in another process of ours until it was silent for so long. */
const silentMs = 120_000

export class SessionEdits {
  private readonly world: EditWorld

  constructor(world: EditWorld) {
    this.world = world
  }

  async rename(session: KnownSession, title: string): Promise<Result<KnownSession>> {
    const own = this.own(session)
    if (!own.ok) return own
    this.world.store.shelf.rename(session, title.replace(/\s+/g, ' ').trim().slice(0, titleCharsMax))
    return this.again(session)
  }

  async setModel(session: KnownSession, model: string | null): Promise<Result<KnownSession>> {
    const own = this.own(session)
    if (!own.ok) return own
    this.world.store.shelf.setModel(session, model)
    return this.again(session)
  }

  async setProfile(session: KnownSession, profile: string | null): Promise<Result<KnownSession>> {
    const own = this.own(session)
    if (!own.ok) return own
    const names = this.world.runtimes.get(session.runtime)?.profiles?.map(({ name }) => name) ?? []
    if (profile !== null && !names.includes(profile)) return refuse(noProfile(profile, names))
    this.world.store.shelf.setProfile(session, profile)
    return this.again(session)
  }

  /** Of any runtime: where it lies in our own lists. */
  async setArchived(session: KnownSession, archived: boolean): Promise<Result<KnownSession>> {
    this.world.store.shelf.setArchived(session, archived)
    return this.again(session)
  }

  async remove(session: KnownSession): Promise<Result<{ id: string }>> {
    const free = await this.free(session)
    if (!free.ok) return free
    const runs = this.rows(session).flatMap(({ entry }) => (entry.type === 'run.started' ? [entry.runId] : []))
    this.world.store.shelf.remove(session)
    // Rows first: a folder without a session is found by the next tidying, a session without its folder is broken.
    const { dataDir } = this.world
    const debug = [...new Set(runs)].map((run) => join(dataDir, 'debug', `${run}.jsonl`))
    for (const path of [this.checkpoints(session), join(dataDir, 'outputs', session.id), ...debug]) {
      await rm(path, { recursive: true, force: true })
    }
    return ok({ id: session.id })
  }

  /** Takes the last turn back; `files`: with what its calls changed. */
  async undo(session: KnownSession, files: boolean): Promise<Result<Undone>> {
    const free = await this.free(session)
    if (!free.ok) return free
    const rows = this.rows(session)
    const left = withoutUndone(rows, (row) => row.entry)
    const turn = left.findLast(({ entry }) => entry.type === 'prompt')
    if (turn?.entry.type !== 'prompt') return refuse(nothingToUndo)
    const { promptId } = turn.entry
    const back = files ? await this.bring(session, rows, (step) => step.seq >= turn.seq) : null
    const restored = back && back.restored.length > 0 ? [{ type: 'restored' as const, files: back.restored }] : []
    this.world.store.shelf.append(session, 'undone', [...restored, { type: 'undone', promptId }])
    return ok({ promptId, files: back })
  }

  /** Brings files back to what they were before a call, or before all of them. */
  async restore(
    session: KnownSession,
    { from, paths }: { from: string | null; paths: readonly string[] | null },
  ): Promise<Result<Restored>> {
    const free = await this.free(session)
    if (!free.ok) return free
    const rows = this.rows(session)
    const start = from === null ? 0 : stepsOf(rows).find((step) => step.callId === from)?.seq
    if (start === undefined) return refuse(unknownStep)
    const back = await this.bring(session, rows, (step) => step.seq >= start, paths)
    const files = back.restored
    if (files.length > 0) this.world.store.shelf.append(session, 'restored', [{ type: 'restored', files }])
    return ok(back)
  }

  async steps(session: KnownSession): Promise<Result<Step[]>> {
    const own = this.own(session)
    return own.ok ? ok(stepsOf(this.rows(session))) : own
  }

  async diff(session: KnownSession): Promise<Result<FileDiff[]>> {
    const own = this.own(session)
    if (!own.ok) return own
    const place = { blobs: new Blobs(this.checkpoints(session)), workspace: session.workspace }
    return ok(netOf(stepsOf(this.rows(session))).map((change) => diffOf(change, place)))
  }

  async export(session: KnownSession): Promise<Result<SessionFile>> {
    const own = this.own(session)
    if (!own.ok) return own
    return ok(JSON.parse(this.world.hide(JSON.stringify(fileOf(session, this.rows(session))))) as SessionFile)
  }

  async create(
    workspace: string,
    { title, agent, model }: Pick<KnownSession, 'title' | 'agent' | 'model'>,
  ): Promise<Result<KnownSession>> {
    const folder = await folderAt(workspace)
    if (folder === null) return refuse(noFolder(workspace))
    const { store, clock } = this.world
    const runtime = this.ownRuntime()
    if (!runtime) return refuse(notOwn('builtin'))
    const createdAt = clock.now()
    const session = { id: newId('s', createdAt), runtime, title, agent, model, workspace: folder, createdAt }
    store.sessions.createSession({ ...session, taskId: null })
    return this.again(session)
  }

  async import(value: unknown, workspace: string): Promise<Result<KnownSession>> {
    const file = readFile(value)
    if (!file.ok) return file
    const folder = await folderAt(workspace)
    if (folder === null) return refuse(noFolder(workspace))
    return this.add({ ...file.value.session, workspace: folder }, null, file.value.rows)
  }

  /** A new session with the beginning of this one, up to and with the row `at`; null: with all of it. */
  async fork(session: KnownSession, at: number | null): Promise<Result<KnownSession>> {
    const own = this.own(session)
    if (!own.ok) return own
    const rows = this.rows(session)
    if (at !== null && !rows.some((row) => row.seq === at)) return refuse(unknownMessage)
    const said = fileOf(
      session,
      rows.filter((row) => at === null || row.seq <= at),
    )
    const title = `${session.title} (fork)`.slice(0, titleCharsMax)
    return this.add({ ...session, title, createdAt: this.world.clock.now() }, session.id, said.rows)
  }

  private add(
    made: Pick<KnownSession, 'title' | 'agent' | 'model' | 'workspace' | 'createdAt'>,
    forkedFrom: string | null,
    rows: SessionFile['rows'],
  ): Result<KnownSession> {
    const { store, clock } = this.world
    const runtime = this.ownRuntime()
    if (!runtime) return refuse(notOwn('builtin'))
    const { title, agent, model, workspace, createdAt } = made
    const id = newId('s', clock.now())
    const session = { id, runtime, title, agent, model, workspace, createdAt, taskId: null }
    store.shelf.add({ session, forkedFrom, rows: withFreshIds(rows, clock.now()) })
    return this.again(session)
  }

  private bring(
    session: KnownSession,
    rows: readonly StoredEntry[],
    wanted: (step: Step) => boolean,
    paths: readonly string[] | null = null,
  ): Promise<Restored> {
    const changes = netOf(stepsOf(rows).filter(wanted)).filter(({ path }) => paths?.includes(path) ?? true)
    return restore(changes, new Blobs(this.checkpoints(session)))
  }

  private ownRuntime(): string | null {
    return [...this.world.runtimes.values()].find(({ watch }) => watch === null)?.name ?? null
  }

  private own({ runtime }: KnownSession): Result<void> {
    return this.world.runtimes.get(runtime)?.watch === null ? ok(undefined) : refuse(notOwn(runtime))
  }

  /** Ours, and nothing works in it. */
  /** Whether it is ours and nobody works in it. */
  async free(session: KnownSession): Promise<Result<void>> {
    const own = this.own(session)
    if (!own.ok) return own
    const { store, runtimes, clock } = this.world
    const [taskId] = store.tasks.activeOfSession(session.id)
    const seen = await runtimes.get(session.runtime)?.look(session.id)
    const kind = seen?.state.kind ?? 'absent'
    const open = kind === 'interrupted' && !hasEnded(this.rows(session))
    const elsewhere = open && clock.now() - (seen?.lastActivityAt ?? 0) < silentMs
    if (taskId || elsewhere || ['starting', 'busy', 'waiting', 'retrying'].includes(kind)) return refuse(atWork(taskId))
    return ok(undefined)
  }

  private rows({ id }: KnownSession): StoredEntry[] {
    return this.world.store.sessions.entries(id)
  }

  private checkpoints({ id }: KnownSession): string {
    return join(this.world.dataDir, 'checkpoints', id)
  }

  private again({ id }: Pick<KnownSession, 'id'>): Result<KnownSession> {
    const found = this.world.store.watched.get(id)
    return found ? ok(found) : refuse({ kind: 'unknown-session', text: `There is no session ${id}.` })
  }
}

function hasEnded(rows: readonly StoredEntry[]): boolean {
  const last = rows.findLast(({ entry }) => entry.type === 'run.started' || entry.type === 'run.ended')
  return last?.entry.type !== 'run.started'
}

const noProfile = (profile: string, names: readonly string[]): Problem => ({
  kind: 'unknown-profile',
  text: `There is no profile ${profile.slice(0, 100)}.`,
  todo: `Known: ${names.join(', ')}.`,
})

const notOwn = (runtime: string): Problem => ({
  kind: 'not-own',
  text: `Sessions of the runtime ${runtime} are kept by it, not by OpenLoom.`,
  todo: 'Do this in the program that it belongs to.',
})

const atWork = (taskId: string | undefined): Problem => ({
  kind: 'session-at-work',
  text: taskId ? `Task ${taskId} works in this session.` : 'A turn runs in this session.',
  todo: taskId ? `Pause it first: openloom pause ${taskId}.` : 'End it first: openloom sessions abort.',
})

const nothingToUndo: Problem = { kind: 'nothing-to-undo', text: 'Nothing was said in this session yet.' }
const unknownStep: Problem = { kind: 'unknown-step', text: 'No call of this session with that id changed a file.' }
const unknownMessage: Problem = { kind: 'unknown-message', text: 'This session has no message with that id.' }
const noFolder = (path: string): Problem => ({
  kind: 'no-folder',
  text: `${path.slice(0, 300)} is no folder.`,
  todo: 'Name one that it can go on in.',
})
