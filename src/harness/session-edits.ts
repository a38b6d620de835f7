/**
 * What a person does to the sessions of our own agent: other titles, away, gone, copies, turns taken back and files
 * brought back. It waits for no turn: while one runs, whatever would change its rows is refused.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import { cutLineNote, cutLineOf } from '../core/runtime.ts'
import { type SessionState, type StoredEntry, type ToolCall, withoutUndone } from '../core/session.ts'
import { Blobs } from '../lib/blobs.ts'
import { folderAt } from '../lib/files.ts'
import { newId } from '../lib/id.ts'
import { KeptTree } from '../lib/kept-tree.ts'
import { SessionClaims } from '../store/claims.ts'
import type { KnownSession } from '../store/watched.ts'
import {
  diffOf,
  isFolder,
  netOf,
  type Restored,
  restore,
  type SessionDiff,
  type Step,
  stepsOf,
  uncoveredOf,
} from './file-changes.ts'
import { ended, fileOf, readFile, type SessionFile, withFreshIds } from './session-file.ts'
import { openCallsOf } from './transcript.ts'
import type { World } from './world.ts'

export interface EditWorld extends Pick<World, 'store' | 'runtimes' | 'clock' | 'env' | 'owner'> {
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

/** From which call on, null: from the first; and which files, null: all. */
interface Wanted {
  from: string | null
  paths: readonly string[] | null
}

const titleCharsMax = 500
/** Looked at once; more of them are looked at again. */
const settledMax = 10_000

export class SessionEdits {
  private readonly world: EditWorld
  private readonly claims: SessionClaims
  /** In which no line was cut off before this program was there. */
  private readonly settled = new Set<string>()

  constructor(world: EditWorld) {
    this.world = world
    this.claims = new SessionClaims(join(world.dataDir, 'claims'))
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
    const known = this.knowsProfile(session.runtime, profile)
    if (!known.ok) return known
    this.world.store.shelf.setProfile(session, profile)
    return this.again(session)
  }

  private knowsProfile(runtime: string, profile: string | null): Result<void> {
    const names = this.world.runtimes.get(runtime)?.profiles?.map(({ name }) => name) ?? []
    return profile === null || names.includes(profile) ? ok(undefined) : refuse(noProfile(profile, names))
  }

  /** Of any runtime: where it lies in our own lists. */
  async setArchived(session: KnownSession, archived: boolean): Promise<Result<KnownSession>> {
    this.world.store.shelf.setArchived(session, archived)
    return this.again(session)
  }

  remove(session: KnownSession): Promise<Result<{ id: string }>> {
    return this.alone(session, () => this.removed(session))
  }

  private async removed(session: KnownSession): Promise<Result<{ id: string }>> {
    const runs = this.rows(session).flatMap(({ entry }) => (entry.type === 'run.started' ? [entry.runId] : []))
    this.world.store.shelf.remove(session)
    // Rows first: a folder without a session is found by the next tidying, a session without its folder is broken.
    const { dataDir } = this.world
    const debug = [...new Set(runs)].map((run) => join(dataDir, 'debug', `${run}.jsonl`))
    const claim = join(dataDir, 'claims', `${session.id}.lock`)
    for (const path of [this.checkpoints(session), join(dataDir, 'outputs', session.id), ...debug, claim]) {
      await rm(path, { recursive: true, force: true })
    }
    return ok({ id: session.id })
  }

  /** Takes the last turn back; `files`: with what its calls changed. */
  undo(session: KnownSession, files: boolean): Promise<Result<Undone>> {
    return this.alone(session, () => this.undone(session, files))
  }

