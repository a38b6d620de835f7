/** `openloom secret set|list|remove`: keys of providers. The value comes from standard input, never as an argument. */
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { Secrets } from '../lib/log.ts'
import { SecretStore } from '../store/secrets.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { print, printJson } from './terminal.ts'

interface Options {
  json?: boolean
}

export async function setSecret(name: string, { json }: Options, shell: Shell): Promise<number> {
  const place = await storeOf(shell).set(name, await readValue(name))
  if (json) printJson({ name, place })
  else print(`Kept ${name} in the ${place}.`)
  return exit.ok
}

export async function listSecrets({ json }: Options, shell: Shell): Promise<number> {
  const found = await storeOf(shell).list()
  if (json) printJson(found)
  else if (found.length === 0) print('No secrets are kept.')
  else for (const { name, place } of found) print(`${name}  ${place}`)
  return exit.ok
}

export async function removeSecret(name: string, { json }: Options, shell: Shell): Promise<number> {
  const removed = await storeOf(shell).remove(name)
  if (json) printJson({ name, removed })
  else print(removed ? `Removed ${name}.` : `There is no secret ${name}.`)
  return removed ? exit.ok : exit.failed
}

function storeOf(shell: Shell): SecretStore {
  const { data_dir, keychain } = configOf(shell).config
  return new SecretStore(data_dir, { keychain, mask: new Secrets() })
}

/** The first line. At a terminal it is asked for, and what is typed is not shown. */
async function readValue(name: string): Promise<string> {
  const mute = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = process.stdin.isTTY === true
  if (terminal) process.stderr.write(`Value of ${name}: `)
  const lines = createInterface({ input: process.stdin, output: mute, terminal })
  try {
    for await (const line of lines) return line.trim()
    return ''
  } finally {
    lines.close()
    if (terminal) process.stderr.write('\n')
  }
}
