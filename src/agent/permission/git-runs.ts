/** What a git command runs: by settings that it is given, by options, by its verb. It reads no repository. */
import { arbitrary, type Inside, inside, nothing } from './inside.ts'
import { isLiteral } from './words.ts'

const plainSettings = new RegExp(
  `^(${[
    'user\\.(name|email|signingkey)',
    'color\\.\\w+',
    'advice\\.\\w+',
    'init\\.defaultbranch',
    'core\\.(quotepath|autocrlf|eol|filemode|ignorecase|longpaths|symlinks|abbrev|compression)',
    'pull\\.(rebase|ff)',
    'push\\.(default|autosetupremote)',
    'merge\\.(ff|conflictstyle)',
    'rebase\\.(autostash|autosquash)',
    'fetch\\.prune',
    '(commit|tag)\\.gpgsign',
    'safe\\.directory',
    'diff\\.(algorithm|renames|colormoved)',
    'http\\.(postbuffer|sslverify)',
    'branch\\..+\\.(remote|merge|rebase)',
    'remote\\..+\\.(fetch|url|pushurl)',
  ].join('|')})$`,
  'i',
)

export const isPlainSetting = (key: string): boolean => plainSettings.test(key)

const runners = new Set(
  (
    'filter-branch filter-repo difftool mergetool send-email merge-index daemon shell instaweb web--browse hook ' +
    'remote-ext remote-fd credential svn p4 gui citool'
  ).split(' '),
)
const anyVerb = /^(-x|--exec?|--exe|--upl[a-z-]*|--rece[a-z-]*|--extc[a-z]*)(=|$)|^ext::/
const byVerb: Readonly<Record<string, RegExp>> = {
  rebase: /^-x|^--exe/,
  grep: /^-\w*O|^--open/,
  clone: /^-\w*[uc]|^--(conf|upl|temp)/,
  bisect: /^run$/,
  submodule: /^foreach$/,
}

/** Global options stand before the verb; some of them, and some verbs, run commands. */
export function gitInside(words: readonly string[]): Inside {
  const texts: string[] = []
  let at = 0
  for (; words[at]?.startsWith('-'); at++) {
    const word = words[at] ?? ''
    if (word === '-c') {
      const setting = words[++at] ?? ''
      const alias = /^alias\.[^=]+=!(.*)$/s.exec(setting)?.[1]
      if (alias !== undefined && isLiteral(setting)) texts.push(alias)
      else if (!isPlainSetting(setting.split('=')[0] ?? '') || !isLiteral(setting)) return arbitrary
    } else if (['-C', '--git-dir', '--work-tree', '--namespace'].includes(word)) at++
    else if (/^--(exec-path=|config-env)|^-\w./.test(word)) return arbitrary
  }
  const all = words.slice(at)
  const [verb = '', ...rest] = all
  if (!isLiteral(verb)) return arbitrary
  const refused = Object.hasOwn(byVerb, verb) ? byVerb[verb] : undefined
  const isRunner =
    runners.has(verb) ||
    (verb === 'config' && setsCommand(rest)) ||
    rest.some((word) => anyVerb.test(word) || refused?.test(word))
  return isRunner ? inside({ texts, arbitrary: true }) : at > 0 ? inside({ texts, also: [['git', ...all]] }) : nothing
}

/** `git config` with a value that is none of the plain settings. */
function setsCommand(words: readonly string[]): boolean {
  if (words.some((word) => /^(--(get\b|list|unset|remove-s|show)|-l$|get$|list$|unset$)/.test(word))) return false
  const [key = '', ...values] = words.filter((word) => !word.startsWith('-') && word !== 'set')
  return values.length > 0 && (!isLiteral(key) || !isPlainSetting(key))
}
