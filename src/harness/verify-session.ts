/**
 * A verdict on a session that nobody gave a task: the project's own commands, on the commit that its folder stood on
 * when the session began, and now. It needs git, which remembers that commit; and it changes nothing in the folder.
 */
import { mkdir, realpath } from 'node:fs/promises'
import type { CheckResult, CheckSpec } from '../core/check.ts'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import type { TaskSpec } from '../core/spec.ts'
import { type CheckRecord, type Verdict, verdictOf } from '../core/verdict.ts'
import { NoCleanTree } from '../lib/clean-repository.ts'
import { errnoOf } from '../lib/files.ts'
import { answerOfGit, GitSilent } from '../lib/git.ts'
import { findCommands } from '../lib/project/commands.ts'
import { entriesOfCommit, type Result as Files } from '../lib/result.ts'
import type { KnownSession } from '../store/watched.ts'
import { lookTwice, type Standing } from './clean.ts'
import { contextOf, runOne } from './examine.ts'
import { type Ground, keepCopy, writeBase } from './pinned.ts'
import { commandLines, reachedScripts } from './protect.ts'
import type { World } from './world.ts'

export interface SessionVerdict {
  verdict: Verdict
  /** What the session is held against. */
  baseCommit: string
  checks: CheckRecord[]
}

const how = { include: [], keep: [] }

/** One at a time for each session. */
export class SessionJudge {
  private readonly world: World
  private readonly busy = new Set<string>()

  constructor(world: World) {
    this.world = world
  }

  async verify(session: KnownSession, signal: AbortSignal): Promise<Result<SessionVerdict>> {
    const { id } = session
    if (this.busy.has(id)) return refuse({ kind: 'under-way', text: `Session ${id} is being judged already.` })
    this.busy.add(id)
    try {
      return await verifySession(session, this.world, signal)
    } finally {
      this.busy.delete(id)
    }
  }
}

async function verifySession(
  session: KnownSession,
  world: World,
  signal: AbortSignal,
): Promise<Result<SessionVerdict>> {
  const workspace = await realpath(session.workspace).catch((error: unknown) => ({ why: errnoOf(error) }))
  if (typeof workspace !== 'string') return refuse(noFolder(session.workspace, workspace.why))
  const place = { id: session.id, workspace }
  try {
    const ground = await world.checkouts.ground(place, signal)
    const commit = ground.isGit ? await commitAt(ground, session.createdAt) : null
    if (commit === null) return refuse(noCommit(session.workspace))
    return ok(await judge({ session, place, ground, commit }, world, signal))
  } catch (error) {
    if (error instanceof GitSilent) return refuse(...error.problems)
    if (!(error instanceof NoCleanTree)) throw error
    return refuse({ kind: 'no-clean-checkout', text: `There is no clean checkout to judge it in: ${error.message}.` })
  } finally {
    await world.checkouts.forget(session.id)
  }
}

/** What the branch stood on then, by the notes that git keeps of its moves. */
async function commitAt({ git }: Ground, at: number): Promise<string | null> {
  // They know whole seconds; a commit of the second in which the session began is taken for its own.
  const name = `HEAD@{${Math.floor(at / 1_000) - 1}}`
  const found = (await answerOfGit(git, ['rev-parse', '--verify', '--quiet', name]))?.trim() ?? ''
  return /^[0-9a-f]{40,64}$/.test(found) ? found : null
}

const noFolder = (workspace: string, why: string): Problem => ({
  kind: 'no-folder',
  text: `The folder ${workspace} of the session cannot be looked at (${why}).`,
  todo: 'It may be gone, or on another machine.',
})

const noCommit = (workspace: string): Problem => ({
  kind: 'no-base',
  text: `Nothing tells what was in ${workspace} when the session began: git is not used there, or has no commit.`,
  todo: 'Give the work as a task: then it is looked at before it begins.',
})

interface Case {
  session: KnownSession
  place: { id: string; workspace: string }
  ground: Ground
  commit: string
}

