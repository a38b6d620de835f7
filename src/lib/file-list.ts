/** Names of the files of a folder as ripgrep lists them, ignore rules honoured: a bounded part, within a moment. */
import { rgPath } from '@vscode/ripgrep'
import { runCommand } from './process.ts'

const timeoutMs = 2_000
const bytesMax = 2 * 1024 * 1024

export async function listFiles(
  folder: string,
  { env, owner, max }: { env: Readonly<Record<string, string>>; owner: string; max: number },
): Promise<string[]> {
  const outcome = await runCommand({
    argv: [rgPath, '--no-config', '--files', '--no-messages', '--null', '--glob', '!.git'],
    ...{ cwd: folder, env, owner, timeoutMs, stdoutOnly: true, keepBackground: true },
    // Twice, because the first half of what is kept must hold all of it.
    outputBytesMax: 2 * bytesMax,
  })
  const names = outcome.output.slice(0, bytesMax).split('\0')
  // What was cut off is no name.
  names.pop()
  return names.slice(0, max).sort()
}
