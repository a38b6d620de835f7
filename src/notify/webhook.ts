/**
 * Posts each event to a URL, signed by Standard Webhooks 1.0.0. Follows no redirect, heeds no proxy variable, and keeps
 * everything of the URL that may be a secret out of names and texts.
 */
import { createHmac } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import { matchesEvent } from '../core/event.ts'
import type { Delivery, Notice, Sink } from '../core/sink.ts'
import { retryAfterMs } from '../lib/backoff.ts'
import { sha256 } from '../lib/digest.ts'
import { type Answer, sendRequest } from '../lib/request.ts'
import { eventsField, nameField } from './fields.ts'

const answerBytesMax = 64 * 1024

export const webhookSchema = z
  .strictObject({
    kind: z.literal('webhook'),
    name: nameField,
    url: z
      .string()
      .max(4_000)
      .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
        error: 'This is not an http or https URL.',
      })
      .describe('Tokens and passwords in it are never shown.'),
    events: eventsField,
    secrets: z
      .array(z.string().refine((secret) => keyOf(secret).length >= 8, 'A secret has at least 8 bytes.'))
      .max(5)
      .default([])
      .describe('`whsec_…` (base64) or plain text. Several while one is being replaced: each signs.'),
    timeout_seconds: z.number().positive().max(60).default(15),
  })
  .meta({ id: 'WebhookSink', description: 'Posts each event to a URL.' })

export function createWebhookSink(config: z.output<typeof webhookSchema>, { clock }: { clock: Clock }): Sink {
  const url = new URL(config.url)
  const label = labelOf(url)
  const login = loginOf(url)
  return {
    id: `webhook-${config.name ?? sha256(config.url).slice(0, 12)}`,
    kind: 'webhook',
    label,
    wants: (event) => matchesEvent(config.events, event.type),
    async deliver(notice, signal) {
      const body = JSON.stringify(notice)
      const answer = await sendRequest({
        url,
        method: 'POST',
        headers: { ...login, ...headersOf(notice, { body, secrets: config.secrets, nowMs: clock.now() }) },
        body,
        timeoutMs: config.timeout_seconds * 1000,
        bodyBytesMax: answerBytesMax,
        signal,
      })
      return judge(answer, { label, nowMs: clock.now(), timeoutSeconds: config.timeout_seconds })
    },
  }
}

/** `webhook-*` are the standard's; `x-openloom-*` are what receivers of the original look for. */
export function headersOf(
  notice: Pick<Notice, 'id' | 'event'>,
  { body, secrets, nowMs }: { body: string; secrets: readonly string[]; nowMs: number },
): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000))
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'user-agent': 'openloom',
    'webhook-id': notice.id,
    'webhook-timestamp': timestamp,
    'x-openloom-event': notice.event,
  }
  const [first] = secrets
  if (first === undefined) return headers
  const signed = `${notice.id}.${timestamp}.${body}`
  const signatures = secrets.map(
    (secret) => `v1,${createHmac('sha256', keyOf(secret)).update(signed).digest('base64')}`,
  )
  headers['webhook-signature'] = signatures.join(' ')
  headers['x-openloom-signature-256'] = `sha256=${createHmac('sha256', first).update(body).digest('hex')}`
  return headers
}

function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret)
}

/** Scheme and host only: chat services put their token into the path. */
const labelOf = (url: URL): string => `${url.protocol}//${url.host}${url.pathname === '/' && !url.search ? '/' : '/…'}`

/** A name and password of the URL travel as Basic authorization, as everywhere. */
function loginOf(url: URL): Record<string, string> {
  if (!url.username && !url.password) return {}
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return { authorization: `Basic ${Buffer.from(login).toString('base64')}` }
}

function judge(answer: Answer, context: { label: string; nowMs: number; timeoutSeconds: number }): Delivery {
  const { label, nowMs, timeoutSeconds } = context
  const refused = (text: string, retry = true, afterMs: number | null = null): Delivery => ({
    ...{ kind: 'refused', retry, afterMs, problem: { kind: 'notify-webhook', text } },
  })
  switch (answer.kind) {
    case 'timeout':
      return refused(`${label} did not answer within ${timeoutSeconds} s.`)
    case 'aborted':
      return refused('The delivery was stopped.')
    case 'failed':
      return refused(`${label} cannot be reached (${answer.code}).`)
    case 'answer': {
      const { status, headers } = answer
      if (status >= 200 && status < 300) return { kind: 'delivered', detail: `${label} answered ${status}` }
      if (status === 410) return refused(`${label} answered 410: it wants no more.`, false)
      if (status >= 300 && status < 400) return refused(`${label} answered ${status}; redirects are not followed.`)
      return refused(`${label} answered ${status}.`, true, retryAfterMs(headers['retry-after'], nowMs))
    }
  }
}
