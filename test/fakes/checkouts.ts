/** Clean checkouts in a throw-away folder. */
import { join } from 'node:path'
import { systemClock } from '../../src/core/clock.ts'
import { Checkouts } from '../../src/harness/checkout.ts'
import { openLog, Secrets } from '../../src/lib/log.ts'
import { childEnvironment } from '../../src/lib/process.ts'
import { noSandbox } from '../../src/lib/sandbox/sandbox.ts'

export const handCheckouts = (folder: string): Checkouts =>
  new Checkouts({
    folder: join(folder, 'checkouts'),
    clock: systemClock,
    env: childEnvironment(process.env),
    owner: `test-${process.pid}`,
    sandbox: noSandbox('a test'),
    log: openLog('silent', new Secrets()),
  })
