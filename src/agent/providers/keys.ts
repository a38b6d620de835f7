/** Which key a provider uses. It reads and remembers; it never shows one. */
import type { Clock } from '../../core/clock.ts'

export interface ProviderDeps {
  clock: Clock
  /** Where keys are looked up; never handed on. */
  env: Readonly<Record<string, string | undefined>>
  /** Reads a stored secret; null: there is none of that name. */
  secret?: (name: string) => Promise<string | null>
}

/** Every variable that may hold a key without being named: what logs must hide. */
export const keyVariables: readonly string[] = [
  'OPENLOOM_API_KEY',
  'OPENAI_API_KEY',
  'ANTHROPIC_API_KEY',
  'GEMINI_API_KEY',
  'GOOGLE_API_KEY',
  'OPENROUTER_API_KEY',
  'OLLAMA_API_KEY',
]

export interface KeyPlace {
  /** Variable that the provider names. */
  variable: string | undefined
  /** Name of the stored secret: the provider's own. */
  secret: string
  /** Variables of its kind. */
  common: readonly string[]
}

/** Order: the variable that is named, the stored secret, the global variables; none means a server without keys. */
export async function keyOf(place: KeyPlace, deps: ProviderDeps): Promise<string | null> {
  const { env, secret } = deps
  const named = place.variable ? env[place.variable] : undefined
  const stored = named ? null : ((await secret?.(place.secret)) ?? null)
  const common = ['OPENLOOM_API_KEY', ...place.common].map((name) => env[name]).find(Boolean)
  const key = named || stored || common || null
  // A key with a line break at its end is a common slip of `echo key > file`; a header would refuse it.
  return key?.trim() || null
}
