/**
 * Commands that run others: what is inside of them, or that nobody can tell. A table of the known ones; it runs and
 * looks up nothing.
 */
import { isLiteral, unknown } from './words.ts'

export interface Inside {
  /** Only a way to start what is inside: that must be allowed, this need not be. */
  transparent: boolean
  commands: { env: string[]; words: string[] }[]
  /** Shell text that is run. */
  texts: string[]
  /** Runs what cannot be read from the line. */
  arbitrary: boolean
  /** The same command in other words, for rules that forbid. */
  also: string[][]
}

const inside = (part: Partial<Inside>): Inside => ({
  ...{ transparent: false, commands: [], texts: [], arbitrary: false, also: [] },
  ...part,
})
const nothing = inside({})
const arbitrary = inside({ arbitrary: true })

interface Shape {
  /** Letters of options without a value, and long ones. */
  flags?: string
  long?: readonly string[]
  valued?: readonly string[]
  /** Words before the command. */
  operands?: number
  /** It lends other rights or another place: to be allowed by its own name too. */
  opaque?: boolean
  /** Options that make it only say what it would run. */
  asks?: readonly string[]
  appends?: boolean
}

const starters: Readonly<Record<string, Shape>> = {
  nohup: {},
  builtin: {},
  setsid: { flags: 'cfw', long: ['--fork', '--wait', '--ctty'] },
  timeout: {
    flags: 'fpv',
    long: ['--foreground', '--preserve-status', '--verbose'],
    valued: ['-k', '--kill-after', '-s', '--signal'],
    operands: 1,
  },
  nice: { flags: '0123456789', valued: ['-n', '--adjustment'] },
  ionice: { flags: 't', valued: ['-c', '-n', '--class', '--classdata'] },
  stdbuf: { valued: ['-i', '-o', '-e', '--input', '--output', '--error'] },
  time: { flags: 'pv', valued: ['-f', '--format'] },
  command: { flags: 'p', asks: ['-v', '-V'] },
  exec: { flags: 'cl', valued: ['-a'] },
  flock: { flags: 'sxnuoF', valued: ['-w', '--timeout', '-E'], operands: 1 },
  sudo: { flags: 'nEHSkbiPA', valued: ['-u', '-g', '-p', '-C', '-h', '-U', '-D'], opaque: true },
  doas: { flags: 'nL', valued: ['-u'], opaque: true },
  busybox: { opaque: true },
  toybox: { opaque: true },
  xargs: {
    flags: '0rtx',
    long: ['--null', '--no-run-if-empty', '--verbose', '--exit'],
    valued: ['-n', '-I', '-P', '-L', '-d', '-s', '-E', '-a', '--max-args', '--max-procs', '--delimiter', '--arg-file'],
    appends: true,
  },
}

const shells = /^(ba|da|a|k|mk)?sh$/
const otherShells = /^(zsh|fish|csh|tcsh|pwsh|powershell|nu|xonsh|elvish)$/
const interpreters = /^(python|pypy|node|nodejs|perl|ruby|php|lua|luajit|deno|bun|tclsh|Rscript|osascript|guile)[\d.]*$/
/** They run a text of their arguments in ways that are not worth telling apart. */
const runners = /^(parallel|watch|script|su|runuser|chroot|unshare|nsenter|setpriv|strace|ltrace|gdb|expect|at|batch)$/

/** By its last part: `/bin/rm` is `rm` for who forbids it. */
export const baseName = (word: string): string => word.slice(word.lastIndexOf('/') + 1)

export function insideOf(words: readonly string[]): Inside {
  const [first = '', ...rest] = words
  if (!isLiteral(first)) return arbitrary
  const name = baseName(first)
  const shape = starters[name]
  if (shape && Object.hasOwn(starters, name)) return started(shape, rest)
  if (name === 'env') return envInside(rest)
  if (shells.test(name)) return shellInside(rest)
  if (otherShells.test(name) || runners.test(name)) return arbitrary
  if (interpreters.test(name)) return interpreted(rest)
  return own[name] && Object.hasOwn(own, name) ? own[name](rest) : nothing
}

