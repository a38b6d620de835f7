/** Where a program is, by the rules of PATH. Looks, runs nothing. */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, sep } from 'node:path'

/** Full path of an executable file, or null. A command with a slash is a path and is taken as it is. */
export function findBinary(command: string, path: string | undefined): string | null {
  if (command.includes(sep)) return isAbsolute(command) && isProgram(command) ? command : null
  const folders = (path ?? '').split(delimiter).filter((folder) => isAbsolute(folder))
  return folders.map((folder) => join(folder, command)).find(isProgram) ?? null
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Not there, or not ours to run: the same to us.
    return false
  }
}
