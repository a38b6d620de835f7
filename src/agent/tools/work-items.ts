/**
 * The agent's own list of what is to be done. An item closes with evidence only: a call of this session that went well,
 * or a file that was made or changed in it. The list is what the journal says of it; nothing is kept beside.
 */
import { lstat } from 'node:fs/promises'
import { z } from 'zod'
import type { EndedCall, Tool, ToolContext, ToolResult } from '../../core/tool.ts'
import { errnoOf } from '../../lib/files.ts'
import { listOf } from './edit.ts'
import { locate } from './text-file.ts'

const itemsMax = 100
const shownCallsMax = 8

const itemSchema = z.object({
  id: z.number().int(),
  text: z.string(),
  state: z.enum(['open', 'done', 'dropped']),
  /** Evidence of what is done, the reason of what is dropped. */
  because: z.string(),
})
type Item = z.output<typeof itemSchema>
const listSchema = z.array(itemSchema)

const id = z.number().int().min(1)
const closing = z.strictObject({
  id,
  evidence: z
    .string()
    .min(1)
    .max(1_000)
    .describe('Id of a call of yours that went well, or path of a file that you made or changed.'),
})
const dropping = z.strictObject({ id, why: z.string().min(1).max(500) })
const many = <S extends z.ZodType>(one: S) => z.preprocess(listOf, z.array(one).max(itemsMax)).default([])
const schema = z
  .strictObject({
    add: many(z.string().trim().min(1).max(500)),
    close: many(closing),
    drop: many(dropping).describe('Items that turned out not to be needed.'),
    show: z.boolean().default(false).describe('Only show the list.'),
  })
  .refine((all) => all.show || all.add.length + all.close.length + all.drop.length > 0, 'say what to do with the list')
type Input = z.output<typeof schema>

export const workItems: Tool<typeof schema> = {
  name: 'work_items',
  description:
    'Your list of work items, for work of several steps. Add them first; close each one when it is done, with the ' +
    'evidence; each call shows the list.',
  schema,
  changesFiles: false,
  // One after the other: each call begins with what the one before left.
  isReadOnly: ({ show, add, close, drop }) => show && add.length + close.length + drop.length === 0,
  async run(input, context) {
    const calls = context.ended?.() ?? []
    return resultOf(await changed(itemsOf(calls), input, { context, calls }), calls)
  },
}

/** The list as the last call left it. */
export function itemsOf(calls: readonly EndedCall[]): Item[] {
  const last = calls.findLast(({ name, facts }) => name === workItems.name && Array.isArray(facts.items))
  const parsed = listSchema.safeParse(last?.facts.items)
  return parsed.success ? parsed.data : []
}

interface Changed {
  items: Item[]
  refused: string[]
}

interface Sight {
  context: ToolContext
  calls: readonly EndedCall[]
}

async function changed(before: readonly Item[], input: Input, sight: Sight): Promise<Changed> {
  const refused: string[] = []
  const items = before.map((item) => ({ ...item }))
  for (const text of input.add) {
    if (items.length < itemsMax) items.push({ id: items.length + 1, text, state: 'open', because: '' })
    else refused.push(`There are ${itemsMax} items already; "${text.slice(0, 60)}" was not added.`)
  }
  const openItem = (wanted: number): Item | null => {
    const item = items.find((one) => one.id === wanted)
    if (item?.state === 'open') return item
    refused.push(item ? `Item ${wanted} is ${item.state} already.` : `There is no item ${wanted}.`)
    return null
  }
  for (const { id, evidence } of input.close) {
    const item = openItem(id)
    const fault = item && (await faultOf(evidence, sight))
    if (fault) refused.push(`Item ${id} stays open: ${fault}`)
    else if (item) Object.assign(item, { state: 'done', because: evidence })
  }
  for (const { id, why } of input.drop) {
    const item = openItem(id)
    if (item) Object.assign(item, { state: 'dropped', because: why })
  }
  return { items, refused }
}

/** Null: it is evidence. */
async function faultOf(evidence: string, { context, calls }: Sight): Promise<string | null> {
  const call = calls.find((one) => one.id === evidence)
  if (call?.name === workItems.name) return 'a call of this list proves nothing.'
  if (call) return call.ok ? null : `the call ${evidence} failed.`
  const place = await locate(context, evidence)
  const changedAt = typeof place === 'string' ? null : await fileChangedAt(place.real)
  if (changedAt === null) return `"${evidence}" is neither a call of this session nor a file of the workspace.`
  const { began = 0 } = context
  if (changedAt >= began || (typeof place !== 'string' && isWritten(place.real, calls))) return null
  return `${evidence} was there before this session, as it is. Name what was made or changed, or a call that went well.`
}

/** When it got what it holds, which no program can set back; null: it is no file. */
async function fileChangedAt(path: string): Promise<number | null> {
  try {
    const found = await lstat(path)
    return found.isFile() ? found.ctimeMs : null
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error))) return null
    throw error
  }
}

const isWritten = (path: string, calls: readonly EndedCall[]): boolean =>
  calls.some(({ ok, facts }) => ok && facts.path === path && typeof facts.created === 'boolean')

function resultOf({ items, refused }: Changed, calls: readonly EndedCall[]): ToolResult {
  const open = items.filter(({ state }) => state === 'open').length
  const lines = items.map(({ id, text, state, because }) => {
    return `${id}. [${state}] ${text}${because === '' ? '' : ` (${because})`}`
  })
  const proofs = calls.filter((call) => call.ok && call.name !== workItems.name).slice(-shownCallsMax)
  const help = proofs.map(({ id, name, summary }) => `  ${id}: ${name} ${summary}`)
  const output = [
    ...refused,
    `${items.length} items, ${open} open`,
    ...lines,
    ...(refused.length > 0 && help.length > 0 ? ['Calls that went well:', ...help] : []),
  ]
  return { ok: refused.length === 0, output: output.join('\n'), facts: { items } }
}
