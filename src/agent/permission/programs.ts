/**
 * Programs that run a command when an option says so, and those that run the rest of their words. Options may be cut
 * short, and letters may stand among others: what begins so is taken for one. Not all of the world's are known.
 */
import { arbitrary, type Inside, inside, nothing } from './inside.ts'
import { isLiteral } from './words.ts'

type Runs = (words: readonly string[]) => Inside

const when =
  (runs: RegExp): Runs =>
  (words) =>
    words.some((word) => runs.test(word)) ? arbitrary : nothing

/** In the first word of tar and its like the dash may be left out. */
const tar: Runs = ([first = '', ...rest]) =>
  when(/^-[a-zA-Z]*[IF]|^--(checkpoint-|to-|us|inf|new-|rs|rm)/)([first.replace(/^(?=[a-zA-Z])/, '-'), ...rest])

const plainRemote = new RegExp(
  '^(AddressFamily|BatchMode|Compression|ConnectTimeout|ConnectionAttempts|HostName|Identit(y|ies)\\w+|LogLevel|' +
    'PasswordAuthentication|Port|PreferredAuthentications|PubkeyAuthentication|ServerAlive\\w+|' +
    'StrictHostKeyChecking|User|UserKnownHostsFile)[= ]',
  'i',
)
const remote =
  (refused: RegExp): Runs =>
  (words) => {
    const settings = words.flatMap((word, at) =>
      /^-\w*o$/.test(words[at - 1] ?? '') ? [word] : (/^-\w*?o(.+)$/s.exec(word)?.[1] ?? []),
    )
    const isPlain = settings.every((text) => isLiteral(text) && plainRemote.test(text))
    return isPlain ? when(refused)(words) : arbitrary
  }

/** The command that reaches the other side: text of a shell. */
const rsync: Runs = (words) => {
  const texts = words.flatMap((word, at) =>
    /^(-[a-zA-Z]*e|--rsh)$/.test(words[at - 1] ?? '') ? [word] : (/^--rsh=(.*)$/s.exec(word)?.[1] ?? []),
  )
  const isOdd = words.some((word) => /^--rsync-p|^--rs$|^-[a-zA-Z]*e./.test(word)) || !texts.every(isLiteral)
  return isOdd ? arbitrary : inside({ texts })
}

/** `npm exec vitest`, `poetry run pytest`: the rest is a command, which a rule may forbid by its own name. */
const after =
  (verbs: RegExp): Runs =>
  (words) => {
    const at = words.findIndex((word) => verbs.test(word))
    const rest = words.slice(at + 1)
    if (at < 0) return nothing
    if (rest.some((word) => /^(-c|--call|--shell-mode)(=|$)/.test(word))) return arbitrary
    return inside({ also: [rest.slice(rest.findIndex((word) => !word.startsWith('-')))] })
  }

/** Their first word is no verb. */
const first: Runs = (words) => after(/^$/)(['', ...words])

export const programs: Readonly<Record<string, Runs>> = {
  tar,
  bsdtar: tar,
  gtar: tar,
  split: when(/^--f/),
  sort: when(/^--co/),
  make: when(/^--ev|^-E|^((-f|--(file|makefile)=)?-|.*\/dev\/.*)$|^\.?SHELL(FLAGS)?[:?+]?=/),
  gmake: when(/^--ev|^-E|^((-f|--(file|makefile)=)?-|.*\/dev\/.*)$|^\.?SHELL(FLAGS)?[:?+]?=/),
  zip: when(/^-\w*TT|^--un/),
  man: when(/^-\w*[PH]|^--(pa|ht)/),
  less: when(/^\+/),
  ssh: remote(/^-F/),
  scp: remote(/^-\w*[SD]/),
  sftp: remote(/^-\w*[SDb]/),
  rsync,
  npm: after(/^(exec|x)$/),
  pnpm: after(/^(exec|dlx)$/),
  yarn: after(/^(exec|dlx)$/),
  bundle: after(/^exec$/),
  poetry: after(/^run$/),
  pipenv: after(/^run$/),
  hatch: after(/^run$/),
  uv: after(/^run$/),
  npx: first,
  bunx: first,
  'cross-env': (words) => first(words.filter((word) => !/^\w+=/.test(word))),
}
