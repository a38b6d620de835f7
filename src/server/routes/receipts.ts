/** Receipts over HTTP: pages of them with the keys that check them, and one envelope to take along. Read only. */
import { Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import type { ReceiptPage } from '../api.ts'
import { refusal, type ServerWorld, type Variables } from '../context.ts'
import { answers, invalid } from './answers.ts'

const pageQuery = z.object({
  task: z
    .string()
    .regex(/^[a-z0-9_]{1,40}$/)
    .optional()
    .describe('Only those of this task; its whole id.'),
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})

const seqParam = z.object({ seq: z.coerce.number().int().min(1) })

export function receiptRoutes({ store, keyring }: ServerWorld) {
  return new Hono<Variables>()
    .get('/', describeRoute(answers('Receipts, oldest first')), validator('query', pageQuery, invalid), (c) => {
      const { task, after, limit } = c.req.valid('query')
      const items = store.receipts.after(after, limit, task)
      const next = items.length === limit ? (items.at(-1)?.seq ?? null) : null
      return c.json({ items, next, keys: keyring.keys() } satisfies ReceiptPage)
    })
    .get(
      '/:seq',
      describeRoute(answers('One receipt as it was signed')),
      validator('param', seqParam, invalid),
      (c) => {
        const { seq } = c.req.valid('param')
        const found = store.receipts.get(seq)
        if (!found) return refusal(c, 404, { kind: 'unknown-receipt', text: `There is no receipt ${seq}.` })
        c.header('content-disposition', `attachment; filename="receipt-${seq}.json"`)
        return c.json(found.envelope)
      },
    )
}
