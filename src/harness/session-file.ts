/**
 * A session as a file: JSON that comes back as it was, and markdown for people. What comes in is hostile: it is
 * validated, bounded, given ids of its own, and nothing in it is ever run.
 */
import { z } from 'zod'
import { ok, type Result, refuse } from '../core/problem.ts'
import { endReasons, type JournalEntry, type StoredEntry, withoutUndone } from '../core/session.ts'
import { newId } from '../lib/id.ts'
import type { KnownSession } from '../store/watched.ts'

const rowsMax = 50_000
/** An accepted one stands in every request. */
const planCharsMax = 20_000
const text = z.string().max(2_000_000)
const word = z.string().max(500)
const instant = z.number().int().min(0).max(8_640_000_000_000_000)
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const problem = z.object({ kind: word, text, todo: text.exactOptional() })
const ofRun = { runId: word }
const ofCall = { ...ofRun, callId: word }
const reply = z.union([
  z.object({ kind: z.enum(['once', 'always']) }),
  z.object({
    ...{ kind: z.literal('reject'), message: text.nullable() },
    ...{ nobody: z.literal(true).exactOptional(), later: z.literal(true).exactOptional() },
  }),
  z.object({ kind: z.literal('answers'), answers: z.array(z.array(text).max(50)).max(20) }),
  z.object({ kind: z.enum(['execute', 'execute_fresh']) }),
  z.object({ kind: z.literal('feedback'), text }),
])
const modelUsage = z.object({
  ...{ model: word, provider: word, costMicros: count.nullable() },
  ...{ input: count, output: count, reasoning: count, cacheRead: count, cacheWrite: count },
})

/** What is said and done. What belongs to one machine (contents of files, what a server wants back) stays there. */
const entry = z.discriminatedUnion('type', [
  z.object({ type: z.literal('prompt'), promptId: word, text }),
  z.object({ type: z.literal('steer'), messageId: word, text }),
  z.object({ type: z.literal('steered'), ...ofRun, messageIds: z.array(word).max(1_000) }),
  z.object({
    ...{ type: z.literal('run.started'), ...ofRun, promptId: word, resumed: z.boolean(), model: word, provider: word },
    sandbox: z.enum(['bwrap', 'none']).exactOptional(),
  }),
  z.object({
    ...{ type: z.literal('assistant'), ...ofRun, text, reasoning: text, finish: word },
    calls: z.array(z.object({ id: word, name: word, argumentsText: text })).max(1_000),
  }),
  z.object({ type: z.literal('tool.started'), ...ofCall, readOnly: z.boolean() }),
  z.object({
    ...{ type: z.literal('tool.ended'), ...ofCall, ok: z.boolean(), output: text },
    facts: z.record(word, z.json()),
  }),
  z.object({ type: z.literal('call.denied'), ...ofCall, tool: word, by: text, text }),
  z.object({ type: z.literal('ask.answered'), askId: word, callId: word, tool: word, reply }),
  z.object({ type: z.literal('plan'), ...ofCall, version: count, text: z.string().max(planCharsMax) }),
  z.object({
    ...{ type: z.literal('plan.taken'), ...ofCall },
    to: z.union([z.object({ profile: word }), z.object({ sessionId: word, promptId: word })]),
  }),
  z.object({
    type: z.literal('note'),
    ...ofRun,
    text,
    ran: z.object({ line: text, ok: z.boolean() }).exactOptional(),
  }),
  z.object({ type: z.literal('usage'), ...ofRun, usage: modelUsage }),
  z.object({
    ...{ type: z.literal('run.ended'), ...ofRun, reason: z.enum(endReasons), text, problem: problem.nullable() },
  }),
])

const fileSchema = z.object({
  format: z.literal('openloom-session'),
  version: z.literal(1),
  session: z.object({
    title: word,
    agent: word.nullable(),
    model: word.nullable(),
    createdAt: instant,
  }),
  rows: z.array(z.object({ at: instant, entry })).max(rowsMax),
})

export type SessionFile = z.output<typeof fileSchema>

export function fileOf({ title, agent, model, createdAt }: KnownSession, rows: readonly StoredEntry[]): SessionFile {
  const said = withoutUndone(rows, (row) => row.entry).flatMap(({ at, entry: one }) => {
    const known = entry.safeParse(one)
    return known.success ? [{ at, entry: known.data }] : []
  })
  return {
    format: 'openloom-session',
    version: 1,
    session: { title: title.slice(0, 500), agent, model, createdAt },
    rows: said,
  }
}

