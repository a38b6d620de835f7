/** A forged receipt: one of the drill's own, with a better verdict, or with one byte changed. */
import { type Envelope, readPublicKey } from '../../lib/dsse.ts'
import type { ReceiptPage } from '../../server/api.ts'
import { parseBundle } from '../receipt-bundle.ts'
import { prove } from '../receipt-proof.ts'
import { caught, missed, untried } from './finding.ts'
import type { DrillItem } from './item.ts'

export const forgedReceipt: DrillItem = {
  name: 'forged-receipt',
  injects: 'a forged receipt',
  expects: 'verify receipt names what was changed',
  async run(stage) {
    const workspace = await stage.repository('forged-receipt', {})
    const { task } = await stage.play({ part: 'false-done', workspace, checks: ['file: out.txt'] })
    const page = await stage.client.get<ReceiptPage>(`/api/receipts?task=${task.id}`)
    const receipt = page.items.at(-1)?.envelope
    const key = readPublicKey(page.keys.at(-1)?.publicKey ?? '')
    if (!receipt || !key) return untried('The daemon wrote no receipt for the verdict of the drill.')
    const faultsOf = (envelope: Envelope): string[] => {
      const bundle = parseBundle(JSON.stringify(envelope))
      return bundle ? prove(bundle, key).faults : ['This file holds no receipts.']
    }
    const [unforged] = faultsOf(receipt)
    if (unforged) return missed(`The receipt as it was signed is called wrong: ${unforged}`)
    const found: string[] = []
    for (const [what, forged] of Object.entries(forgeries(receipt))) {
      const [fault] = faultsOf(forged)
      if (!fault) return missed(`A receipt with ${what} passes for what was signed.`)
      found.push(fault)
    }
    return caught(found[0] ?? '')
  },
}

function forgeries(receipt: Envelope): Record<string, Envelope> {
  const body = Buffer.from(receipt.payload, 'base64').toString('utf8')
  const flipped = body.replace(/\d(?=[^\d]*$)/, (digit) => String((Number(digit) + 1) % 10))
  const as = (text: string) => ({ ...receipt, payload: Buffer.from(text).toString('base64') })
  return {
    'another verdict': as(body.replaceAll('"refuted"', '"verified"').replaceAll('"FAILED"', '"PASSED"')),
    'one byte changed': as(flipped),
  }
}
