/** Sees a run that goes in circles: the same call with the same outcome again and again. It ends nothing itself. */
import type { ToolCall } from '../core/session.ts'
import type { ToolResult } from '../core/tool.ts'
import { sha256 } from '../lib/digest.ts'

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
