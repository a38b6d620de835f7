/** The keys people may write, in the original's spelling or ours, made into the fields of a TaskSpec. Pure. */
import type { Problem } from '../core/problem.ts'
import { nearest } from '../lib/nearest.ts'

/** A value with the line it came from. */
export interface Located {
  value: unknown
  line: number | undefined
}

/** Fields of the TaskSpec as far as they are known, each with its line; zod judges them afterwards. */
export interface Draft {
  fields: Record<string, unknown>
  lines: Record<string, number | undefined>
  problems: Problem[]
}

export const newDraft = (): Draft => ({ fields: {}, lines: {}, problems: [] })

/** Spellings of the original and of hasty people → the name of our field. */
const spellings: Record<string, string> = {
  name: 'title',
  title: 'title',
  goal: 'goal',
  initial_prompt: 'goal',
  workspace: 'workspace',
  cwd: 'workspace',
  session: 'session',
  session_id: 'session',
  abort: 'abort',
  abort_session: 'abort',
  agent: 'agent',
  runtime: 'runtime',
  model: 'model',
  tools: 'tools',
  limits: 'limits',
  steps: 'steps',
  checks: 'checks',
  acceptance: 'acceptance',
  global_acceptance: 'acceptance',
  step_acceptance: 'step_acceptance',
  mode: 'mode',
  check_interval_minutes: 'check_interval_minutes',
  check_interval_seconds: 'check_interval_seconds',
  check_interval: 'check_interval',
  max_tokens: 'max_tokens',
  max_runtime_minutes: 'max_runtime_minutes',
  max_attempts: 'max_attempts',
  auto_accept_permissions: 'auto_accept',
  auto_accept: 'auto_accept',
  on_hang: 'on_hang',
  ask: 'ask',
  after_crash: 'after_crash',
  ask_deadline_minutes: 'ask_deadline_minutes',
  after: 'after',
  must_fail_first: 'must_fail_first',
  protect: 'protect',
  checkout: 'checkout',
  project_checks: 'project_checks',
  propose_checks: 'propose_checks',
  commit_trailer: 'commit_trailer',
  wait_for_base: 'wait_for_base',
  changes_files: 'changes_files',
  isolation: 'isolation',
  when_verified: 'when_verified',
}

/** `Check interval` and `check-interval` are `check_interval`. */
export const keyOf = (written: string): string =>
  written
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, '_')
/** Every spelling that means something in a task. */
export const taskKeys: readonly string[] = Object.keys(spellings)
export const isKey = (written: string): boolean => keyOf(written) in spellings

export function setKey(draft: Draft, written: string, located: Located): void {
  const key = spellings[keyOf(written)]
  if (!key) {
    draft.problems.push(unknownKey(written, located.line))
    return
  }
  const { line } = located
  switch (key) {
    case 'check_interval':
    case 'check_interval_seconds':
      return setCheckInterval(draft, key, located)
    case 'check_interval_minutes':
      return setField(draft, key, { value: numeric(located.value), line })
    case 'max_tokens':
      return setLimit(draft, 'tokens', located)
    case 'max_runtime_minutes':
      return setLimit(draft, 'minutes', located)
    case 'max_attempts':
      return setLimit(draft, 'attempts', located)
    case 'limits':
      if (isRecord(located.value)) {
        for (const [name, value] of Object.entries(located.value)) setLimit(draft, name, { value, line })
        return
      }
      return setField(draft, 'limits', located)
    case 'mode':
      return refuseUnless(draft, ['normal'], { ...located, name: 'mode' })
    case 'auto_accept':
      return setField(draft, key, { value: autoAccept(located.value), line })
    case 'must_fail_first':
    case 'propose_checks':
    case 'commit_trailer':
    case 'wait_for_base':
    case 'changes_files':
      return setField(draft, key, { value: yesNo(located.value), line })
    case 'protect':
      return setField(draft, key, { value: noneOr(names, located.value), line })
    case 'checkout':
      return setField(draft, key, { value: noneOr((value) => value, located.value), line })
    case 'after':
    case 'tools':
      return setField(draft, key, { value: names(located.value), line })
    case 'ask_deadline_minutes':
      return setField(draft, key, { value: numeric(located.value), line })
    case 'agent':
      // In the original this value means "whatever the server chooses".
      return located.value === 'opencode' ? undefined : setField(draft, key, located)
    default:
      return setField(draft, key, located)
  }
}

function setField(draft: Draft, field: string, located: Located): void {
  const before = draft.fields[field]
  if (before !== undefined && JSON.stringify(before) !== JSON.stringify(located.value)) {
    const first = draft.lines[field]
    draft.problems.push({
      kind: 'given-twice',
      text: `"${field}" is given twice with different values${first ? ` (first on line ${first})` : ''}.`,
      todo: 'Keep one of them.',
      ...at(located.line),
    })
    return
  }
  draft.fields[field] = located.value
  draft.lines[field] ??= located.line
}

function setLimit(draft: Draft, name: string, { value, line }: Located): void {
  const limits = (draft.fields.limits ?? {}) as Record<string, unknown>
  draft.fields.limits = { ...limits, [name]: numeric(value) }
  draft.lines.limits ??= line
  draft.lines[`limits.${name}`] = line
}

function setCheckInterval(draft: Draft, key: string, { value, line }: Located): void {
  const match = /^(\d+(?:\.\d+)?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?)?$/i.exec(String(value).trim())
  if (!match) {
    const text = `"${key}" is "${String(value)}", which is not a time.`
    draft.problems.push({ kind: 'bad-value', text, todo: 'Write e.g. 5m, 300s or 1h.', ...at(line) })
    return
  }
  const unit = match[2]?.[0]?.toLowerCase() ?? (key === 'check_interval_seconds' ? 's' : 'm')
  const minutes = Number(match[1]) * (unit === 's' ? 1 / 60 : unit === 'h' ? 60 : 1)
  setField(draft, 'check_interval_minutes', { value: minutes, line })
}

function refuseUnless(draft: Draft, allowed: readonly unknown[], given: Located & { name: string }): void {
  if (allowed.includes(given.value)) return
  const text = `"${given.name}: ${String(given.value)}" is not something that OpenLoom does.`
  draft.problems.push({ kind: 'unsupported', text, todo: 'Remove the line.', ...at(given.line) })
}

function unknownKey(written: string, line: number | undefined): Problem {
  const near = nearest(keyOf(written), Object.keys(spellings))
  const todo = near ? `Did you mean "${near}"?` : `Known keys: ${[...new Set(Object.values(spellings))].join(', ')}.`
  return { kind: 'unknown-key', text: `"${written}" is not a key of a task.`, todo, ...at(line) }
}

/** A line of markdown brings ids or titles with commas between them. */
function names(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const list = value.replace(/^\[(.*)\]$/s, '$1').split(',')
  return list.map((name) => name.trim()).filter((name) => name !== '')
}

/** A line of markdown brings words where YAML brings booleans, and one pattern where YAML brings a list. */
function autoAccept(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const word = yesNo(value)
  return typeof word === 'boolean' ? word : [value]
}

const yesNo = (value: unknown): unknown =>
  ({ true: true, yes: true, false: false, no: false })[String(value).toLowerCase()] ?? value

/** A setting that can be switched off by a word. */
const noneOr = (read: (value: unknown) => unknown, value: unknown): unknown =>
  value === false || ['none', 'no', 'false', 'off'].includes(String(value).toLowerCase()) ? false : read(value)

const numeric = (value: unknown): unknown =>
  typeof value === 'string' && /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value

export const at = (line: number | undefined): { line?: number } => (line === undefined ? {} : { line })

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
