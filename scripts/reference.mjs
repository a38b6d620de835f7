/** `npm run reference`: writes docs/reference from the built program: schema, command line, HTTP API. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureBuild, ensurePackages, fail, root } from './ensure.mjs'

const program = join(root, 'dist/main.js')
const write = (name, text) => writeFileSync(join(root, 'docs/reference', name), text)

function ask(...args) {
  const done = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', env: { PATH: process.env.PATH } })
  if (done.status !== 0) fail(`openloom ${args.join(' ')} failed: ${done.stderr}`)
  return done.stdout.trimEnd()
}

/** Verbs as the help lists them; those of a verb that has verbs of its own follow it. */
function pagesOf(verb) {
  const help = ask(...verb, '--help')
  const list = /\nCommands:\n([\s\S]*?)(\n\n|$)/.exec(help)?.[1] ?? ''
  const names = [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map((match) => match[1]).filter((name) => name !== 'help')
  const page = `## openloom${verb.map((word) => ` ${word}`).join('')}\n\n\`\`\`text\n${help}\n\`\`\`\n`
  return [page, ...names.flatMap((name) => pagesOf([...verb, name]))]
}

async function openapi() {
  const home = mkdtempSync(join(tmpdir(), 'openloom-reference-'))
  const env = { PATH: process.env.PATH, HOME: home, OPENLOOM_UI_PORT: '0', OPENLOOM_SAMPLE: 'off' }
  const daemon = spawn(process.execPath, [program, 'serve'], { cwd: home, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => daemon.once('exit', resolve))
  try {
    const url = await new Promise((resolve, reject) => {
      let text = ''
      daemon.stdout.on('data', (chunk) => {
        text += chunk
        const found = /http:\/\/[\d.]+:\d+/.exec(text)
        if (found) resolve(found[0])
      })
      daemon.once('exit', () => reject(new Error('the daemon ended before it listened')))
    })
    const token = readFileSync(join(home, '.local/share/openloom/token'), 'utf8').trim()
    const answer = await fetch(`${url}/api/openapi.json`, { headers: { authorization: `Bearer ${token}` } })
    return await answer.json()
  } finally {
    daemon.kill()
    await ended
    rmSync(home, { recursive: true, force: true })
  }
}

ensurePackages()
await ensureBuild()
mkdirSync(join(root, 'docs/reference'), { recursive: true })
write('openloom.schema.json', `${ask('config', 'schema')}\n`)
const intro = '# The command line\n\nMade by `npm run reference` from the program itself. What it means: '
write('cli.md', [`${intro}[guide/cli.md](../guide/cli.md).\n`, ...pagesOf([])].join('\n'))
write('openapi.json', `${JSON.stringify(await openapi(), null, 2)}\n`)
