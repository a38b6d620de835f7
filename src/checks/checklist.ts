/** Every box of a markdown file is ticked, or of every `tasks.md` of a folder (an OpenSpec change). Boxes in code do
 * not count; a list without any box proves nothing and fails. */
import type { Nodes } from 'mdast'
import { z } from 'zod'
import type { CheckContext, Checker, CheckResult } from '../core/check.ts'
import { excerptCharsMax } from '../core/check.ts'
import { sha256 } from '../lib/digest.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { walkFiles } from '../lib/glob.ts'
import { parseBlocks } from '../lib/markdown.ts'
import { nameField, pathField, pathLine, quotedIfNeeded } from './fields.ts'
import { aborted, fail, failedToLook, findInside, type Looked, pass, readTextInside } from './look.ts'

const markdownBytesMax = 128 * 1024
const filesMax = 50
const entriesMax = 10_000

const schema = z
  .strictObject({ kind: z.literal('checklist'), name: nameField, path: pathField })
  .meta({ id: 'CheckChecklist', description: 'All boxes of a markdown file or an OpenSpec change are ticked.' })

export interface Box {
  ticked: boolean
  line: number
  text: string
}

export const checklist: Checker<'checklist', typeof schema> = {
  kind: 'checklist',
  schema,
  words: ['checklist'],
  runsCommand: false,
  parseLine: pathLine,
  describe: (spec) => `checklist: ${quotedIfNeeded(spec.path)}`,
  async run(spec, context) {
    const files = await listFiles(context, spec.path)
    if (!files.ok) return files.result
    const boxes: (Box & { path: string })[] = []
    const digests: string[] = []
    for (const path of files.value) {
      const read = await readTextInside(context, path, markdownBytesMax)
      if (!read.ok) return read.result
      const found = boxesOf(read.value.text)
      if (!found) return failedToLook({ subject: path, summary: `${path} is nested too deep to be read.` })
      boxes.push(...found.map((box) => ({ ...box, path })))
      digests.push(read.value.sha256)
    }
    const [only = ''] = digests
    return judge(spec.path, boxes, digests.length === 1 ? only : sha256(digests.join('\n')))
  },
}

function judge(subject: string, boxes: readonly (Box & { path: string })[], digest: string): CheckResult {
  const open = boxes.filter((box) => !box.ticked)
  const facts = { ticked: boxes.length - open.length, boxes: boxes.length }
  const seen = { subject, sha256: digest, facts }
  if (boxes.length === 0) return fail({ ...seen, summary: `${subject} has no boxes to tick.` })
  const summary = `${facts.ticked} of ${facts.boxes} boxes of ${subject} are ticked.`
  if (open.length === 0) return pass({ ...seen, summary })
  const lines = open.map((box) => `${box.path}:${box.line}: [ ] ${box.text}`).join('\n')
  return fail({ ...seen, summary, excerpt: excerptOf(lines, excerptCharsMax) })
}

/** The file itself, or each `tasks.md` below the folder, in order. */
async function listFiles(context: CheckContext, path: string): Promise<Looked<string[]>> {
  const found = await findInside(context, path)
  if (!found.ok) return found
  if (!found.value?.stat.isDirectory()) return { ok: true, value: [path] }
  const files: string[] = []
  const limits = { entriesMax, signal: context.signal, skip: ['.git', 'node_modules'] }
  const end = await walkFiles(found.value.real, limits, (inner) => {
    if (inner === 'tasks.md' || inner.endsWith('/tasks.md')) files.push(`${path.replace(/\/+$/, '')}/${inner}`)
  })
  if (end === 'aborted') return { ok: false, result: aborted(path) }
  if (end === 'unreadable') {
    return { ok: false, result: failedToLook({ subject: path, summary: `A folder in ${path} cannot be read.` }) }
  }
  if (end === 'too-many' || files.length > filesMax) {
    return { ok: false, result: failedToLook({ subject: path, summary: `${path} holds too many files.` }) }
  }
  if (files.length === 0) return { ok: false, result: fail({ subject: path, summary: `${path} has no tasks.md.` }) }
  return { ok: true, value: files.sort() }
}

/** Null when it is nested deeper than any person writes. */
export function boxesOf(markdown: string): Box[] | null {
  const tree = parseBlocks(markdown)
  if (!tree) return null
  const boxes: Box[] = []
  collect(tree, markdown.split('\n'), boxes)
  return boxes
}

function collect(node: Nodes, lines: readonly string[], boxes: Box[]): void {
  if (node.type === 'listItem' && typeof node.checked === 'boolean') {
    const line = node.position?.start.line ?? 1
    const text = (lines[line - 1] ?? '').replace(/^.*?\[[ xX]\]\s*/, '').trim()
    boxes.push({ ticked: node.checked, line, text: text.slice(0, 200) })
  }
  if ('children' in node) for (const child of node.children) collect(child, lines, boxes)
}
