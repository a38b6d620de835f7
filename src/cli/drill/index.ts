/** The parts of the fire drill, in their order. A new one is one file and one line here. */
import { hungChild } from './hang.ts'
import type { DrillItem } from './item.ts'
import { killedMidWrite } from './kill.ts'
import { forgedReceipt } from './receipt.ts'
import { verdictItems } from './verdicts.ts'
import { droppedWebhook } from './webhook.ts'

export const drillItems: readonly DrillItem[] = [
  ...verdictItems,
  forgedReceipt,
  hungChild,
  droppedWebhook,
  killedMidWrite,
]
