/** `openloom skill`: procedures to be run again. Only a run needs a daemon; where there is none it starts its own. */
import { resolve } from 'node:path'
import { realOr } from '../config.ts'
import { ProblemError } from '../core/problem.ts'
import type { SkillParameter, SkillRef } from '../core/spec.ts'
import type { SkillDetail } from '../core/task.ts'
import { openTexts } from '../parts.ts'
import type { DaemonState } from '../server/api.ts'
import { exit } from './exit.ts'
import { withStore } from './own-store.ts'
import { configOf, type Shell, UsageError } from './program.ts'
import { cut, paint, print, printJson, printProblems, safe, stateOf, table } from './terminal.ts'
import { toItsEnd, withDaemon } from './watch.ts'

interface Options {
  json?: boolean
}

type Desk = ReturnType<typeof openTexts>['skills']

function withSkills<T>(shell: Shell, work: (skills: Desk) => Promise<T>): Promise<T> {
  const loaded = configOf(shell)
  return withStore(loaded, (store) => work(openTexts(loaded, shell.env, { store }).skills))
}

export async function listSkills(options: Options, shell: Shell): Promise<number> {
  const list = await withSkills(shell, (skills) => skills.list(realOr(shell.cwd)))
  if (options.json) printJson(list)
  else if (list.items.length === 0)
    print(`There is none yet. Begin one: openloom skill new NAME (in ${safe(list.folder)})`)
  else {
    const rows = list.items.map(({ name, workspace, own, about, problems, barred }) => {
      const fault = problems[0]?.text ?? barred?.text
      const place = workspace === null ? (own ? 'yours' : 'of another program') : 'of this project'
      return [safe(name), place, fault ? paint('yellow', cut(fault, 70)) : cut(about, 70)]
    })
    print(table(rows))
  }
  return exit.ok
}

/** The user's own of this name, else the one of this folder: no project takes a name away. */
async function found(skills: Desk, name: string, shell: Shell): Promise<SkillDetail> {
  const mine = await skills.one({ name, workspace: null })
  const one = mine.ok ? mine : await skills.one({ name, workspace: realOr(shell.cwd) })
  if (!one.ok) throw new UsageError(...one.problems)
  return one.value
}

export async function showSkill(name: string, options: Options, shell: Shell): Promise<number> {
  const detail = await withSkills(shell, (skills) => found(skills, name, shell))
  const { skill, path, problems, barred, text, runs } = detail
  if (options.json) {
    printJson(detail)
    return exit.ok
  }
  print(`${paint('bold', safe(skill?.title ?? name))}  ${paint('dim', safe(path))}`)
  const said = [...problems, ...(barred ? [barred] : [])]
  if (said.length > 0) printProblems(said)
  for (const parameter of skill?.parameters ?? []) print(`  --param ${safe(parameter.name)}=…  ${aboutOf(parameter)}`)
  print(`\n${safe(text).trimEnd()}`)
  if (runs.length > 0) print(`\n${table(runs.map((task) => [task.id, stateOf(task), cut(task.title, 60)]))}`)
  return exit.ok
}

const aboutOf = ({ type, required, default: fallback, about }: SkillParameter): string =>
  paint('dim', cut([type, required ? 'required' : `else ${fallback ?? 'empty'}`, about].filter(Boolean).join('; '), 90))

export async function newSkill(name: string, options: Options & { project?: boolean }, shell: Shell): Promise<number> {
  const ref: SkillRef = { name, workspace: options.project ? realOr(shell.cwd) : null }
  const made = await withSkills(shell, (skills) => skills.begin(ref))
  if (!made.ok) throw new ProblemError(...made.problems)
  if (options.json) printJson(made.value)
  else print(`Written: ${safe(made.value.path)}`)
  return exit.ok
}

export interface RunOptions extends Options {
  param?: string[]
  workspace?: string
  key?: string
}

export async function runSkill(name: string, options: RunOptions, shell: Shell): Promise<number> {
  const { workspace, skill } = await withSkills(shell, (skills) => found(skills, name, shell))
  const folder = options.workspace
    ? resolve(shell.cwd, options.workspace)
    : skill?.task.workspace
      ? undefined
      : shell.cwd
  const body = { workspace, folder, parameters: parametersOf(options.param ?? []) }
  return withDaemon(shell, async (client) => {
    const state = await client.get<DaemonState>('/api/state')
    const key = options.key ? { 'idempotency-key': options.key } : {}
    const path = `/api/skills/${encodeURIComponent(name)}/run`
    const run = client.post<{ id: string }>(path, body, { 'x-openloom-source': 'cli', ...key })
    const { id } = await run.catch(asUsage)
    return toItsEnd(client, id, { after: state.seq, json: options.json ?? false })
  })
}

function parametersOf(written: readonly string[]): Record<string, string> {
  const pairs = written.map((text) => {
    const [, name, value] = /^([^=]+)=([\s\S]*)$/.exec(text) ?? []
    if (name === undefined || value === undefined) {
      throw new UsageError({ kind: 'bad-param', text: `"${text}" is not name=value.`, todo: 'Write e.g. --param a=b.' })
    }
    return [name, value] as const
  })
  return Object.fromEntries(pairs)
}

/** A value that is missing or of another type is wrong use, as a missing argument is. */
function asUsage(error: unknown): never {
  const wrong = error instanceof ProblemError && error.problems.every(({ kind }) => kind.startsWith('parameter-'))
  throw wrong ? new UsageError(...error.problems) : error
}
