/** The tools there are. A new one is one file and one line here. */
import { z } from 'zod'
import type { AnyTool } from '../../core/tool.ts'
import { formatSettingsSchema } from '../format.ts'
import { askUser } from './ask-user.ts'
import { bashSettingsSchema, createBash } from './bash.ts'
import { edit, multiedit } from './edit.ts'
import { glob } from './glob.ts'
import { grep } from './grep.ts'
import { notebookEdit } from './notebook-edit.ts'
import { read } from './read.ts'
import { createWebFetch, webSettingsSchema } from './web-fetch.ts'
import { createWebSearch, type KeyChain, searchSettingsSchema } from './web-search.ts'
import { workItems } from './work-items.ts'
import { write } from './write.ts'

export const toolSettingsSchema = z.strictObject({
  bash: bashSettingsSchema.prefault({}),
  web: webSettingsSchema.prefault({}),
  format: formatSettingsSchema.prefault({}),
  search: searchSettingsSchema.optional().describe('Without it there is no web_search.'),
})
export type ToolSettings = z.output<typeof toolSettingsSchema>

/** What the tools are given beside their settings. */
export interface Surroundings extends KeyChain {
  /** Host names that agents may reach, as globs; none: every public one. Null: the network is not for them. */
  hosts?: readonly string[] | null
}

function webTools(settings: ToolSettings, { hosts = [], ...keys }: Surroundings): AnyTool[] {
  if (hosts === null) return []
  const search = settings.search ? [createWebSearch(settings.search, keys)] : []
  return [createWebFetch(settings.web, hosts), ...search]
}

export const createTools = (
  settings: ToolSettings = toolSettingsSchema.parse({}),
  around: Surroundings = { env: {} },
): AnyTool[] => [
  read,
  write,
  edit,
  multiedit,
  notebookEdit,
  glob,
  grep,
  ...createBash(settings.bash),
  ...webTools(settings, around),
  askUser,
  workItems,
]
