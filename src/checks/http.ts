/**
 * A server answers with the expected status, e.g. the development server that the agent started. Redirects are not
 * followed, and the private network is out of reach: only this machine and the public internet may be asked.
 */
import { z } from 'zod'
import type { Checker } from '../core/check.ts'
import { excerptCharsMax } from '../core/check.ts'
import { isLoopback, isPublic } from '../lib/address.ts'
import { sha256 } from '../lib/digest.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { sendRequest } from '../lib/request.ts'
import { firstWord, nameField, unquoted } from './fields.ts'
import { aborted, fail, failedToLook, pass } from './look.ts'

const bodyBytesMax = 1024 * 1024

const schema = z
  .strictObject({
    kind: z.literal('http'),
    name: nameField,
    url: z
      .string()
      .max(2_000)
      .superRefine((text, context) => {
        const fault = urlFault(text)
        if (fault) context.addIssue({ code: 'custom', message: fault })
      }),
    status: z.number().int().min(100).max(599).default(200),
    /** A text that the first MiB of the answer holds. */
    contains: z.string().min(1).max(10_000).optional(),
    timeout_seconds: z.number().positive().max(60).default(10),
  })
  .meta({ id: 'CheckHttp', description: 'A URL answers with the expected status and text.' })

export const http: Checker<'http', typeof schema> = {
  kind: 'http',
  schema,
  words: ['http', 'get'],
  runsCommand: false,
  parseLine(text) {
    const [url, rest] = firstWord(text)
    const match = /^(\d{3})?\s*(.*)$/s.exec(rest)
    const [, status, contains] = match ?? []
    return { url, ...(status ? { status: Number(status) } : {}), ...(contains ? { contains: unquoted(contains) } : {}) }
  },
  describe: (spec) => {
    const wanted = spec.contains === undefined ? '' : ` ${JSON.stringify(spec.contains)}`
    return `http: ${spec.url} ${spec.status}${wanted}`
  },
  async run(spec, context) {
    const subject = `GET ${spec.url}`
    const answer = await sendRequest({
      url: new URL(spec.url),
      method: 'GET',
      headers: { 'user-agent': 'openloom', accept: '*/*' },
      timeoutMs: spec.timeout_seconds * 1000,
      bodyBytesMax,
      signal: context.signal,
      mayConnect: (address) => isLoopback(address) || isPublic(address),
    })
    const wanted = spec.contains === undefined ? '' : ` and the text ${JSON.stringify(spec.contains)}`
    const expected = `expected ${spec.status}${wanted}`
    switch (answer.kind) {
      case 'aborted':
        return aborted(subject)
      case 'timeout':
        return fail({ subject, summary: `No answer within ${spec.timeout_seconds} s; ${expected}.` })
      case 'failed': {
        const summary = `No answer (${answer.code}): ${answer.text}; ${expected}.`
        // Nobody listening, or hanging up, is what the server does; a name or an address out of reach is our limit.
        const isTheirs = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(answer.code) || /^HPE_/.test(answer.code)
        return isTheirs ? fail({ subject, summary }) : failedToLook({ subject, summary })
      }
      case 'answer': {
        const text = answer.body.toString('utf8')
        const holds = spec.contains === undefined || text.includes(spec.contains)
        const summary = `It answered ${answer.status}${holds ? '' : ' without the text'}; ${expected}.`
        const seen = { subject, summary, sha256: sha256(answer.body), sizeBytes: answer.body.length }
        const evidence = {
          ...seen,
          excerpt: excerptOf(text, excerptCharsMax),
          facts: { status: answer.status, whole: answer.whole },
        }
        return answer.status === spec.status && holds ? pass(evidence) : fail(evidence)
      }
    }
  },
}

function urlFault(text: string): string | null {
  if (!URL.canParse(text)) return 'This is not a URL.'
  const url = new URL(text)
  if (!['http:', 'https:'].includes(url.protocol)) return 'Only http and https are known.'
  return url.username || url.password ? 'A URL with a user name or password is refused.' : null
}
