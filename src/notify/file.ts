/**
 * One JSON file per event in a folder. The name belongs to the event, so a repeated delivery finds its own file and
 * writes nothing; a reader sees whole files only. Never deletes.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { matchesEvent } from '../core/event.ts'
import type { Notice, Sink } from '../core/sink.ts'
import { sha256 } from '../lib/digest.ts'
import { errnoOf, writeAtomic } from '../lib/files.ts'
import { eventsField, nameField } from './fields.ts'

export const fileSchema = z
  .strictObject({
    kind: z.literal('file'),
    name: nameField,
    dir: z.string().min(1).describe('Folder for the files; made when it is missing.'),
    events: eventsField,
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9._-]{0,60}$/, 'A prefix has letters, digits, dots, dashes and underscores.')
      .default(''),
  })
  .meta({ id: 'FileSink', description: 'Writes one JSON file per event.' })

export function createFileSink(config: z.output<typeof fileSchema>): Sink {
  return {
    id: `file-${config.name ?? sha256(config.dir).slice(0, 12)}`,
    kind: 'file',
    label: `files in ${config.dir}`,
    wants: (event) => matchesEvent(config.events, event.type),
    async deliver(notice) {
      const name = fileNameOf(config.prefix, notice)
      try {
        await writeAtomic(join(config.dir, name), `${JSON.stringify(notice, null, 2)}\n`, { exclusive: true })
        return { kind: 'delivered', detail: name }
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') return { kind: 'delivered', detail: `${name} was there already` }
        const text = `The file ${name} cannot be written to ${config.dir} (${errnoOf(error)}).`
        const problem = { kind: 'notify-file', text, todo: 'See that the folder is there, writable and not full.' }
        return { kind: 'refused', retry: true, afterMs: null, problem }
      }
    },
  }
}

/** Sorts by time; `seq` makes it unique in a log, also for events of the same millisecond. */
export function fileNameOf(prefix: string, notice: Notice): string {
  const time = notice.timestamp_iso.replace(/[-:]/g, '')
  return `${prefix}${time}-${String(notice.store_version).padStart(9, '0')}-${notice.event}.json`
}
