/** Nothing is there, not even a broken symlink. */
import { lstat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import type { Checker } from '../core/check.ts'
import { errnoOf } from '../lib/files.ts'
import { nameField, pathField, pathLine, quotedIfNeeded } from './fields.ts'
import { fail, kindOf, pass, resolveInside, unreadable } from './look.ts'

const schema = z
  .strictObject({ kind: z.literal('file_absent'), name: nameField, path: pathField })
  .meta({ id: 'CheckFileAbsent', description: 'A path of the workspace does not exist.' })

export const fileAbsent: Checker<'file_absent', typeof schema> = {
  kind: 'file_absent',
  schema,
  words: ['no file', 'absent'],
  runsCommand: false,
  parseLine: pathLine,
  describe: (spec) => `no file: ${quotedIfNeeded(spec.path)}`,
  async run(spec, context) {
    const subject = spec.path
    // The name itself is judged, so only its folder is resolved: a symlink of that name is something that is there.
    const folder = await resolveInside(context, dirname(subject))
    if (!folder.ok) return folder.result
    try {
      const stat = await lstat(join(folder.value, basename(subject)))
      const is = stat.isSymbolicLink() ? 'a symlink' : kindOf(stat)
      return fail({ subject, summary: `${subject} is still there (${is}).`, sizeBytes: stat.size })
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) {
        return pass({ subject, summary: `${subject} does not exist.` })
      }
      return unreadable(subject, error)
    }
  },
}
