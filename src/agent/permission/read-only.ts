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

/** Without options that begin so, and with long ones of the list alone: programs take any of them cut short. */
const plainly =
  (refused: RegExp, long: string) =>
  (words: readonly string[]): boolean => {
    const known = new Set(long.split(' '))
    const isKnown = (word: string) => !/^--./.test(word) || known.has(word.slice(2).split('=')[0] ?? '')
    return without(refused)(words) && words.every(isKnown)
  }

const sorting =
  'check dictionary-order field-separator general-numeric-sort human-numeric-sort ignore-case ignore-leading-blanks ' +
  'key merge month-sort numeric-sort random-sort reverse stable unique version-sort zero-terminated'
const finding =
  'after-context before-context case-sensitive color column context count files files-with-matches ' +
  'files-without-match fixed-strings glob heading hidden iglob ignore-case invert-match json line-number max-count ' +
  'max-depth multiline no-filename no-heading no-ignore no-line-number only-matching pcre2 quiet regexp smart-case ' +
  'sort stats trim type type-list type-not vimgrep with-filename word-regexp'

/**
 * Commands that only read without certain options. git is none of them: the settings and attributes of the repository
 * name programs that it runs to see what changed, to show it, to sign it and to fetch what is missing.
 */
const limited: Readonly<Record<string, (words: readonly string[]) => boolean>> = {
  find: without(/^-(exec|ok|delete|fprint|fls|files0)/),
  sort: plainly(/^-[a-zA-Z0-9]*[oTS]/, sorting),
  // The second file is written.
  uniq: (words) =>
    plainly(/^$/, 'count repeated unique ignore-case skip-fields skip-chars check-chars zero-terminated')(words) &&
    words.filter((word) => !/^-./.test(word)).length + (words.includes('--') ? 1 : 0) <= 1,
  tree: plainly(/^-\w*[oR]/, 'dirsfirst du filelimit gitignore help inodes noreport prune si sort version'),
  file: plainly(/^-\w*[CSzZ]/, 'brief dereference help mime mime-encoding mime-type no-dereference raw version'),
  rg: plainly(/^-\w*z/, finding),
  sed: isPlainSed,
  // A word of its own sets the clock.
  date: (words) =>
    plainly(/^-\w*s/, 'date help iso-8601 reference rfc-2822 rfc-3339 rfc-email universal utc version')(words) &&
    words.every((word, at) => /^[-+]/.test(word) || /^-\w*[dr]$/.test(words[at - 1] ?? '')),
  // `%n` sets a variable, whose index bash would compute.
  printf: without(/^-v|%[^%]*n|\[/),
  test: without(/^-v$|[[\]$`]/),
  '[': (words) => words.at(-1) === ']' && without(/^-v$|[[$`]|.\]/)(words),
  tail: plainly(/^-\w*[fF]/, 'bytes lines quiet silent verbose zero-terminated help version'),
}
