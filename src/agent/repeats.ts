/** Sees a run that goes in circles, or installs one package after the other. It ends nothing itself. */
import type { ToolCall } from '../core/session.ts'
import type { ToolResult } from '../core/tool.ts'
import { sha256 } from '../lib/digest.ts'
import { parseArguments } from './arguments.ts'

const windowCalls = 10
const sameMax = 3

/**
 * The outcome counts too: a test run after each of three edits is work, the same failing edit three times is not.
 * `nudge` the first time, `stop` the second.
 */
export class Repeats {
  private recent: string[] = []
  private nudged = false

  see(call: ToolCall, result: ToolResult): 'fine' | 'nudge' | 'stop' {
    const key = sha256([call.name, call.argumentsText, result.ok, result.output].join('\0'))
    this.recent = [...this.recent, key].slice(-windowCalls)
    if (this.recent.filter((one) => one === key).length < sameMax) return 'fine'
    this.recent = []
    if (this.nudged) return 'stop'
    this.nudged = true
    return 'nudge'
  }
}

/** How packages are added, whatever stands before it in the line. */
const installs = [
  /\buv\s+(pip\s+install|add|tool\s+install)\b/,
  /\b(pip[\d.]*|pipx)\s+install\b/,
  /\bpoetry\s+(add|install)\b/,
  /\b(npm|pnpm)\s+(i|install|add|ci)\b/,
  /\byarn\s+(global\s+)?(add|install)\b/,
  /\bapt(-get)?\s+(-\S+\s+)*install\b/,
  /\bbrew\s+install\b/,
  /\b(yum|dnf)\s+(-\S+\s+)*install\b/,
  /\bcargo\s+(install|add)\b/,
  /\b(gem|bundle)\s+(install|add)\b/,
  /\bgo\s+(install|get)\b/,
]
const installsMax = 3

/** True once a run: when three of the last ten calls installed something, whichever tool they used. */
export class Installs {
  private recent: boolean[] = []
  private told = false

  see({ argumentsText }: ToolCall): boolean {
    this.recent = [...this.recent, isInstall(argumentsText)].slice(-windowCalls)
    if (this.told || this.recent.filter(Boolean).length < installsMax) return false
    this.told = true
    return true
  }
}

function isInstall(argumentsText: string): boolean {
  // Nearly every call is none, and is not parsed for it.
  if (!/"command"/.test(argumentsText) || !/install|add|\bget\b|\b(npm|pnpm)\s+(i|ci)\b/.test(argumentsText))
    return false
  const parsed = parseArguments(argumentsText)
  const command = parsed.ok ? parsed.value.command : null
  return typeof command === 'string' && installs.some((pattern) => pattern.test(command.slice(0, 10_000)))
}
