/** Tasks over HTTP: list, one, its events, and what a person may do to it. */
import { type Context, Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import { limitsSchema } from '../../core/spec.ts'
import { type Task, type TaskItem, taskStatuses } from '../../core/task.ts'
import { type CheckRecord, verdicts } from '../../core/verdict.ts'
import { type Command, commands } from '../../harness/commands.ts'
import { sha256 } from '../../lib/digest.ts'
import { taskOrders } from '../../store/task-list.ts'
import type { EventPage, ReceiptList, TaskDetail, TaskPage, TaskPreview } from '../api.ts'
import { refusal, refusalOf, type ServerWorld, type Variables } from '../context.ts'
import { answers, invalid, submitted } from './answers.ts'

const instant = z.coerce.number().int().min(0).max(8_640_000_000_000_000)

const listQuery = z.object({
  status: z.string().max(200).optional().describe('One or more statuses, separated by commas.'),
  q: z.string().max(200).optional().describe('Part of the title or of the folder, or the start of an id.'),
  verdict: z.string().max(300).optional().describe('One or more verdicts, separated by commas.'),
  workspace: z.string().max(4_096).optional().describe('Whole, as the task has it.'),
  runtime: z.string().max(40).optional(),
  since: instant.optional().describe('Made at this instant or later; epoch ms.'),
  until: instant.optional().describe('Made before this instant; epoch ms.'),
  order: z.enum(taskOrders).optional().describe('The most of it first; absent: the newest first.'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  after: z
    .string()
    .regex(/^[a-z0-9_]{1,40}$/)
    .optional(),
})

const eventQuery = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
})

const commandBody = z.strictObject({ limits: limitsSchema.optional() })
const acceptBody = z.strictObject({ changes: z.array(z.string().max(5_000)).min(1).max(10_000) })
const autoAcceptBody = z.strictObject({ on: z.boolean() })
const taskBody = z.looseObject({}).describe('A TaskSpec, or { "markdown": "…" }.')

export function taskRoutes(world: ServerWorld) {
  const { store } = world
  return new Hono<Variables>()
    .get('/', describeRoute(answers('List tasks')), validator('query', listQuery, invalid), (c) => {
      const { status, verdict, q, order, after, ...exact } = c.req.valid('query')
      const statuses = taskStatuses.filter((one) => status?.split(',').includes(one))
      const wanted = verdicts.filter((one) => verdict?.split(',').includes(one))
      const page = store.tasks.page({
        ...exact,
        ...(verdict ? { verdicts: wanted } : {}),
        ...(status ? { statuses } : {}),
        ...(q ? { text: q } : {}),
        ...(order ? { order } : {}),
        ...(after ? { after } : {}),
      })
      return c.json({ items: asNow(page.items, world), next: page.next } satisfies TaskPage)
    })
    .post('/', describeRoute(answers('Add a task')), validator('json', taskBody, invalid), async (c) => {
      const body = c.req.valid('json')
      const { markdown } = body as { markdown?: unknown }
      const named = c.req.header('x-openloom-source')
      const source = named === 'cli' || named === 'spec' ? named : 'api'
      const bodySha256 = sha256(JSON.stringify(body))
      const origin = { source, externalId: keyOf(c), bodySha256 } as const
      const result =
        typeof markdown === 'string'
          ? await world.ways.submitText(markdown, origin)
          : await world.ways.submitObject(body, origin)
      return submitted(c, result)
    })
    .post(
      '/preview',
      describeRoute(answers('What a body would become as a task; stores nothing')),
      validator('json', taskBody, invalid),
      async (c) => {
        const body = c.req.valid('json')
        const { markdown } = body as { markdown?: unknown }
        const preview = await world.ways.preview(typeof markdown === 'string' ? markdown : body, 'api')
        return c.json(preview satisfies TaskPreview)
      },
    )
    .get('/:id', describeRoute(answers('One task with its attempts')), (c) => {
      const task = oneTask(c, world)
      if (task instanceof Response) return task
      const reason = task.status === 'queued' ? world.supervisor.queueReason(task) : task.reason
      const [attempts, receipts] = [store.attempts.of(task.id), store.receipts.of(task.id)]
      const testsBefore = countedIn(store.attempts.checksOf(task.id, 0))
      const sandbox = sandboxOf(store, task.id)
      return c.json({ task: { ...task, reason }, attempts, receipts, testsBefore, sandbox } satisfies TaskDetail)
    })
    .get('/:id/receipts', describeRoute(answers('Receipts of a task')), (c) => {
      const task = oneTask(c, world)
      return task instanceof Response ? task : c.json({ items: store.receipts.of(task.id) } satisfies ReceiptList)
    })
    .get('/:id/events', describeRoute(answers('Events of a task')), validator('query', eventQuery, invalid), (c) => {
      const task = oneTask(c, world)
      if (task instanceof Response) return task
      const { after, limit } = c.req.valid('query')
      const items = store.events.after(after, limit, task.id)
      return c.json({ items, next: items.at(-1)?.seq ?? null } satisfies EventPage)
    })
    .route('/', commandRoutes(world))
}

