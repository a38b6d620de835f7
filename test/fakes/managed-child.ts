/** A daemon reduced to its managed OpenCode, for tests that kill it: starts the server and says so. */
import { systemClock } from '../../src/core/clock.ts'
import { type ManagedOptions, openManaged } from '../../src/runtimes/opencode/managed.ts'

const given = JSON.parse(process.argv[2] ?? '{}') as Pick<ManagedOptions, 'command' | 'dataDir' | 'owner'>
const log = (text: string) => process.stderr.write(`${text}\n`)
const managed = openManaged({ ...given, env: process.env, envNames: Object.keys(process.env), clock: systemClock, log })
process.stdout.write(`${JSON.stringify(await managed.ensure())}\n`)
setInterval(() => undefined, 1_000)
