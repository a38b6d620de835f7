/** Sees a run that goes in circles, or installs one package after the other. It ends nothing itself. */
import type { ToolCall } from '../core/session.ts'
import type { ToolResult } from '../core/tool.ts'
import { sha256 } from '../lib/digest.ts'
import { parseArguments } from './arguments.ts'

const windowCalls = 10
const sameMax = 3

/** What is another figure each time, though nothing has happened: times, how long it took, addresses. */
const volatile = new RegExp(
  [
    /\b\d{4}-\d\d-\d\d\b/,
    /\b\d{1,2}:\d\d(:\d\d)?([.,]\d+)?\b/,
    /\b\d+([.,]\d+)?\s?([mµun]?s|sec(onds?)?|min(utes?)?)\b/,
    /\b\d{9,}\b/,
    /\b0x[\da-f]+\b/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gi',
)
const volatileCharsMax = 20_000

/**
 * The outcome counts too: a test run after each of three edits is work, the same failing edit three times is not.
 * Outcomes that differ in times alone count as the same only while nothing else is tried: between edits a test may well
 * fail with the same words. `nudge` the first time, `stop` the second.
 */
export class Repeats {
  private asked: string[] = []
  private exact: string[] = []
  private alike: string[] = []
  private nudged = false

  see(call: ToolCall, result: ToolResult): 'fine' | 'nudge' | 'stop' {
    const asked = sha256([call.name, call.argumentsText].join('\0'))
    const key = (output: string) => sha256([asked, result.ok, output].join('\0'))
    // Whatever is asked for the first time is not looked through for times.
    this.alike = this.asked.includes(asked)
      ? [...this.alike, key(result.output.slice(0, volatileCharsMax).replace(volatile, '#'))].slice(-windowCalls)
      : []
    this.asked = [...this.asked, asked].slice(-windowCalls)
    this.exact = [...this.exact, key(result.output)].slice(-windowCalls)
    if (!isFull(this.exact) && !isFull(this.alike)) return 'fine'
    this.exact = []
    this.alike = []
    if (this.nudged) return 'stop'
    this.nudged = true
    return 'nudge'
  }
}

/** Whether the last of them is there as often as is bearable. */
const isFull = (keys: readonly string[]): boolean => keys.filter((one) => one === keys.at(-1)).length >= sameMax

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