/** What a person may do to one. */
function commandRoutes(world: ServerWorld) {
  return new Hono<Variables>()
    .post('/:id/verify', describeRoute(answers('Run the checks of a task again, now')), async (c) => {
      const task = oneTask(c, world)
      if (task instanceof Response) return task
      const result = await world.commands.verify(task.id, c.req.raw.signal)
      return result.ok ? c.json(result.value) : refusalOf(c, result.problems)
    })
    .post(
      '/:id/accept',
      describeRoute(answers('Accept changes of what judges the work, as they were shown')),
      validator('json', acceptBody, invalid),
      async (c) => {
        const task = oneTask(c, world)
        if (task instanceof Response) return task
        const result = await world.commands.accept(task.id, c.req.valid('json').changes)
        return result.ok ? c.json({ task: result.value }) : refusal(c, 409, ...result.problems)
      },
    )
    .post(
      '/:id/auto-accept',
      describeRoute(answers('Answer the permissions of a task unasked, or no longer')),
      validator('json', autoAcceptBody, invalid),
      (c) => {
        const task = oneTask(c, world)
        if (task instanceof Response) return task
        const result = world.commands.autoAccept(task.id, c.req.valid('json').on)
        return result.ok ? c.json({ task: result.value }) : refusal(c, 409, ...result.problems)
      },
    )
    .post(
      '/:id/:command',
      describeRoute(answers('Pause, resume, cancel, retry or archive a task')),
      validator('json', commandBody, invalid),
      async (c) => {
        const command = c.req.param('command') ?? ''
        if (!isCommand(command)) {
          return refusal(c, 404, { kind: 'not-found', text: 'There is no such command.', todo: commands.join(', ') })
        }
        const task = oneTask(c, world)
        if (task instanceof Response) return task
        const result = await world.commands.run(command, task.id, c.req.valid('json').limits ?? {})
        return result.ok ? c.json({ task: result.value }) : refusal(c, 409, ...result.problems)
      },
    )
}

/** Of the run that began last. */
function sandboxOf({ events }: Pick<ServerWorld['store'], 'events'>, taskId: string): TaskDetail['sandbox'] {
  const [begun] = events.before(Number.MAX_SAFE_INTEGER, { taskId, types: ['run.started'], limit: 1 }).items
  const said = begun?.data.sandbox
  return said === 'bwrap' || said === 'none' ? said : null
}

function countedIn(records: readonly CheckRecord[]): TaskDetail['testsBefore'] {
  const counted = records.flatMap(({ index, census }) => {
    if (!census) return []
    const { passed, failed, skipped } = census
    return [[index, { passed, failed, skipped }] as const]
  })
  return Object.fromEntries(counted)
}

/** With what is not in their rows: why they wait, and what their verdicts say of flaky checks. */
export function asNow(items: readonly TaskItem[], { store, supervisor }: ServerWorld): TaskItem[] {
  const isDone = ({ status }: TaskItem) => status === 'done'
  const flaky = store.attempts.flakyOf(items.filter(isDone).map((item) => item.id))
  const active = store.tasks.places()
  return items.map((item) => {
    if (item.status === 'queued') return { ...item, reason: supervisor.queueReason(item, active) }
    const count = flaky.get(item.id)
    return count ? { ...item, flaky: count } : item
  })
}

const isCommand = (word: string): word is Command => (commands as readonly string[]).includes(word)

/** Without a key of the sender each request is its own. */
export function keyOf(c: Context): string {
  const given = c.req.header('idempotency-key')
  return given ? `key:${given.slice(0, 200)}` : `once:${crypto.randomUUID()}`
}

export function oneTask(c: Context, { store }: ServerWorld): Task | Response {
  const found = store.tasks.find(c.req.param('id') ?? '')
  const [task, another] = found
  if (task && !another) return task
  if (!task) return refusal(c, 404, { kind: 'unknown-task', text: 'There is no such task.' })
  const text = `Several tasks begin so: ${found.map((one) => one.id).join(', ')}.`
  return refusal(c, 409, { kind: 'ambiguous-id', text, todo: 'Give more of the id.' })
}
