/** Stands in for the `opencode` program, for tests of how it is started and ended. `FAKE_MODE` says how it behaves. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'

const mode = process.env.FAKE_MODE ?? ''
const port = Number(process.argv[process.argv.indexOf('--port') + 1])
const password = process.env.OPENCODE_SERVER_PASSWORD

if (process.env.FAKE_REPORT) {
  writeFileSync(process.env.FAKE_REPORT, JSON.stringify({ argv: process.argv.slice(2), env: process.env }))
}
if (mode.includes('early')) {
  process.stderr.write(`cannot open the database, password ${password}, key ${process.env.FAKE_KEY}\n`)
  process.exit(3)
}
if (mode.includes('stubborn')) process.on('SIGTERM', () => process.stdout.write('no\n'))
if (mode.includes('tool')) {
  // As a tool's command that left the group and does not listen.
  spawn('setsid', ['bash', '-c', 'trap "" TERM INT; sleep 600 & wait; sleep 600'], { stdio: 'ignore' })
}
if (mode.includes('silent')) setInterval(() => undefined, 1_000)
else {
  createServer((_, response) => response.end('{}')).listen(port, '127.0.0.1', () => {
    const name = mode.includes('two') ? '' : 'opencode '
    // A banner may come in pieces.
    process.stdout.write(`Warning: something\n${name}server list`)
    setTimeout(() => {
      process.stdout.write(`ening on http://127.0.0.1:${port}\n`)
      if (mode.includes('chatty')) for (let i = 0; i < 20_000; i++) process.stdout.write(`${'x'.repeat(200)}\n`)
    }, 20)
  })
}