/** Of what was exported elsewhere; which session carried a plan out says nothing here, where that id is another's. */
export function readFile(value: unknown): Result<SessionFile> {
  const parsed = fileSchema.safeParse(value)
  if (parsed.success) {
    const rows = parsed.data.rows.filter(({ entry: one }) => one.type !== 'plan.taken' || 'profile' in one.to)
    return ok({ ...parsed.data, rows })
  }
  const [first] = parsed.error.issues
  const where = first ? `${first.path.map(String).join('.').slice(0, 200)}: ${first.message.slice(0, 200)}` : ''
  return refuse({ kind: 'bad-session-file', text: `This is no session that was exported. ${where}`.trim() })
}

/** The same rows under ids that nothing else has: two sessions must not share a prompt, a run or an answer. */
export function withFreshIds<T extends { entry: JournalEntry }>(rows: readonly T[], nowMs: number): T[] {
  const fresh = new Map<string, string>()
  const idFor = (prefix: string, old: string): string => {
    const key = `${prefix} ${old}`
    const known = fresh.get(key) ?? newId(prefix, nowMs)
    fresh.set(key, known)
    return known
  }
  return rows.map((row) => {
    const entry: JournalEntry = { ...row.entry }
    if ('runId' in entry) entry.runId = idFor('r', entry.runId)
    if ('promptId' in entry) entry.promptId = idFor('p', entry.promptId)
    if ('askId' in entry) entry.askId = idFor('ask', entry.askId)
    if ('messageId' in entry) entry.messageId = idFor('m', entry.messageId)
    if ('messageIds' in entry) entry.messageIds = entry.messageIds.map((old) => idFor('m', old))
    return { ...row, entry }
  })
}

const notTaken = 'Not run here: it was still open when the session was copied.'

/**
 * The rows with an end for whatever was going on in them: what is copied is history. Else a turn that is entered again
 * would make the calls that were open, which nobody asked for here.
 */
export function ended(rows: SessionFile['rows']): SessionFile['rows'] {
  const [at = 0, open] = [rows.at(-1)?.at, new Map<string, string>()]
  let run: string | null = null
  for (const { entry: one } of rows) {
    if (one.type === 'run.started') run = one.runId
    if (one.type === 'run.ended' && one.runId === run) run = null
    if (one.type === 'assistant') for (const { id } of one.calls) open.set(id, one.runId)
    if (one.type === 'tool.ended') open.delete(one.callId)
  }
  const none = { ok: false, output: notTaken, facts: {} }
  const calls = [...open].map(([callId, runId]) => ({ type: 'tool.ended' as const, runId, callId, ...none }))
  const end = { type: 'run.ended' as const, reason: 'cancelled' as const, text: '', problem: null }
  return [...rows, ...[...calls, ...(run === null ? [] : [{ ...end, runId: run }])].map((entry) => ({ at, entry }))]
}

/** For people: fences are longer than any in what they hold, so that nothing said can leave its place. */
export function markdownOf({ session, rows }: SessionFile): string {
  const outputs = new Map(
    rows.flatMap(({ entry: one }) => (one.type === 'tool.ended' ? [[one.callId, one] as const] : [])),
  )
  const steers = new Map(rows.flatMap(({ entry: one }) => (one.type === 'steer' ? [[one.messageId, one.text]] : [])))
  const parts = rows.flatMap(({ entry: one }): string[] => {
    if (one.type === 'prompt') return ['## You', one.text]
    if (one.type === 'steered') return one.messageIds.flatMap((id) => ['## You, meanwhile', steers.get(id) ?? ''])
    if (one.type === 'note' && one.ran) return ['## You ran', fenced(one.text)]
    if (one.type === 'run.ended' && one.problem) return [`> ${one.problem.text.replaceAll('\n', ' ')}`]
    if (one.type !== 'assistant') return []
    const calls = one.calls.flatMap(({ id, name, argumentsText }) => {
      const ended = outputs.get(id)
      const result = ended ? [ended.ok ? 'Result:' : 'Result (it failed):', fenced(ended.output)] : ['No result.']
      return [`### ${name.replaceAll('\n', ' ')}`, fenced(argumentsText), ...result]
    })
    return ['## Agent', ...(one.text ? [one.text] : []), ...calls]
  })
  const head = [`# ${session.title.replaceAll('\n', ' ')}`, new Date(session.createdAt).toISOString()]
  return `${[...head, ...parts].join('\n\n')}\n`
}

function fenced(body: string): string {
  const longest = Math.max(2, ...[...body.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}\n${body}\n${fence}`
}
