/** Settings of everything that asks a model: the providers, and what each purpose wants otherwise. */
import { z } from 'zod'
import { providerSchemas } from './providers/index.ts'

/** What a model is asked for. A new one is one name here; runs ask for the name of their profile. */
export const purposes = ['build', 'plan', 'proposals', 'compaction', 'titles'] as const
export type Purpose = (typeof purposes)[number]

const purposeSchema = z
  .strictObject({
    model: z.string().min(1).optional().describe('`model` or `provider/model`.'),
    temperature: z.number().min(0).max(2).optional(),
  })
  .meta({ id: 'ModelPurpose', description: 'What one purpose wants otherwise.' })

export type Purposes = Readonly<Partial<Record<string, z.output<typeof purposeSchema>>>>

export const modelsSchema = z.strictObject({
  providers: z.array(z.discriminatedUnion('kind', providerSchemas)).default([]),
  purposes: z
    .partialRecord(z.enum(purposes), purposeSchema)
    .default({})
    .describe('Model and temperature by what a model is asked for; what a session or task names wins.'),
  debug: z.boolean().default(false).describe('Write what is said to models and back into the data directory.'),
})
