/** The tools there are. A new one is one file and one line here. */
import { z } from 'zod'
import type { AnyTool } from '../../core/tool.ts'
import { bashSettingsSchema, createBash } from './bash.ts'
import { edit, multiedit } from './edit.ts'
import { glob } from './glob.ts'
import { grep } from './grep.ts'
import { read } from './read.ts'
import { createWebFetch, webSettingsSchema } from './web-fetch.ts'
import { write } from './write.ts'

export const toolSettingsSchema = z.strictObject({
  bash: bashSettingsSchema.prefault({}),
  web: webSettingsSchema.prefault({}),
})
export type ToolSettings = z.output<typeof toolSettingsSchema>

export const createTools = (settings: ToolSettings = toolSettingsSchema.parse({})): AnyTool[] => [
  read,
  write,
  edit,
  multiedit,
  glob,
  grep,
  ...createBash(settings.bash),
  createWebFetch(settings.web),
]
