/** Writes a whole file. It does not overwrite what this session has not read. */
import { z } from 'zod'
import type { Tool } from '../../core/tool.ts'
import { changesFile, filePath, openToChange, writeChange } from './text-file.ts'

const schema = z.strictObject({
  file_path: filePath,
  content: z.string().describe('The whole new content.'),
})

export const write: Tool<typeof schema> = {
  name: 'write',
  description:
    'Writes a whole file, with its folders. An existing file must have been read in this session first. ' +
    'To change a part of a file use edit.',
  schema,
  ...changesFile,
  async run(input, context) {
    const opened = await openToChange(context, input.file_path)
    if ('refused' in opened) return opened.refused
    const { place, before } = opened
    const after = before?.crlf ? input.content.replaceAll('\r\n', '\n') : input.content
    const lines = after === '' ? 0 : after.replace(/\n$/, '').split('\n').length
    return writeChange(context, { place, before, after }, `Wrote ${place.shown}: ${lines} lines`)
  },
}
