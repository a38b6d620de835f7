/**
 * The proof that a shell line only reads: by a list of commands and options that do, never by one of those that do not.
 */
import { commandsOf, type Reading, type SimpleCommand } from './shell.ts'
import { isLiteral } from './words.ts'
import { isPlainSed } from './wrappers.ts'

/** Any option of these only reads. */
const readers = new Set(
  (
    'ls cat wc head tail pwd echo true false basename dirname realpath readlink stat du df cut tr nl tac rev fold ' +
    'comm diff cmp md5sum sha1sum sha256sum cksum grep egrep fgrep jq which id whoami uname date test [ seq printf cd'
  ).split(' '),
)

/** Syntax that neither computes nor changes a variable behind a reader's back. */
const plainKinds = new Set(
  (
    'Script Statement AndOr Pipeline Negation Command CompoundList If Elif For While Subshell ' +
    'BraceGroup Word Literal Glob SingleQuoted DoubleQuoted AnsiCQuoted SimpleExpansion ParameterExpansion ' +
    'CommandExpansion BraceExpansion Redirect HereString HereDoc HereDocBody HereDocDelimiter FileDescriptor ' +
    'Assignment Redirected'
  ).split(' '),
)

const quietVariables = /^([a-z_][a-z0-9_]*|LC_[A-Z]+|LANG|NO_COLOR|TZ|COLUMNS)$/

export const isProvenReadOnly = (line: string): boolean => onlyReads(commandsOf(line))

export function onlyReads(reading: Reading): boolean {
  if (!reading.ok || reading.functions.length > 0 || reading.commands.length === 0) return false
  if (![...reading.kinds].every((kind) => plainKinds.has(kind))) return false
  if (!reading.variables.every((name) => quietVariables.test(name))) return false
  return reading.commands.every(reads)
}

function reads({ words, env, redirects }: SimpleCommand): boolean {
  if (redirects.some(({ kind, target }) => kind === 'write' || !isLiteral(target) || target.startsWith('/dev/'))) {
    return false
  }
  if (!env.every((text) => isLiteral(text) && quietVariables.test(text.split('=')[0] ?? ''))) return false
  const [name, ...rest] = words
  if (name === undefined) return true
  if (!isLiteral(name)) return false
  const limits = limited[name]
  if (limits !== undefined && Object.hasOwn(limited, name)) return limits(rest)
  return readers.has(name)
}

const without =
  (refused: RegExp) =>
  (words: readonly string[]): boolean =>
    words.every((word) => isLiteral(word) && !refused.test(word))

const gitReaders: Readonly<Record<string, RegExp>> = {
  status: /^$/,
  log: /^$/,
  show: /^$/,
  diff: /^$/,
  blame: /^$/,
  'ls-files': /^$/,
  'ls-tree': /^$/,
  'rev-parse': /^$/,
  'merge-base': /^$/,
  shortlog: /^$/,
  describe: /^$/,
  'cat-file': /^--(textconv|filters)/,
}
const gitRunners = /^(--ou|--ext|--textc|--open|-O|--filters|--show-sig|--contents)|%G/

/** Commands that only read without certain options; these may be cut short, so each is refused by its start. */
const limited: Readonly<Record<string, (words: readonly string[]) => boolean>> = {
  find: without(/^-(exec|ok|delete|fprint|fls|files0)/),
  sort: without(/^-[a-zA-Z0-9]*[oTS]|^--(o|t|comp|bat|buf|files)/),
  uniq: (words) => words.every(isLiteral) && words.filter((word) => !word.startsWith('-')).length <= 1,
  tree: without(/^-\w*o/),
  file: without(/^-\w*C|^--compile/),
  rg: without(/^--(pre|hostname-bin|search-zip)|^-\w*z/),
  sed: isPlainSed,
  date: without(/^-\w*s|^--s/),
  // `%n` sets a variable, whose index bash would compute.
  printf: without(/^-v|%[^%]*n|\[/),
  test: without(/^-v$|[[\]$`]/),
  '[': (words) => words.at(-1) === ']' && without(/^-v$|[[$`]|.\]/)(words),
  tail: without(/^-\w*[fF]|^--(f|retry|pid)/),
  git: ([verb = '', ...rest]) => {
    const refused = Object.hasOwn(gitReaders, verb) ? gitReaders[verb] : undefined
    return refused !== undefined && without(refused.source === '^$' ? gitRunners : refused)(rest)
  },
}
