/**
 * Commands that run others: what is inside of them, or that nobody can tell. A table of the known ones; it runs and
 * looks up nothing.
 */
import { gitInside } from './git-runs.ts'
import { arbitrary, type Inside, inside, nothing } from './inside.ts'
import { programs } from './programs.ts'
import { isLiteral, unknown } from './words.ts'

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
  /** Behind it stands a text of the shell. */
  shell?: RegExp
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
  flock: { flags: 'sxnuoF', valued: ['-w', '--timeout', '-E'], operands: 1, shell: /^(-c|--comm?a?n?d?)$/ },
  taskset: { flags: 'ac', long: ['--all-tasks', '--cpu-list'], operands: 1 },
  chrt: { flags: 'abdfiorR', long: ['--batch', '--fifo', '--idle', '--other', '--rr'], operands: 1 },
  choom: { valued: ['-n', '--adjust'] },
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
/** They run a text, a file or the rest of their arguments, in ways that are not worth telling apart. */
const runners = new Set(
  (
    'parallel watch script su runuser chroot unshare nsenter setpriv strace ltrace gdb expect at batch prlimit ' +
    'setarch linux32 linux64 i386 x86_64 uname26 uclampset run-parts start-stop-daemon systemd-run ssh-agent ' +
    'dbus-run-session dbus-launch sshpass xvfb-run fakeroot faketime proot firejail bwrap capsh pkexec runcon gosu ' +
    'numactl cgexec valgrind perf rr rlwrap unbuffer chronic hyperfine entr watchexec nodemon concurrently tmux ' +
    'screen dtach socat nc ncat netcat crontab xterm vi vim view rvim nvim gvim ex ed red emacs dc m4'
  ).split(' '),
)
const loaders = /^ld(-linux[\w.-]*)?\.so/

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
  if (otherShells.test(name) || runners.has(name) || loaders.test(name)) return arbitrary
  if (interpreters.test(name)) return interpreted(rest)
  return Object.hasOwn(known, name) ? (known[name]?.(rest) ?? nothing) : nothing
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
  if (shape.shell?.test(command[0] ?? '')) {
    return command.every(isLiteral) ? inside({ transparent: true, texts: command.slice(1, 2) }) : arbitrary
  }
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
    if (/^[-+][a-zA-Z]+$/.test(word)) {
      // What comes from the input is run; each `o` takes a word of its own.
      if (/^-.*s/.test(word)) return arbitrary
      takesText ||= /^-.*c/.test(word)
      at += word.replace(/[^oO]/g, '').length
    } else if (word.startsWith('-') && !['--', '--login', '--norc', '--noprofile', '--posix'].includes(word)) {
      return arbitrary
    } else if (!word.startsWith('-')) {
      return takesText ? inside({ transparent: true, texts: [word] }) : word.startsWith('/dev/') ? arbitrary : nothing
    }
  }
  return arbitrary
}

/** A script by its name is a command like another; code in the line, from a pipe or from nowhere is not. */
function interpreted(words: readonly string[]): Inside {
  if (words.length === 1 && /^(--version|-[vV]|--help|-h)$/.test(words[0] ?? '')) return nothing
  const script = words.find((word) => !word.startsWith('-') || word === '--test')
  if (script === undefined || script.startsWith('/dev/')) return arbitrary
  const isCode = (word: string, at: number) =>
    !isLiteral(word) || codeOption.test(word) || (/^-\w*m$/.test(words[at - 1] ?? '') && codeModule.test(word))
  return words.some(isCode) ? arbitrary : nothing
}
const codeOption =
  /^-(-(eval|print|run)\b|[a-zA-Z]*[ceEpr])|^-$|data:|^eval$|^-\w*m(timeit|pdb|code|c?[pP]rofile|trace)/
/** Modules of Python that run their arguments. */
const codeModule = /^(timeit|pdb|code|c?[pP]rofile|trace)$/

const own: Readonly<Record<string, (words: readonly string[]) => Inside>> = {
  eval: (words) =>
    words.every(isLiteral) ? inside({ transparent: true, texts: [behindDashes(words).join(' ')] }) : arbitrary,
  trap: (words) => {
    const [text = ''] = behindDashes(words)
    return !isLiteral(text) ? arbitrary : /^(-\w*)?$/.test(text) ? nothing : inside({ texts: [text] })
  },
  source: (words) => sourced(words),
  '.': (words) => sourced(words),
  alias: (words) => (words.length > 0 ? arbitrary : nothing),
  hash: (words) => (words.length > 0 ? arbitrary : nothing),
  enable: () => arbitrary,
  bind: () => arbitrary,
  complete: () => arbitrary,
  compgen: () => arbitrary,
  mapfile: (words) => (words.every(isPlainMapfile) ? nothing : arbitrary),
  readarray: (words) => (words.every(isPlainMapfile) ? nothing : arbitrary),
  let: () => arbitrary,
  awk: (words) => (words.every(isPlainAwk) ? nothing : arbitrary),
  gawk: (words) => (words.every(isPlainAwk) ? nothing : arbitrary),
  mawk: (words) => (words.every(isPlainAwk) ? nothing : arbitrary),
  nawk: (words) => (words.every(isPlainAwk) ? nothing : arbitrary),
  'original-awk': (words) => (words.every(isPlainAwk) ? nothing : arbitrary),
  sed: (words) => (isPlainSed(words.filter((word) => !/^(-i|--in-place)/.test(word))) ? nothing : arbitrary),
  find: (words) => findInside(words),
  git: (words) => gitInside(words),
}

const known: Readonly<Record<string, (words: readonly string[]) => Inside>> = { ...programs, ...own }

const sourced = ([file = unknown]: readonly string[]): Inside =>
  isLiteral(file) && !file.startsWith('/dev/') ? nothing : arbitrary

const behindDashes = (words: readonly string[]): readonly string[] => (words[0] === '--' ? words.slice(1) : words)
const isPlainMapfile = (word: string): boolean => isLiteral(word) && !/^-\w*C/.test(word)
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
