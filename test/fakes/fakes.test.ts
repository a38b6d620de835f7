import { journalContract } from '../contracts/journal.ts'
import { runtimeContract } from '../contracts/runtime.ts'
import { HandClock } from './clock.ts'
import { MemoryJournal } from './journal.ts'
import { HandRuntime } from './runtime.ts'

journalContract('in memory', () => ({ journal: new MemoryJournal(new HandClock()), close: () => undefined }))

runtimeContract('driven by hand', async () => {
  const runtime = new HandRuntime()
  runtime.onPrompt = ({ sessionId, text }) => {
    if (text.includes('Say hello')) runtime.answer(sessionId, 'hello there')
    if (text.includes('And now')) runtime.answer(sessionId, 'goodbye then')
    if (text.includes('Be broken')) runtime.fail(sessionId, { kind: 'model-key', text: 'bad key' }, false)
  }
  return { runtime, workspace: '/tmp', turns: () => runtime.prompts.length, close: () => runtime.close() }
})
