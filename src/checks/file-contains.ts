/** A text or a pattern occurs in a file. The pattern is hostile until it has ended: size and time are limited. */
import { z } from 'zod'
import type { Checker, CheckResult, Evidence } from '../core/check.ts'
import { excerptCharsMax } from '../core/check.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { type Search, searchText } from '../lib/regex.ts'
import { firstWord, nameField, pathField, quotedIfNeeded, unquoted } from './fields.ts'
import { aborted, fail, failedToLook, fileBytesMax, pass, readTextInside } from './look.ts'

const searchTimeoutMs = 2_000
const contextChars = 200

const schema = z
  .strictObject({
    kind: z.literal('file_contains'),
    name: nameField,
    path: pathField,
    /** Exactly one of `text` and `regex`. */
    text: z.string().min(1).max(10_000).optional(),
    regex: z.string().min(1).max(1_000).optional(),
    /** JavaScript flags of `regex`. */
    flags: z
      .string()
      .regex(/^(?!.*(.).*\1)[imsu]*$/, 'Flags are i, m, s and u, each at most once.')
      .optional(),
  })
  .refine((spec) => (spec.text === undefined) !== (spec.regex === undefined), 'Give either text or regex.')
  .superRefine((spec, context) => {
    const fault = spec.regex === undefined ? null : patternFault(spec.regex, spec.flags)
    if (fault) context.addIssue({ code: 'custom', path: ['regex'], message: fault })
  })
  .meta({ id: 'CheckFileContains', description: 'A text or a regular expression occurs in a file.' })

export const fileContains: Checker<'file_contains', typeof schema> = {
  kind: 'file_contains',
  schema,
  words: ['contains'],
  runsCommand: false,
  parseLine(line) {
    const [path, wanted] = firstWord(line)
    if (wanted === '') return 'Write a path and then "text" or /pattern/.'
    const pattern = /^\/(.+)\/([a-z]*)$/s.exec(wanted)
    if (!pattern) return { path, text: unquoted(wanted) }
    return { path, regex: pattern[1], ...(pattern[2] ? { flags: pattern[2] } : {}) }
  },
  describe: (spec) => `contains: ${quotedIfNeeded(spec.path)} ${wantedOf(spec)}`,
  async run(spec, context) {
    const subject = spec.path
    const read = await readTextInside(context, subject, fileBytesMax)
    if (!read.ok) return read.result
    const { text, sha256, bytes } = read.value
    const seen = { subject, sha256, sizeBytes: bytes.length }
    const wanted = spec.regex === undefined ? (spec.text ?? '') : new RegExp(spec.regex, spec.flags)
    const search = await searchText(wanted, text, { timeoutMs: searchTimeoutMs, signal: context.signal })
    return judge(search, { seen, text, wanted: wantedOf(spec) })
  },
}

function judge(search: Search, where: { seen: Omit<Evidence, 'summary'>; text: string; wanted: string }): CheckResult {
  const { seen, text, wanted } = where
  switch (search.kind) {
    case 'found': {
      const line = text.slice(0, search.index).split('\n').length
      const excerpt = excerptAround(text, search)
      return pass({ ...seen, summary: `${seen.subject} contains ${wanted} (line ${line}).`, excerpt, facts: { line } })
    }
    case 'absent': {
      const excerpt = excerptOf(text, excerptCharsMax)
      return fail({ ...seen, summary: `${seen.subject} does not contain ${wanted}.`, excerpt })
    }
    case 'aborted':
      return aborted(seen.subject)
    case 'timeout':
      return failedToLook({ ...seen, summary: `The search for ${wanted} did not end within ${searchTimeoutMs} ms.` })
    case 'failed':
      return failedToLook({ ...seen, summary: `The search for ${wanted} failed: ${search.text}.` })
  }
}

const wantedOf = (spec: { text?: string | undefined; regex?: string | undefined; flags?: string | undefined }) =>
  spec.regex === undefined ? JSON.stringify(spec.text) : `/${spec.regex}/${spec.flags ?? ''}`

function excerptAround(text: string, match: { index: number; length: number }): string {
  const from = Math.max(0, match.index - contextChars)
  return excerptOf(text.slice(from, match.index + match.length + contextChars), excerptCharsMax)
}

function patternFault(source: string, flags: string | undefined): string | null {
  try {
    new RegExp(source, flags)
    return null
  } catch (error) {
    return error instanceof SyntaxError ? error.message : 'This is not a regular expression.'
  }
}
