/** The format of a script: what the scripted model answers. Parsing and choosing only; the wire is wire.ts. */
import { z } from 'zod'
import type { Problem, Result } from '../core/problem.ts'
import { ok, refuse } from '../core/problem.ts'

export const scriptedModelId = 'scripted-model'

const pattern = z.string().refine(isRegExp, { error: 'is not a regular expression' })
const chunks = z.union([z.string(), z.array(z.string())])
const count = z.number().int().min(0)

/** These stand instead of a reply. `bad_json` and `split_args` are no entries of their own: they deform a reply. */
const faults = ['429', '500', 'http', 'drop', 'stall', 'empty', 'no_tools'] as const

const toolCall = z.strictObject({
  name: z.string(),
  /** Sent as JSON. */
  arguments: z.record(z.string(), z.unknown()).optional(),
  /** Sent as it is, in place of `arguments`: for text that is not JSON. */
  raw: z.string().optional(),
  id: z.string().optional(),
})

const entrySchema = z.strictObject({
  match: pattern.optional().describe('Only when the last message fits; such an entry has no place in the order.'),
  delay_ms: count.optional().describe('Wait before the first byte.'),
  chunk_ms: count.optional().describe('Wait between two chunks; without it everything comes at once.'),
  text: chunks.optional().describe('A list is sent in exactly these chunks.'),
  reasoning: chunks.optional(),
  tool_calls: z.array(toolCall).optional(),
  usage: z
    .strictObject({
      prompt_tokens: count,
      completion_tokens: count,
      cached_tokens: count.optional(),
      reasoning_tokens: count.optional(),
    })
    .optional(),
  finish: z.enum(['stop', 'tool_calls', 'length', 'content_filter']).optional(),
  fault: z.enum([...faults, 'bad_json', 'split_args']).optional(),
  times: z.number().int().min(1).optional().describe('How often a fault is given before it is over; default 1.'),
  retry_after: z.number().min(0).optional().describe('Seconds, with fault 429 or http.'),
  status: z.number().int().min(400).max(599).optional().describe('With fault http.'),
  message: z.string().optional().describe('Error text of a fault.'),
})

const conversationFields = {
  replies: z.array(entrySchema).min(1),
  at_end: z.enum(['error', 'repeat']).default('error').describe('After the last reply: HTTP 400, or the last again.'),
}

const conversationSchema = z.strictObject({
  match: pattern.describe('Against the first user message.'),
  system: pattern.optional().describe('Also against the system message.'),
  ...conversationFields,
})

export const scriptSchema = z
  .strictObject({
    $schema: z.string().optional(),
    models: z.array(z.string()).min(1).default([scriptedModelId]),
    context_tokens: z.number().int().min(1).default(131_072).describe('A longer request is refused with 400.'),
    api_key: z.string().optional().describe('When set, another key is refused with 401.'),
    conversations: z.array(conversationSchema).default([]),
    replies: conversationFields.replies.optional().describe('For requests that fit no conversation.'),
    at_end: conversationFields.at_end,
  })
  .refine((script) => script.replies || script.conversations.length > 0, { error: 'holds no replies' })

export type Entry = z.output<typeof entrySchema>
export type Script = z.output<typeof scriptSchema>
/** A bare list is the short form of `{ "replies": [...] }`. */
export type ScriptInput = z.input<typeof scriptSchema> | z.input<typeof entrySchema>[]

export interface Conversation {
  name: string
  match: RegExp | null
  system: RegExp | null
  replies: Entry[]
  atEnd: 'error' | 'repeat'
}

export function parseScript(json: unknown): Result<Script> {
  const parsed = scriptSchema.safeParse(Array.isArray(json) ? { replies: json } : json)
  if (parsed.success) return ok(parsed.data)
  const problems = parsed.error.issues.map((issue): Problem => {
    const where = issue.path.length > 0 ? issue.path.join('.') : 'The script'
    return { kind: 'script-invalid', text: `${where}: ${issue.message}.`, todo: 'See docs/guide/scripted-model.md.' }
  })
  return refuse(...problems)
}

export function conversationsOf(script: Script): Conversation[] {
  const keyed = script.conversations.map((one) => ({
    name: one.match,
    match: new RegExp(one.match),
    system: one.system ? new RegExp(one.system) : null,
    replies: one.replies,
    atEnd: one.at_end,
  }))
  if (!script.replies) return keyed
  return [...keyed, { name: 'replies', match: null, system: null, replies: script.replies, atEnd: script.at_end }]
}

const isFault = (entry: Entry): boolean => (faults as readonly (string | undefined)[]).includes(entry.fault)
const fits = (entry: Entry, text: string): boolean => entry.match !== undefined && new RegExp(entry.match).test(text)

/**
 * The entries that may answer now, best first; each fault is passed over once it was given `times` times. Which reply
 * is next follows from the number of assistant messages before, so a restarted model, or client, goes on where it was.
 * `before` are the texts of the messages that stood right before each assistant message, then the last message.
 */
export function candidates(conversation: Conversation, before: readonly string[]): Entry[] {
  const last = before.at(-1) ?? ''
  const reactive = conversation.replies.filter((entry) => entry.match !== undefined)
  const ordered = conversation.replies.filter((entry) => entry.match === undefined)
  const answersReactively = (text: string) => reactive.some((entry) => !isFault(entry) && fits(entry, text))
  const position = before.slice(0, -1).filter((text) => !answersReactively(text)).length
  const found = reactive.filter((entry) => fits(entry, last))
  let answered = 0
  for (const entry of ordered) {
    if (answered === position) found.push(entry)
    if (!isFault(entry)) answered += 1
  }
  return found
}

/** First candidate that is a reply, or a fault that is not used up. `given` counts and remembers. */
export function choose(
  conversation: Conversation,
  found: readonly Entry[],
  given: (entry: Entry) => number,
): Entry | null {
  const next = found.find((entry) => !isFault(entry) || given(entry) < (entry.times ?? 1))
  if (next) return next
  const last = conversation.replies.findLast((entry) => entry.match === undefined)
  return conversation.atEnd === 'repeat' ? (last ?? null) : null
}

function isRegExp(text: string): boolean {
  try {
    new RegExp(text)
    return true
  } catch {
    return false
  }
}