/** Where the command begins behind the options, or null when they cannot be read. */
function commandAt(words: readonly string[], { flags = '', long = [], valued = [] }: Shape): number | null {
  let at = 0
  for (; words[at]?.startsWith('-') || !isLiteral(words[at] ?? ''); at++) {
    const word = words[at] ?? ''
    if (!isLiteral(word)) return null
    if (word === '--') return at + 1
    const cut = word.startsWith('--') ? word.split('=')[0] : word.slice(0, 2)
    if (valued.includes(word)) at++
    else if (valued.includes(cut ?? '') || long.includes(word)) continue
    else if (!/^-\w+$/.test(word) || [...word.slice(1)].some((letter) => !flags.includes(letter))) return null
  }
  return at
}

function started(shape: Shape, words: readonly string[]): Inside {
  if (shape.asks?.includes(words[0] ?? '')) return nothing
  const begin = commandAt(words, shape)
  if (begin === null) return arbitrary
  const at = begin + (shape.operands ?? 0)
  if (!words.slice(begin, at).every(isLiteral)) return arbitrary
  const command = words.slice(at)
  if (command.length === 0) return nothing
  const whole = shape.appends ? withInput(words.slice(0, begin), command) : command
  return inside({ transparent: !shape.opaque, commands: [{ env: [], words: whole }] })
}

/** What comes from the input stands behind the command, or wherever the mark of `-I` does. */
function withInput(options: readonly string[], command: readonly string[]): string[] {
  const at = options.findLastIndex((word) => word.startsWith('-I'))
  const mark = options[at]?.slice(2) || options[at + 1] || ''
  return at < 0 || mark === '' ? [...command, unknown] : command.map((word) => word.replaceAll(mark, unknown))
}

function envInside(words: readonly string[]): Inside {
  const begin = commandAt(words, { flags: 'i0v', long: ['--ignore-environment'], valued: ['-u', '--unset'] })
  if (begin === null) return arbitrary
  let at = begin
  while (/^\w+=/.test(words[at] ?? '')) at++
  if (at >= words.length) return nothing
  return inside({ transparent: true, commands: [{ env: words.slice(begin, at), words: words.slice(at) }] })
}

/** `-c` with a text that can be read is read; what comes from a pipe or a variable is not. */
function shellInside(words: readonly string[]): Inside {
  let takesText = false
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (!isLiteral(word)) return arbitrary
    if (word === '-o' || word === '+o' || word === '-O') at++
    else if (/^[-+][a-zA-Z]+$/.test(word)) takesText ||= word.startsWith('-') && word.includes('c')
    else if (word.startsWith('-') && !['--', '--login', '--norc', '--noprofile', '--posix'].includes(word)) {
      return arbitrary
    } else if (!word.startsWith('-')) {
      return takesText ? inside({ transparent: true, texts: [word] }) : word.startsWith('/dev/') ? arbitrary : nothing
    }
  }
  return arbitrary
}

/** A script by its name is a command like another; code in the line, from a pipe or from nowhere is not. */
function interpreted(words: readonly string[]): Inside {
  const [first] = words
  if (first === undefined || !isLiteral(first)) return arbitrary
  if (/^(--version|-V|--help|-h)$/.test(first) && words.length === 1) return nothing
  const isCode = words.some((word) => !isLiteral(word) || /^-(-(eval|print|run)\b|[a-zA-Z]*[ceEpr])|^-$/.test(word))
  return isCode ? arbitrary : nothing
}

