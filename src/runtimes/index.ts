/** The runtimes there are. A new one is one file (or folder) and one line here. */
import { z } from 'zod'
import { rulesSchema } from '../agent/permission/rules.ts'
import { profiles } from '../agent/profiles.ts'
import { createTools, type Surroundings, toolSettingsSchema } from '../agent/tools/index.ts'
import type { Runtime } from '../core/runtime.ts'
import { formatSwitch } from '../lib/environment.ts'
import { type BuiltinOptions, createBuiltin } from './builtin.ts'
import { type OpenCodeConfig, type OpenCodeDeps, opencode } from './opencode/index.ts'

const builtinSchema = z
  .strictObject({
    kind: z.literal('builtin').default('builtin'),
    model: z.string().min(1).optional().describe('`model` or `provider/model`; default: the first that is configured.'),
    permissions: rulesSchema.default([]).describe('Added behind the default, which allows all.'),
    tools: toolSettingsSchema.prefault({}),
    steps_max: z.number().int().min(1).max(10_000).optional().describe('Model calls in one run.'),
  })
  .meta({ id: 'BuiltinRuntime', description: 'The agent loop of OpenLoom itself.' })

export type BuiltinConfig = z.output<typeof builtinSchema>
type BuiltinDeps = Omit<BuiltinOptions, 'defaultModel' | 'profiles' | 'tools' | 'formats'> & { around?: Surroundings }

export const builtin = {
  kind: 'builtin',
  schema: builtinSchema,
  create(config: BuiltinConfig, deps: BuiltinDeps) {
    const stepsMax = config.steps_max
    return createBuiltin({
      ...deps,
      defaultModel: config.model ?? null,
      tools: createTools(config.tools, deps.around),
      formats: deps.around?.env[formatSwitch] === 'off' ? { ...config.tools.format, mode: 'off' } : config.tools.format,
      profiles: stepsMax === undefined ? profiles : profiles.map((profile) => ({ ...profile, stepsMax })),
    })
  },
} as const

export const runtimeKinds = [builtin, opencode] as const
export type RuntimeConfig = BuiltinConfig | OpenCodeConfig

export function createRuntime(config: RuntimeConfig, deps: BuiltinDeps & OpenCodeDeps): Runtime {
  return config.kind === 'opencode' ? opencode.create(config, deps) : builtin.create(config, deps)
}
