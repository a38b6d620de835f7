/** The runtimes there are. A new one is one file (or folder) and one line here. */
import { z } from 'zod'
import { rulesSchema } from '../agent/permission/rules.ts'
import { profiles } from '../agent/profiles.ts'
import { createTools, type Surroundings, toolSettingsSchema } from '../agent/tools/index.ts'
import { roomDefaults } from '../agent/window.ts'
import type { Runtime } from '../core/runtime.ts'
import { isFormatOff } from '../lib/environment.ts'
import { createBuiltin } from './builtin.ts'
import type { BuiltinOptions } from './builtin-options.ts'
import { type OpenCodeConfig, type OpenCodeDeps, opencode } from './opencode/index.ts'

const builtinSchema = z
  .strictObject({
    kind: z.literal('builtin').default('builtin'),
    model: z.string().min(1).optional().describe('`model` or `provider/model`; default: the first that is configured.'),
    permissions: rulesSchema.default([]).describe('Added behind the default, which allows all.'),
    tools: toolSettingsSchema.prefault({}),
    context_tokens: z
      .number()
      .int()
      .min(2_000)
      .max(100_000_000)
      .default(roomDefaults.contextTokens)
      .describe('What fits into a request to a model of which nobody says it.'),
    compact_at: z
      .number()
      .min(0.2)
      .max(0.95)
      .default(roomDefaults.compactAt)
      .describe('Part of that at which older messages are shortened and summarised.'),
    steps_max: z.number().int().min(1).max(10_000).optional().describe('Model calls in one run.'),
  })
  .meta({ id: 'BuiltinRuntime', description: 'The agent loop of OpenLoom itself.' })

export type BuiltinConfig = z.output<typeof builtinSchema>
type Built = 'defaultModel' | 'profiles' | 'tools' | 'room' | 'formats'
type BuiltinDeps = Omit<BuiltinOptions, Built> & { around?: Surroundings }

export const builtin = {
  kind: 'builtin',
  schema: builtinSchema,
  create(config: BuiltinConfig, deps: BuiltinDeps) {
    const stepsMax = config.steps_max
    return createBuiltin({
      ...deps,
      defaultModel: config.model ?? null,
      tools: createTools(config.tools, deps.around),
      room: { contextTokens: config.context_tokens, compactAt: config.compact_at },
      formats: isFormatOff(deps.around?.env ?? {}) ? { ...config.tools.format, mode: 'off' } : config.tools.format,
      profiles: stepsMax === undefined ? profiles : profiles.map((profile) => ({ ...profile, stepsMax })),
    })
  },
} as const

export const runtimeKinds = [builtin, opencode] as const
export type RuntimeConfig = BuiltinConfig | OpenCodeConfig

export function createRuntime(config: RuntimeConfig, deps: BuiltinDeps & OpenCodeDeps): Runtime {
  return config.kind === 'opencode' ? opencode.create(config, deps) : builtin.create(config, deps)
}
