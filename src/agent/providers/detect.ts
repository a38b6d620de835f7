/** Providers that could be used here: keys in the environment, a local Ollama. It offers; nothing becomes active. */
import type { Clock } from '../../core/clock.ts'
import { ollama } from './ollama.ts'

export interface DetectedProvider {
  /** What gave it away, for a person. */
  because: string
  /** An entry of `models.providers` that would use it. */
  settings: Readonly<Record<string, string>>
}

const known: readonly { variable: string; settings: Record<string, string> }[] = [
  { variable: 'ANTHROPIC_API_KEY', settings: { kind: 'anthropic', name: 'anthropic' } },
  { variable: 'OPENAI_API_KEY', settings: { kind: 'openai-responses', name: 'openai' } },
  { variable: 'GEMINI_API_KEY', settings: { kind: 'gemini', name: 'gemini' } },
  { variable: 'GOOGLE_API_KEY', settings: { kind: 'gemini', name: 'gemini' } },
  {
    variable: 'OPENROUTER_API_KEY',
    settings: { kind: 'openai', name: 'openrouter', base_url: 'https://openrouter.ai/api/v1' },
  },
]

const ollamaMs = 1_000

export async function detectProviders(given: {
  env: Readonly<Record<string, string | undefined>>
  clock: Clock
  ollamaUrl?: string
}): Promise<DetectedProvider[]> {
  const { env, clock, ollamaUrl = ollamaAt(env.OLLAMA_HOST) } = given
  const keys = known.flatMap(({ variable, settings }): DetectedProvider[] =>
    env[variable] ? [{ because: `${variable} is set`, settings: { ...settings, api_key_env: variable } }] : [],
  )
  const named = new Set<string>()
  const once = keys.filter(({ settings: { name = '' } }) => !named.has(name) && named.add(name))
  return [...once, ...(await detectOllama(clock, ollamaUrl))]
}

/** As Ollama's own programs read it: a host, a port behind it, or a whole address. */
function ollamaAt(host: string | undefined): string | undefined {
  if (!host) return undefined
  const url = /^https?:\/\//.test(host) ? host : `http://${host}`
  if (!URL.canParse(url)) return undefined
  const { protocol, hostname, port } = new URL(url)
  // What a server listens on as "every address" is reached at this one.
  return `${protocol}//${hostname === '0.0.0.0' ? '127.0.0.1' : hostname}:${port || '11434'}`
}

async function detectOllama(clock: Clock, url: string | undefined): Promise<DetectedProvider[]> {
  const address = url ? { base_url: url } : {}
  const config = ollama.schema.parse({ kind: 'ollama', name: 'ollama', ...address })
  const stop = new AbortController()
  const timer = clock.after(ollamaMs, () => stop.abort(new Error('no answer')))
  // Asked without a key: who listens there is not known yet.
  const listed = await ollama.create(config, { clock, env: {} }).provider.models(stop.signal)
  timer.cancel()
  if ('problem' in listed) return []
  const model = listed.ids[0] ? { model: listed.ids[0] } : {}
  return [
    {
      because: `Ollama answers at ${config.base_url}`,
      settings: { kind: 'ollama', name: 'ollama', ...address, ...model },
    },
  ]
}

/** As YAML for `models.providers`; every value is one line of JSON, which YAML reads. */
export const asYaml = ({ settings }: DetectedProvider): string =>
  `- { ${Object.entries(settings)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join(', ')} }`
