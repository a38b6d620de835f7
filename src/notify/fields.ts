/** What the configuration of every sink has in common. Pure. */
import { z } from 'zod'
import { eventTypes, isNotable, matchesEvent } from '../core/event.ts'

const notable = eventTypes.filter(isNotable)

export const nameField = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]*$/, 'A name has lower-case letters, digits and dashes.')
  .max(40)
  .optional()
  .describe('Names the sink; its place in the log hangs on it. Without one, on the address.')

export const eventsField = z
  .array(
    z.string().refine((pattern) => notable.some((type) => matchesEvent([pattern], type)), {
      error: (issue) => `No event is called ${JSON.stringify(issue.input)}.`,
    }),
  )
  .min(1)
  .default(['*'])
  .describe('`*`, an event (`task.done`), a family (`task.*`) or a name of the original (`TASK_COMPLETED`).')
