/** Something regular is there: a file or a folder. Says nothing about what is in it. */
import { z } from 'zod'
import type { Checker } from '../core/check.ts'
import { digestInside } from '../lib/digest.ts'
import { nameField, pathField, pathLine, quotedIfNeeded } from './fields.ts'
import { fail, fileBytesMax, findInside, kindOf, pass, unreadable } from './look.ts'

const schema = z
  .strictObject({
    kind: z.literal('file_exists'),
    name: nameField,
    path: pathField,
    /** A file of no bytes does not count. */
    not_empty: z.boolean().default(false),
  })
  .meta({ id: 'CheckFileExists', description: 'A file or folder of the workspace exists.' })

export const fileExists: Checker<'file_exists', typeof schema> = {
  kind: 'file_exists',
  schema,
  words: ['file', 'exists'],
  runsCommand: false,
  parseLine: pathLine,
  describe: (spec) => `file: ${quotedIfNeeded(spec.path)}${spec.not_empty ? ' (not empty)' : ''}`,
  async run(spec, context) {
    const subject = spec.path
    const found = await findInside(context, spec.path)
    if (!found.ok) return found.result
    if (!found.value) return fail({ subject, summary: `${subject} does not exist.` })
    const { stat } = found.value
    const is = kindOf(stat)
    if (stat.isDirectory()) return pass({ subject, summary: `${subject} exists and is ${is}.` })
    if (!stat.isFile()) return fail({ subject, summary: `${subject} is ${is}, neither a file nor a folder.` })
    const sizeBytes = stat.size
    if (spec.not_empty && sizeBytes === 0) return fail({ subject, summary: `${subject} is empty.`, sizeBytes })
    try {
      // The digest of a very large file would take longer than the proof is worth.
      const digest = sizeBytes > fileBytesMax ? null : await digestInside(context.workspace, subject, context.signal)
      const summary = `${subject} exists (${sizeBytes} bytes).`
      return pass({ subject, summary, sizeBytes, ...(digest === null ? {} : { sha256: digest }) })
    } catch (error) {
      return unreadable(subject, error)
    }
  },
}