async function judge(one: Case, world: World, signal: AbortSignal): Promise<SessionVerdict> {
  const { ground, commit } = one
  const files = await entriesOfCommit(ground.git, commit, ground.root)
  if (typeof files === 'string') throw new NoCleanTree(files)
  const then = await world.checkouts.open({ ...one.place, isolation: null }, ground, files, how)
  const commands = await findCommands(then.workspace, world.env.PATH ?? '')
  const specs = commands.map(({ run }): CheckSpec => parsed({ kind: 'no_worse', run }, world))
  const standing = standingOf(one)
  const before = new Map<number, CheckResult>()
  for (const [index, spec] of specs.entries()) {
    const { workspace, shown } = then
    const context = contextOf({ ...standing, workspace }, world, { signal, before: null, shown })
    before.set(index, await runOne(checkerOf(spec, world), spec, context))
  }
  await noteThen(one, specs)
  const records = [
    ...(await lookNow(standing, specs, world, { signal, before })),
    await changeOf(one, world, specs.length),
  ]
  const found = await lookTwice(standing, records, world, { signal, before, seenClean: true })
  const judged = found?.records ?? records
  return { verdict: verdictOf(judged), baseCommit: commit, checks: judged }
}

const checkerOf = (spec: CheckSpec, world: World) => world.checkers.find((one) => one.kind === spec.kind)

const parsed = (fields: CheckSpec, world: World): CheckSpec =>
  checkerOf(fields, world)?.schema.parse(fields) as CheckSpec

function standingOf({ session, place, commit }: Case): Standing {
  const spec: TaskSpec = {
    ...{ title: session.title, goal: session.title, steps: [], acceptance: [], checks: [] },
    ...{ abort: false, limits: {}, checkout: how },
  }
  const { createdAt } = session
  return {
    ...place,
    spec,
    createdAt,
    startedAt: createdAt,
    baseCommit: commit,
    baseline: {},
    accepted: [],
    isolation: null,
  }
}

async function noteThen({ ground, commit }: Case, specs: readonly CheckSpec[]): Promise<void> {
  const manifest = (await answerOfGit(ground.git, ['cat-file', 'blob', `${commit}:package.json`], 1024 * 1024)) ?? ''
  const { names, lines } = reachedScripts(commandLines(specs), manifest)
  await mkdir(ground.folder, { recursive: true, mode: 0o700 })
  const copies: Record<string, string> = {}
  if (manifest !== '') copies['package.json'] = await keepCopy(ground.folder, manifest)
  await writeBase(ground, { version: 1, commit, untracked: {}, copies, tested: [], scripts: names, lines })
}

async function lookNow(
  standing: Standing,
  specs: readonly CheckSpec[],
  world: World,
  { signal, before }: { signal: AbortSignal; before: ReadonlyMap<number, CheckResult> },
): Promise<CheckRecord[]> {
  const records: CheckRecord[] = []
  for (const [index, spec] of specs.entries()) {
    const [startedAt, begun] = [world.clock.now(), world.clock.monotonic()]
    const was = before.get(index) ?? null
    const result = await runOne(checkerOf(spec, world), spec, contextOf(standing, world, { signal, before: was }))
    const durationMs = Math.round(world.clock.monotonic() - begun)
    const about = { index, spec, title: world.describeCheck(spec), step: null, startedAt, durationMs }
    records.push({ ...about, ...result, origin: 'project', guards: true, ...(was ? { base: was.outcome } : {}) })
  }
  return records
}

/** Whether the session left anything: files that are not as they were committed then. */
async function changeOf({ ground, commit }: Case, world: World, index: number): Promise<CheckRecord> {
  const [now, then] = await Promise.all([
    world.checkouts.result(ground, null, { isolation: null }),
    entriesOfCommit(ground.git, commit, ground.root),
  ])
  const spec = { kind: 'any_change' }
  const about = {
    index,
    spec,
    title: world.describeCheck(spec),
    step: null,
    startedAt: world.clock.now(),
    durationMs: 0,
  }
  const subject = ground.root
  if (typeof now === 'string' || typeof then === 'string') {
    return {
      ...about,
      outcome: 'error',
      origin: 'project',
      evidence: { subject, summary: 'The files cannot be compared.' },
    }
  }
  const changed = changedBetween(then, now)
  const summary =
    changed.length === 0
      ? 'Nothing has changed since the session began.'
      : `${changed.length} files are not what they were when the session began.`
  const facts = { changed: changed.slice(0, 100) }
  const evidence = { subject, summary, facts }
  return { ...about, outcome: changed.length === 0 ? 'fail' : 'pass', base: 'fail', origin: 'project', evidence }
}

function changedBetween(then: Files, now: Files): string[] {
  const was = new Map(then.entries.map(({ path, id }) => [path, id]))
  const is = new Map(now.entries.map(({ path, id }) => [path, id]))
  const paths = new Set([...was.keys(), ...is.keys()])
  return [...paths].filter((path) => was.get(path) !== is.get(path)).sort()
}
