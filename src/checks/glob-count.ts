/** How many files match a pattern. Symlinks are not followed; `.git` and `node_modules` are not entered. */
import { z } from 'zod'
import type { Checker } from '../core/check.ts'
import { sha256 } from '../lib/digest.ts'
import { globMatcher, walkFiles } from '../lib/glob.ts'
import { firstWord, globField, nameField, quotedIfNeeded } from './fields.ts'
import { aborted, fail, failedToLook, pass, resolveInside } from './look.ts'

export const entriesMax = 200_000
export const skippedFolders = ['.git', 'node_modules']
const shownMax = 50

const schema = z
  .strictObject({
    kind: z.literal('glob_count'),
    name: nameField,
    glob: globField,
    /** At least 1 when neither bound is given. */
    min: z.number().int().min(0).optional(),
    max: z.number().int().min(0).optional(),
  })
  .refine((spec) => (spec.min ?? 0) <= (spec.max ?? Number.MAX_SAFE_INTEGER), 'min is above max.')
  .meta({ id: 'CheckGlobCount', description: 'The number of files that match a pattern is within bounds.' })

type Bounds = { min?: number | undefined; max?: number | undefined }

export const globCount: Checker<'glob_count', typeof schema> = {
  kind: 'glob_count',
  schema,
  words: ['count'],
  runsCommand: false,
  parseLine(line) {
    const [glob, rest] = firstWord(line)
    if (glob === '') return 'A pattern is missing.'
    const bounds = parseBounds(rest)
    return bounds ? { glob, ...bounds } : 'Write the bound as >= 3, <= 3, > 3, < 3 or == 3.'
  },
  describe: (spec) => `count: ${quotedIfNeeded(spec.glob)} ${boundsText(boundsOf(spec))}`,
  async run(spec, context) {
    const subject = spec.glob
    const root = await resolveInside(context, '.')
    if (!root.ok) return root.result
    const matches = globMatcher([spec.glob])
    const found: string[] = []
    const end = await walkFiles(root.value, { entriesMax, signal: context.signal, skip: skippedFolders }, (path) => {
      if (matches(path)) found.push(path)
    })
    if (end === 'aborted') return aborted(subject)
    if (end === 'unreadable') return failedToLook({ subject, summary: 'A folder of the workspace cannot be read.' })
    if (end === 'too-many') {
      return failedToLook({ subject, summary: `The workspace has more than ${entriesMax} entries.` })
    }
    found.sort()
    const { min = 0, max = Number.POSITIVE_INFINITY } = boundsOf(spec)
    const summary = `${found.length} files match ${subject}; expected ${boundsText(boundsOf(spec))}.`
    const excerpt = found.slice(0, shownMax).join('\n')
    const evidence = { subject, summary, excerpt, sha256: sha256(found.join('\n')), facts: { count: found.length } }
    return found.length >= min && found.length <= max ? pass(evidence) : fail(evidence)
  },
}

const boundsOf = ({ min, max }: Bounds): Bounds => (min === undefined && max === undefined ? { min: 1 } : { min, max })

function boundsText({ min, max }: Bounds): string {
  if (min === max) return `== ${min}`
  return [min === undefined ? '' : `>= ${min}`, max === undefined ? '' : `<= ${max}`].filter(Boolean).join(' ')
}

function parseBounds(text: string): Bounds | null {
  if (text === '') return {}
  const match = /^(>=|<=|==|=|>|<)\s*(\d{1,9})(?:\s+<=\s*(\d{1,9}))?$/.exec(text)
  if (!match) return null
  const count = Number(match[2])
  if (match[3] !== undefined) return match[1] === '>=' ? { min: count, max: Number(match[3]) } : null
  if (match[1] === '>=') return { min: count }
  if (match[1] === '<=') return { max: count }
  if (match[1] === '>') return { min: count + 1 }
  return match[1] === '<' ? { max: count - 1 } : { min: count, max: count }
}
