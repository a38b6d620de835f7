/**
 * Variables that tell a program what to run: the text of a command, options, settings. Those that name a file or a
 * folder of code are as good as the name of a script, and are none of these.
 */

import { isPlainSetting } from './git-runs.ts'
import { arbitrary, type Inside, inside, nothing } from './inside.ts'
import { isLiteral } from './words.ts'

const commands = new Set(
  (
    'GIT_SSH_COMMAND GIT_SSH GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_PAGER GIT_EXTERNAL_DIFF GIT_ASKPASS ' +
    'GIT_PROXY_COMMAND EDITOR VISUAL SUDO_EDITOR FCEDIT PAGER MANPAGER SYSTEMD_PAGER LESSOPEN LESSCLOSE BROWSER ' +
    'SSH_ASKPASS PROMPT_COMMAND RSYNC_RSH CVS_RSH'
  ).split(' '),
)
const quiet = /^(cat|true|:|)$/
const plainOptions =
  /^(\s|-j\d*|--max-old-space-size=\d+|--no-warnings|--no-deprecation|--enable-source-maps|--experimental-vm-modules)*$/

/** What setting it may run; `value` as the shell would give it. */
export function insideOfVariable(name: string, value: string): Inside {
  if (commands.has(name)) {
    if (!isLiteral(value)) return arbitrary
    return quiet.test(value) ? nothing : inside({ texts: [value] })
  }
  return runs(name, value) ? arbitrary : nothing
}

function runs(name: string, value: string): boolean {
  switch (name) {
    case 'BASH_ALIASES':
    case 'BASH_CMDS':
    case 'GIT_CONFIG_PARAMETERS':
      return true
    case 'BASH_ENV':
    case 'ENV':
    case 'GIT_CONFIG_GLOBAL':
    case 'GIT_CONFIG_SYSTEM':
      return !isLiteral(value) || /^\/(dev|proc)\/(?!null$)/.test(value)
    case 'PS0':
    case 'PS1':
    case 'PS2':
    case 'PS4':
      return !isLiteral(value) || /[$`]/.test(value)
    case 'GIT_ALLOW_PROTOCOL':
      return !isLiteral(value) || value.includes('ext')
    case 'NODE_OPTIONS':
    case 'PERL5OPT':
    case 'PERL5DB':
    case 'RUBYOPT':
    case 'JAVA_TOOL_OPTIONS':
    case 'MAKEFLAGS':
    case 'GNUMAKEFLAGS':
    case 'TAR_OPTIONS':
    case 'MANOPT':
    case 'ZIPOPT':
      return !isLiteral(value) || !plainOptions.test(value)
    default:
      return /^GIT_CONFIG_KEY_/.test(name) && (!isLiteral(value) || !isPlainSetting(value))
  }
}
