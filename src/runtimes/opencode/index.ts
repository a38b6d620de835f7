/** OpenCode as a configured runtime: which server, whether it is run by us, and what its agents may see. */
import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import type { SessionBook } from '../../core/runtime.ts'
import { Connection } from './connection.ts'
import { OpenCode } from './runtime.ts'
import { ServerSource } from './source.ts'

const schema = z
  .strictObject({
    kind: z.literal('opencode'),
    url: z
      .url({ protocol: /^https?$/ })
      .default('http://127.0.0.1:4096')
      .describe('Address of a server that runs already.'),
    username: z.string().min(1).default('opencode'),
    password_env: z
      .string()
      .regex(/^[A-Z_][A-Z0-9_]*$/i)
      .default('OPENLOOM_OPENCODE_PASSWORD')
      .describe('Variable that holds the password of that server.'),
    managed: z
      .enum(['auto', 'always', 'never'])
      .default('auto')
      .describe('Whether OpenLoom runs a server of its own; auto: when none answers and a task needs one.'),
    command: z.string().min(1).default('opencode').describe('Name or path of the program.'),
    env: z.array(z.string().min(1)).default([]).describe('Further variables its own server may see, e.g. a key.'),
    memory_max_mb: z.number().int().min(256).default(1_536).describe('Above it, an idle server of its own is renewed.'),
  })
  .meta({ id: 'OpenCodeRuntime', description: 'Sessions of an OpenCode server, ours or somebody else’s.' })

export type OpenCodeConfig = z.output<typeof schema>

export interface OpenCodeDeps {
  book: SessionBook
  clock: Clock
  /** The daemon's own; what a child sees of it is an allow-list. */
  processEnv: Readonly<Record<string, string | undefined>>
  /** Names of variables that every child may see. */
  childNames: readonly string[]
  dataDir: string
  owner: string
  /** For what would otherwise be silent. */
  log(text: string): void
}

const detectMs = 500

/** A server that answers, or a program that could be started. */
export async function detectOpenCode(config: OpenCodeConfig, env: OpenCodeDeps['processEnv']): Promise<boolean> {
  const address = { url: config.url, username: config.username, password: env[config.password_env] ?? '' }
  const health = await new Connection(address).ask({ method: 'GET', path: '/global/health', timeoutMs: detectMs })
  return health.ok && !health.value.isPage && (health.value.status === 200 || health.value.status === 401)
}

export const opencode = {
  kind: 'opencode',
  schema,
  create(config: OpenCodeConfig, deps: OpenCodeDeps) {
    const { url, username, password_env, managed: mode, command } = config
    const { book, clock, processEnv } = deps
    const own = null
    const address = { url: url.replace(/\/+$/, ''), username, password: processEnv[password_env] ?? '' }
    return new OpenCode({ source: new ServerSource({ address, mode, own, command }), book, clock })
  },
} as const
