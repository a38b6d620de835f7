/** Which settings the page may change, and what it may ask for. None of them widens what an agent may do. */
import { z } from 'zod'

/** A new one is one line here, where whoever reads it follows the settings (`following.ts`). */
export const changeable = [
  'defaults.runtime',
  'defaults.limits.minutes',
  'defaults.limits.attempts',
  'defaults.limits.tool_calls',
  'defaults.limits.tokens',
  'defaults.check_interval_minutes',
  'defaults.ask_deadline_minutes',
  'stale_busy.checks',
  'stale_busy.every_seconds',
  'stale_busy.after_seconds',
  'concurrency.tasks',
  'models.purposes.build.model',
  'retention.days',
  'retention.sessions',
  'retention.files_mb',
] as const

export type Changeable = (typeof changeable)[number]

export const isChangeable = (path: string): path is Changeable => (changeable as readonly string[]).includes(path)

export const settingAsked = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('set'),
    path: z.enum(changeable),
    value: z
      .union([z.string().trim().min(1).max(200), z.number()])
      .nullable()
      .describe('Null: the line goes away.'),
  }),
  z.strictObject({
    kind: z.literal('filter'),
    sink: z.string().min(1).max(200),
    events: z.array(z.string().min(1).max(100)).min(1).max(100).nullable().describe('Null: all, as without the line.'),
  }),
  z.strictObject({
    kind: z.literal('use'),
    name: z.string().min(1).max(100).describe('Of something that `GET /api/found` found.'),
    on: z.boolean().describe('False: its line goes away again.'),
  }),
])

export type SettingAsked = z.output<typeof settingAsked>
