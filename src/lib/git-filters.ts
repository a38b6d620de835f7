/** What a repository's own configuration would have git execute, as settings that switch it off. Pure; runs nothing. */

const filterKey = /^(filter\..*\.(clean|smudge|process|required)|diff\..*\.(textconv|command))$/s
const driverKey = /^merge\..*\.driver$/s

export interface ConfigKey {
  scope: string
  key: string
}

/** Of `git config --list --show-scope --name-only -z`. */
export function configKeys(listed: string): ConfigKey[] {
  const words = listed.split('\0')
  const keys: ConfigKey[] = []
  for (let i = 0; i + 1 < words.length; i += 2) keys.push({ scope: words[i] ?? '', key: words[i + 1] ?? '' })
  return keys
}

export const isOwnScope = ({ scope }: ConfigKey): boolean => scope === 'local' || scope === 'worktree'

/** The first key that names a program and that no setting can reach, because of its name. */
export const unreachableKey = (keys: readonly ConfigKey[]): string | null =>
  keys.find(({ key }) => (filterKey.test(key) || driverKey.test(key)) && key.includes('='))?.key ?? null

/** Filters, text conversions and diff drivers emptied; what a filter was required for passes as it is. */
export const filtersEmptied = (keys: readonly ConfigKey[]): string[] =>
  keys.flatMap(({ key }) => (filterKey.test(key) ? [key.endsWith('.required') ? `${key}=false` : `${key}=`] : []))

/** As above, but a file whose filter is required is refused: stored as it lies there, it might be a secret in plain. */
export const filtersRefused = (keys: readonly ConfigKey[]): string[] =>
  filtersEmptied(keys).filter((setting) => !setting.endsWith('.required=false'))

/** A driver that always fails is a conflict; an empty one would pass for a merge that takes our side. */
export const driversRefused = (keys: readonly ConfigKey[]): string[] =>
  keys.flatMap(({ key }) => (driverKey.test(key) ? [`${key}=false`] : []))
