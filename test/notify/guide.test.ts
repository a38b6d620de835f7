import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { parseYaml } from '../../src/lib/yaml.ts'
import { createSinks, sinkKinds } from '../../src/notify/index.ts'
import { createWebhookSink, webhookSchema } from '../../src/notify/webhook.ts'
import { noticeFrom } from '../contracts/sink.ts'
import { Receiver } from '../fakes/receiver.ts'

const guide = readFileSync(new URL('../../docs/guide/notifications.md', import.meta.url), 'utf8')
const block = (language: string) => new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(guide)?.[1] ?? ''

interface Verifier {
  isGenuine(headers: object, body: string, secret: string): boolean
}

it('the guide’s ten lines take what the webhook sends, by either secret, and nothing else', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'loom-guide-'))
  writeFileSync(join(folder, 'verify.mjs'), block('js'))
  const { isGenuine } = (await import(/* @vite-ignore */ join(folder, 'verify.mjs'))) as Verifier
  const receiver = await new Receiver().open()
  const secrets = ['whsec_c2lnbiB3aXRoIHRoaXMga2V5IQ==', 'the older secret']
  const sink = createWebhookSink(webhookSchema.parse({ kind: 'webhook', url: receiver.url(), secrets }), {
    clock: systemClock,
  })
  await sink.deliver(noticeFrom(), new AbortController().signal)
  await receiver.close()
  rmSync(folder, { recursive: true })
  const { headers, body } = receiver.heard[0] ?? { headers: {}, body: '' }
  expect(secrets.map((secret) => isGenuine(headers, body, secret))).toEqual([true, true])
  expect(isGenuine(headers, `${body} `, secrets[0] ?? '')).toBe(false)
  expect(isGenuine(headers, body, 'another secret')).toBe(false)
  expect(isGenuine({ ...headers, 'webhook-timestamp': '1767600000' }, body, secrets[0] ?? '')).toBe(false)
})

it('the guide’s configuration makes two sinks, and its notice has the fields that are sent', () => {
  const parsed = parseYaml(block('yaml'), { sizeBytesMax: 10_000 })
  if (!parsed.ok) throw new Error(parsed.problems[0]?.text)
  const { sinks } = (parsed.value.value as { notify: { sinks: { kind: string }[] } }).notify
  const configs = sinks.map((config) => {
    const kind = sinkKinds.find((one) => one.kind === config.kind)
    return kind?.schema.parse(config) ?? config
  })
  const labels = createSinks(configs, { clock: systemClock }).map((sink) => sink.label)
  expect(labels).toEqual(['files in /tmp/loom-events', 'https://example.org/…'])
  expect(Object.keys(JSON.parse(block('json')))).toEqual(Object.keys(noticeFrom()))
})
