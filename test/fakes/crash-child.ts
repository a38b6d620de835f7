/** A host of the built-in runtime that a crash test kills: one task, one prompt, until the turn is over. */
import { openai, openaiSchema } from '../../src/agent/providers/openai.ts'
import { systemClock } from '../../src/core/clock.ts'
import { childEnvironment } from '../../src/lib/process.ts'
import { createBuiltin } from '../../src/runtimes/builtin.ts'
import { FileJournal } from './file-journal.ts'

const [journalPath = '', workspace = '', outputRoot = '', url = '', given = '{}'] = process.argv.slice(2)
const { provider = {}, act = '' } = JSON.parse(given) as { provider?: object; act?: '' | 'steer' | 'pause' | 'resume' }
const journal = new FileJournal(journalPath, systemClock)
const config = openaiSchema.parse({ name: 'local', base_url: url, model: 'scripted-model', ...provider })
const runtime = createBuiltin({
  journal,
  providers: [openai.create(config, { clock: systemClock, env: {} })],
  defaultModel: null,
  clock: systemClock,
  env: childEnvironment(process.env),
  outputRoot,
  checkpointRoot: `${outputRoot}-checkpoints`,
  owner: `crash-${process.pid}`,
  log: (text) => process.stderr.write(`${text}\n`),
})
const request = { taskId: 't1', title: 'A task', workspace, agent: null, model: null, session: null }
const opened = await runtime.open(request)
if (!opened.ok) throw new Error(JSON.stringify(opened.problems))
const { sessionId } = opened.value
const limits = { toolCalls: null, tokens: null }
if (act === 'resume') await runtime.resume?.(sessionId)
await runtime.prompt({ sessionId, promptId: 'p1', text: 'go', limits })
if (act === 'steer') await runtime.steer?.(sessionId, 'Use tabs.', 'k')
if (act === 'pause') await runtime.pause?.(sessionId)
const over = new Promise<void>((resolve) => {
  runtime.onChange(() => {
    void runtime.look(sessionId).then(({ state }) => {
      if (['idle', 'failed', 'interrupted', 'waiting'].includes(state.kind)) resolve()
    })
  })
})
const { state } = await runtime.look(sessionId)
if (!['idle', 'failed', 'waiting'].includes(state.kind)) await over
process.stdout.write(JSON.stringify((await runtime.look(sessionId)).state))
await runtime.close()
journal.close()
