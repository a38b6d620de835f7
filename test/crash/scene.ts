/** What the crash stories let happen: the agent's script, task files, strace, and what must be true in the end. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { ScriptInput } from '../../src/sample/script.ts'
import type { DaemonRig, Life } from '../fakes/daemon.ts'

export const long = process.env.OPENLOOM_CRASH === 'long'

const bash = (command: string) => ({ tool_calls: [{ name: 'bash', arguments: { command } }] })
const writeResult = { tool_calls: [{ name: 'write', arguments: { file_path: 'result.txt', content: 'right\n' } }] }

/**
 * Reads, changes something that must not happen twice, claims to be done without the result, is refuted, does it. The
 * repeated pairs are for calls whose outcome a kill left unknown: the check says whether they must be done again.
 */
export const fullScript: ScriptInput = {
  replies: [
    { tool_calls: [{ name: 'read', arguments: { file_path: 'notes.md' } }] },
    bash('echo once >> log.txt'),
    { text: 'Everything is done.' },
    ...Array.from({ length: 6 }).flatMap(() => [writeResult, { text: 'Now it is done.' }]),
  ],
  at_end: 'repeat',
}

/** One change and the claim. */
export const shortScript: ScriptInput = {
  replies: [
    bash('echo once >> log.txt; echo right > result.txt'),
    { text: 'Done.' },
    ...Array.from({ length: 6 }).flatMap(() => [writeResult, { text: 'Now it is done.' }]),
  ],
  at_end: 'repeat',
}

export const workspaceOf = (rig: DaemonRig, name: string): string => join(rig.work, name)

export function taskText(rig: DaemonRig, name: string, keys: readonly string[] = []): string {
  const workspace = workspaceOf(rig, name)
  mkdirSync(workspace, { recursive: true })
  writeFileSync(join(workspace, 'notes.md'), 'Notes.\n')
  const head = [`# ${name}`, '', `workspace: ${workspace}`, 'max_attempts: 8', ...keys, '']
  return [...head, '## goal', '', 'Do it.', '', '## checks', '', '- contains: result.txt /right/', ''].join('\n')
}

/** As careful programs do: a temporary name, then the rename. */
export function drop(rig: DaemonRig, name: string, keys: readonly string[] = []): void {
  const temporary = join(rig.folder, `${name}.tmp`)
  writeFileSync(temporary, taskText(rig, name, keys))
  renameSync(temporary, join(rig.inbox, `${name}.md`))
}

export interface Count {
  lost: number
  doubled: number
  wrong: string[]
}

/** Asks the running daemon and the folders: every name one task, verified, its change made at most once, told. */
export async function account(rig: DaemonRig, life: Life, names: readonly string[]): Promise<Count> {
  const tasks = await rig.settled(life, names.length, 60_000)
  const count: Count = { lost: 0, doubled: 0, wrong: [] }
  for (const name of names) {
    const mine = tasks.filter((task) => task.title === name)
    if (mine.length === 0) count.lost++
    if (mine.length > 1) count.doubled++
    for (const task of mine) {
      if (task.status !== 'done' || task.verdict !== 'verified') {
        count.wrong.push(`${name}: ${task.status} ${task.verdict} ${task.reason?.text ?? ''}`)
      }
    }
    const log = join(workspaceOf(rig, name), 'log.txt')
    const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0
    if (lines > 1) count.doubled++
  }
  const promptIds = rig.promptIds()
  count.doubled += promptIds.length - new Set(promptIds).size
  expect(rig.integrity).toBe('ok')
  return count
}

/** Every file was renamed, none twice, and nothing else lies about. */
export function inboxNames(rig: DaemonRig): string[] {
  return readdirSync(rig.inbox)
    .map((name) => name.replace(/^processed-t_[a-z0-9]+-/, 'processed-'))
    .sort()
}

export const noFault: Count = { lost: 0, doubled: 0, wrong: [] }

export function sum(into: Count, one: Count): void {
  into.lost += one.lost
  into.doubled += one.doubled
  into.wrong.push(...one.wrong)
}

/** Debian's package; a system without it runs the named failpoints only, and says so. */
export const hasStrace = spawnSync('strace', ['-V']).status === 0

export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

export interface Injection {
  paths: readonly string[]
  calls: readonly string[]
  /** As strace's -e inject takes it behind the calls, e.g. `signal=KILL:when=3`. */
  what: string
}

/** strace in front of a program: acts on the n-th of these calls that touches one of these paths. */
export function straced({ paths, calls, what }: Injection): string[] {
  const list = calls.join(',')
  const files = paths.flatMap((path) => ['-P', path])
  return ['strace', '-f', '-qq', '-o', '/dev/null', ...files, '-e', `trace=${list}`].concat([
    '-e',
    `inject=${list}:${what}`,
  ])
}

export const storePaths = (rig: DaemonRig): string[] =>
  ['', '/openloom.db', '/openloom.db-wal', '/openloom.db-shm'].map((name) => `${rig.data}${name}`)

/** Counts are kept for each thread: with one thread in the pool they are the same at every run. */
export const oneThread = { UV_THREADPOOL_SIZE: '1' }
