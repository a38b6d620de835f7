/** The bytes of a file differ from those at the start of the task. A touched file is not a changed one. */
import { z } from 'zod'
import type { Checker } from '../core/check.ts'
import { digestInside } from '../lib/digest.ts'
import { nameField, pathField, pathLine, quotedIfNeeded } from './fields.ts'
import { fail, failedToLook, findInside, pass, unreadable } from './look.ts'

const schema = z
  .strictObject({ kind: z.literal('file_changed'), name: nameField, path: pathField })
  .meta({ id: 'CheckFileChanged', description: 'The bytes of a file differ from those at the start of the task.' })

export const fileChanged: Checker<'file_changed', typeof schema> = {
  kind: 'file_changed',
  schema,
  words: ['changed'],
  runsCommand: false,
  parseLine: pathLine,
  describe: (spec) => `changed: ${quotedIfNeeded(spec.path)}`,
  baseline: (spec) => [spec.path],
  async run(spec, context) {
    const subject = spec.path
    const found = await findInside(context, subject)
    if (!found.ok) return found.result
    const before = Object.hasOwn(context.baseline, subject) ? context.baseline[subject] : undefined
    if (before === undefined) {
      return failedToLook({ subject, summary: `What ${subject} was at the start of the task was not noted.` })
    }
    try {
      const now = await digestInside(context.workspace, subject, context.signal)
      const facts = { before: before ?? 'absent', now: now ?? 'absent' }
      if (now === null) return fail({ subject, summary: `${subject} is not there as a file.`, facts })
      const evidence = { subject, sha256: now, facts, ...(found.value ? { sizeBytes: found.value.stat.size } : {}) }
      if (before === now) return fail({ ...evidence, summary: `${subject} is as it was at the start of the task.` })
      return pass({ ...evidence, summary: `${subject} ${before === null ? 'was added' : 'has changed'}.` })
    } catch (error) {
      return unreadable(subject, error)
    }
  },
}
