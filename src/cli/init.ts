/** `openloom init`: writes an openloom.yaml to begin with; never over one that is there. */
import { basename, join, resolve } from 'node:path'
import { ProblemError } from '../core/problem.ts'
import { errnoOf, writeAtomic } from '../lib/files.ts'
import { packageRoot } from '../lib/paths.ts'
import { openModelDesk } from '../parts.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { print, printJson } from './terminal.ts'

export async function init(options: { path?: string; json?: boolean }, shell: Shell): Promise<number> {
  const folder = resolve(shell.cwd, options.path ?? '.')
  const path = resolve(folder, 'openloom.yaml')
  try {
    const offered = await openModelDesk(configOf(shell, {}, 'foreign'), shell.env).detect()
    await writeAtomic(path, template(basename(folder), offered), { exclusive: true })
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    throw new ProblemError({ kind: 'exists', text: `${path} is there already.`, todo: 'Edit it, or remove it first.' })
  }
  if (options.json) printJson({ path })
  else print(`Wrote ${path}.\nEdit the goal and the checks, then run \`openloom watch\`.`)
  return exit.ok
}

const example = `#     - kind: openai
#       name: local
#       base_url: http://127.0.0.1:11434/v1
#       model: qwen2.5-coder`

/** Providers that could be used are offered as comments: a person decides. */
const template = (
  name: string,
  offered: readonly { because: string; yaml: string }[],
): string => `# yaml-language-server: $schema=${join(packageRoot, 'docs/reference/openloom.schema.json')}
# A task for \`openloom watch\`, and (further below) settings for \`openloom serve\`. All keys: openloom config schema
name: ${JSON.stringify(name)}
workspace: .
goal: |
  Say here what is to be done.
checks:
  - "run: npm test"
limits:
  attempts: 3
  minutes: 60

# models:
#   providers:
${offered.map(({ because, yaml }) => `#     ${yaml}   # ${because}`).join('\n') || example}
`