const own: Readonly<Record<string, (words: readonly string[]) => Inside>> = {
  eval: (words) => (words.every(isLiteral) ? inside({ transparent: true, texts: [words.join(' ')] }) : arbitrary),
  trap: ([text = '']) => (!isLiteral(text) ? arbitrary : /^(-\w*)?$/.test(text) ? nothing : inside({ texts: [text] })),
  source: (words) => sourced(words),
  '.': (words) => sourced(words),
  alias: (words) => (words.length > 0 ? arbitrary : nothing),
  hash: (words) => (words.length > 0 ? arbitrary : nothing),
  enable: () => arbitrary,
  bind: () => arbitrary,
  complete: () => arbitrary,
  compgen: () => arbitrary,
  mapfile: (words) => (words.some((word) => word.startsWith('-C') || !isLiteral(word)) ? arbitrary : nothing),
  readarray: (words) => (words.some((word) => word.startsWith('-C') || !isLiteral(word)) ? arbitrary : nothing),
  let: () => arbitrary,
  awk: (words) => (words.every(isPlainAwk) ? nothing : arbitrary),
  gawk: (words) => (words.every(isPlainAwk) ? nothing : arbitrary),
  mawk: (words) => (words.every(isPlainAwk) ? nothing : arbitrary),
  sed: (words) => (isPlainSed(words.filter((word) => !/^(-i|--in-place)/.test(word))) ? nothing : arbitrary),
  find: (words) => findInside(words),
  git: (words) => gitInside(words),
}

const sourced = ([file = unknown]: readonly string[]): Inside =>
  isLiteral(file) && !file.startsWith('/dev/') ? nothing : arbitrary

const isPlainAwk = (word: string): boolean => isLiteral(word) && !/system|getline|[|>@]|^-[feilEL]/.test(word)
/** The plainest scripts alone: no `e` that runs, no `w` that writes, no file of commands. */
export function isPlainSed(words: readonly string[]): boolean {
  const [script = '', ...files] = words.filter((word) => !/^(-[nErsu]+|--(quiet|silent|regexp-extended))$/.test(word))
  return plainScript.test(script) && files.every((file) => isLiteral(file) && !file.startsWith('-'))
}
const printing = /(?:\$|\d+(?:,(?:\d+|\$))?)?[pdq=]|\/[^/;{}\n]*\/[pd]/
const replacing = /s([^\w\s\\])(?:\\.|(?!\1)[^;{}\n\\])*\1(?:\\.|(?!\1)[^;{}\n\\])*\1[gpIi\d]*/
const plainScript = new RegExp(`^(?:${printing.source}|${replacing.source})$`)

function findInside(words: readonly string[]): Inside {
  const commands: Inside['commands'] = []
  for (let at = 0; at < words.length; at++) {
    if (!isLiteral(words[at] ?? '')) return arbitrary
    if (!/^-(exec|execdir|ok|okdir)$/.test(words[at] ?? '')) continue
    const end = words.findIndex((word, index) => index > at && (word === ';' || word === '+'))
    if (end < 0) return arbitrary
    const inner = words.slice(at + 1, end).map((word) => word.replaceAll('{}', unknown))
    commands.push({ env: [], words: inner })
    at = end
  }
  return inside({ commands })
}

const plainSettings = /^(user\.(name|email)|color\.\w+|core\.quotepath|advice\.\w+|init\.defaultbranch)=/i

/** Global options stand before the verb; some of them, and some verbs, run commands. */
function gitInside(words: readonly string[]): Inside {
  const texts: string[] = []
  let at = 0
  for (; words[at]?.startsWith('-'); at++) {
    const word = words[at] ?? ''
    if (word === '-c') {
      const setting = words[++at] ?? ''
      const alias = /^alias\.[^=]+=!(.*)$/s.exec(setting)?.[1]
      if (alias !== undefined && isLiteral(setting)) texts.push(alias)
      else if (!plainSettings.test(setting) || !isLiteral(setting)) return arbitrary
    } else if (['-C', '--git-dir', '--work-tree', '--namespace'].includes(word)) at++
    else if (/^--(exec-path=|config-env)|^-\w./.test(word)) return arbitrary
  }
  const verb = words.slice(at)
  const isRunner =
    ['filter-branch', 'difftool', 'mergetool', 'send-email'].includes(verb[0] ?? '') ||
    /^(bisect run|submodule foreach)/.test(verb.slice(0, 2).join(' ')) ||
    verb.some((word) => /^(-x|--exec|--upload-pack|--receive-pack|--extcmd)(=|$)/.test(word))
  if (verb.length > 0 && !isLiteral(verb[0] ?? '')) return arbitrary
  return inside({ texts, arbitrary: isRunner, also: at > 0 ? [['git', ...verb]] : [] })
}
