/** A program for the crash test: notes events, carries them into a folder, and says when all is carried. */
import { systemClock } from '../../src/core/clock.ts'
import { Courier } from '../../src/notify/courier.ts'
import { createFileSink, fileSchema } from '../../src/notify/file.ts'
import { openStore } from '../../src/store/open.ts'

const [database = '', dir = '', wanted = '0'] = process.argv.slice(2)
const store = openStore({ path: database, clock: systemClock })
const real = createFileSink(fileSchema.parse({ kind: 'file', dir }))
let refusals = 0
/** Every third delivery fails first, so that the rows for later are killed at, too. */
const sink = {
  ...real,
  deliver: (...call: Parameters<typeof real.deliver>) =>
    ++refusals % 3 === 0
      ? Promise.resolve({ kind: 'refused' as const, retry: true, afterMs: 0, problem: { kind: 'x', text: 'x' } })
      : real.deliver(...call),
}
const courier = new Courier({
  ...{ outbox: store.outbox, sinks: [sink], clock: systemClock, scheduleMs: [1, 1, 1, 1, 1, 1] },
  tell: (event) => store.ledger.note(event),
  report: (problem) => process.stderr.write(`${problem.text}\n`),
})
courier.start()
while (store.ledger.head() < Number(wanted)) store.ledger.note({ type: 'inbox.noticed', data: {} })
courier.nudge()
const isDone = () => store.outbox.cursor(sink.id) === store.ledger.head() && store.outbox.counts(sink.id).pending === 0
while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 2))
await courier.close()
store.close()
process.stdout.write('carried\n')
