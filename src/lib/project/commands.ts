/**
 * The commands by which a project tests, type-checks and lints itself, found in its files. Those whose program is
 * missing are left out: a check that cannot look says nothing.
 */
import { type CommandKind, Folder, type ProjectCommand } from './folder.ts'
import { javascriptCommands } from './javascript.ts'
import { goCommands, javaCommands, pythonCommands, rustCommands } from './languages.ts'

export type { ProjectCommand } from './folder.ts'

export const commandsMax = 6

const languages = [javascriptCommands, pythonCommands, rustCommands, goCommands, javaCommands]
const kinds: readonly CommandKind[] = ['test', 'types', 'lint']

/** Tests first, at most `commandsMax`. */
export async function findCommands(workspace: string, path: string): Promise<ProjectCommand[]> {
  const folder = new Folder(workspace, path)
  const found = (await Promise.all(languages.map((find) => find(folder)))).flat()
  const known = new Set(found.map(({ kind }) => kind))
  // A recipe for what a language's own tools already do would most often only call them.
  for (const recipe of await recipes(folder)) {
    if (!known.has(recipe.kind)) found.push(recipe)
    known.add(recipe.kind)
  }
  return kinds.flatMap((kind) => found.filter((command) => command.kind === kind)).slice(0, commandsMax)
}

const targets: Readonly<Record<string, CommandKind>> = {
  test: 'test',
  tests: 'test',
  check: 'test',
  typecheck: 'types',
  lint: 'lint',
}

const files: readonly { program: string; names: readonly string[]; target: (name: string) => RegExp }[] = [
  {
    program: 'make',
    names: ['GNUmakefile', 'Makefile', 'makefile'],
    target: (name) => new RegExp(`^${name}(?:[ \\t][^:=\\n]*)?::?(?!=)`, 'm'),
  },
  {
    program: 'just',
    names: ['justfile', '.justfile', 'Justfile'],
    target: (name) => new RegExp(`^@?${name}(?:[ \\t][^:=\\n]*)?:(?!=)`, 'm'),
  },
]

async function recipes(folder: Folder): Promise<ProjectCommand[]> {
  const found: ProjectCommand[] = []
  for (const { program, names, target } of files) {
    const file = await folder.firstOf(names)
    const text = file === null ? null : await folder.text(file)
    if (text === null || !(await folder.program(program))) continue
    for (const [name, kind] of Object.entries(targets)) {
      if (!target(name).test(text)) continue
      found.push({ kind, run: `${program} ${name}`, because: `the recipe ${name} in ${file}` })
    }
  }
  return found
}
