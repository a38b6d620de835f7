/** One part of the fire drill: what is injected, and what must come of it. */
import type { Finding } from './finding.ts'
import type { Stage } from './stage.ts'

export interface DrillItem {
  name: string
  /** For people, behind "a" or "an" where it needs one. */
  injects: string
  expects: string
  run(stage: Stage): Promise<Finding>
}
