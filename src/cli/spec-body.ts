/**
 * A spec file as the body of a request: read here, so that its paths mean this folder and its problems name its lines.
 */
import { isAbsolute, resolve } from 'node:path'
import { readSpecFile } from '../config.ts'
import { type Shell, UsageError } from './program.ts'

export function specBody(path: string, shell: Shell): Record<string, unknown> {
  const spec = readSpecFile(path)
  if (!spec.ok) throw new UsageError(...spec.problems)
  const { workspace = '.' } = spec.value
  const asItIs = isAbsolute(workspace) || workspace === '~' || workspace.startsWith('~/')
  return { ...spec.value, workspace: asItIs ? workspace : resolve(shell.cwd, workspace) }
}