  private async undone(session: KnownSession, files: boolean): Promise<Result<Undone>> {
    if (files) await this.settle(session)
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
  restore(session: KnownSession, wanted: Wanted): Promise<Result<Restored>> {
    return this.alone(session, () => this.restored(session, wanted))
  }

  private async restored(session: KnownSession, { from, paths }: Wanted): Promise<Result<Restored>> {
    await this.settle(session)
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

  async diff(session: KnownSession): Promise<Result<SessionDiff>> {
    const own = this.own(session)
    if (!own.ok) return own
    const place = { blobs: new Blobs(this.checkpoints(session)), workspace: session.workspace }
    const steps = stepsOf(this.rows(session))
    const changes = netOf(steps).filter(({ before, after }) => !isFolder(before ?? after))
    return ok({ items: changes.map((change) => diffOf(change, place)), uncovered: uncoveredOf(steps) })
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
    const known = this.knowsProfile(runtime, agent)
    if (!known.ok) return known
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
    // A turn that was taken back does not come again by being cut in the middle of.
    const rows = withoutUndone(this.rows(session), ({ entry }) => entry)
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
    const { title, model, workspace, createdAt } = made
    const id = newId('s', clock.now())
    // One of another place would be refused at each prompt.
    const agent = this.knowsProfile(runtime, made.agent).ok ? made.agent : null
    const session = { id, runtime, title, agent, model, workspace, createdAt, taskId: null }
    store.shelf.add({ session, forkedFrom, rows: withFreshIds(ended(rows), clock.now()) })
    return this.again(session)
  }

  private async bring(
    session: KnownSession,
    rows: readonly StoredEntry[],
    wanted: (step: Step) => boolean,
    paths: readonly string[] | null = null,
  ): Promise<Restored> {
    const steps = stepsOf(rows).filter(wanted)
    const changes = netOf(steps).filter(({ path }) => paths?.includes(path) ?? true)
    const { restored, refused } = await restore(changes, new Blobs(this.checkpoints(session)))
    const open = paths === null ? uncoveredOf(steps) : []
    const unknown = open.map((why) => ({ path: session.workspace, why }))
    return { restored, refused: [...refused, ...unknown] }
  }

  /** For who looks at it: a line that a person typed, in whose middle its program was killed, is told of as that. */
  async settleLine(session: KnownSession): Promise<void> {
    if (this.settled.has(session.id) || !this.own(session).ok) return
    const isCut = cutLineOf(this.rows(session).map(({ entry }) => entry)) !== null
    // Whoever runs it now holds this.
    const release = isCut ? this.claims.take(session.id) : null
    if (isCut && !release) return
    try {
      if (isCut) await this.settle(session)
      if (this.settled.size >= settledMax) this.settled.clear()
      this.settled.add(session.id)
    } finally {
      release?.()
    }
  }

  /** Whether no program works in it, whatever the last one noted. */
  isFree({ id }: KnownSession): boolean {
    const release = this.claims.take(id)
    release?.()
    return release !== null
  }

  /** For who goes on in it: of which calls nobody knows what they did, because their program was killed. */
  lost(session: KnownSession): ToolCall[] {
    const open = this.own(session).ok ? openCallsOf(this.rows(session)) : []
    return open.length > 0 && this.isFree(session) ? open : []
  }

  /** What a command changed in whose middle its program was killed, and that nobody has gone on with. */
  private async settle(session: KnownSession): Promise<void> {
    const rows = this.rows(session)
    const line = cutLineOf(rows.map(({ entry }) => entry))
    const told = line ? [cutLineNote(line)] : []
    const cut = line ? line.looked && { runId: line.runId, callId: line.runId } : cutCallOf(rows)
    const tree = cut ? await this.treeOf(session) : null
    const found = await tree?.after()
    const { files = [], uncovered = null } = found ?? {}
    const changed = cut ? [{ type: 'changed' as const, ...cut, files, ...(uncovered ? { uncovered } : {}) }] : []
    // Together, so that who is told of a line finds what it did.
    if (line || cut) this.world.store.sessions.append(session.id, ...told, ...changed)
    tree?.stored()
  }

  private async treeOf({ id, workspace: cwd }: KnownSession): Promise<KeptTree> {
    const { env, owner, dataDir } = this.world
    const except = [(await folderAt(dataDir)) ?? dataDir]
    return new KeptTree({ cwd, env, owner: `${owner}/settle`, dir: this.checkpoints({ id }), except })
  }

  private ownRuntime(): string | null {
    return [...this.world.runtimes.values()].find(({ watch }) => watch === null)?.name ?? null
  }

  private own({ runtime }: KnownSession): Result<void> {
    return this.world.runtimes.get(runtime)?.watch === null ? ok(undefined) : refuse(notOwn(runtime))
  }

  /** Does it while nobody else can begin a turn in the session, in this program or another. */
  async alone<T>(session: KnownSession, work: () => Promise<Result<T>>): Promise<Result<T>> {
    const own = this.own(session)
    if (!own.ok) return own
    const { store, runtimes } = this.world
    const [taskId] = store.tasks.activeOfSession(session.id)
    const seen = await runtimes.get(session.runtime)?.look(session.id)
    if (taskId || isBusy(seen?.state.kind)) return refuse(atWork(taskId))
    // A turn without an end runs in another program as long as that holds the claim; who was killed holds none.
    const release = this.claims.take(session.id)
    if (!release) return refuse(atWork(undefined))
    try {
      return await work()
    } finally {
      release()
    }
  }

  /** Turns of a terminal whose program was killed are nobody's: says so of those among these. True: there were some. */
  async mend(sessions: readonly KnownSession[]): Promise<boolean> {
    let mended = false
    for (const session of sessions) {
      if (session.state !== 'busy' || !this.own(session).ok) continue
      if (this.world.store.tasks.activeOfSession(session.id).length > 0) continue
      // Whoever works in it holds this: only of the others all rows are read.
      const release = this.claims.take(session.id)
      if (!release) continue
      try {
        const seen = await this.world.runtimes.get(session.runtime)?.look(session.id)
        if (seen?.state.kind !== 'interrupted' || isPromptedHere(seen.state.promptId)) continue
        this.world.store.shelf.leave(session)
        mended = true
      } finally {
        release()
      }
    }
    return mended
  }

  private rows({ id }: KnownSession): StoredEntry[] {
    return this.world.store.sessions.entries(id)
  }

  private checkpoints({ id }: Pick<KnownSession, 'id'>): string {
    return join(this.world.dataDir, 'checkpoints', id)
  }

  private again({ id }: Pick<KnownSession, 'id'>): Result<KnownSession> {
    const found = this.world.store.watched.get(id)
    return found ? ok(found) : refuse({ kind: 'unknown-session', text: `There is no session ${id}.` })
  }
}

/** The call that began, was looked at before, and has neither an end nor been settled. */
function cutCallOf(rows: readonly StoredEntry[]): { runId: string; callId: string } | null {
  const begun = rows.findLast(({ entry }) => entry.type === 'tool.started')?.entry
  if (begun?.type !== 'tool.started' || !begun.looked) return null
  const { runId, callId } = begun
  const isOver = rows.some(
    ({ entry }) => (entry.type === 'tool.ended' || entry.type === 'changed') && entry.callId === callId,
  )
  return isOver ? null : { runId, callId }
}

const isBusy = (kind: SessionState['kind'] | undefined): boolean =>
  ['starting', 'busy', 'waiting', 'retrying'].includes(kind ?? 'absent')

/** By the page or the API, whose open turns go on with the next daemon; others were prompted from a terminal. */
export const isPromptedHere = (promptId: string): boolean => /^[pk]_/.test(promptId)

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
