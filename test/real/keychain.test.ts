/** A real keychain (GNOME's, on a session bus of its own): it keeps the secret, and the data folder has none of it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Secrets } from '../../src/lib/log.ts'
import { SecretStore } from '../../src/store/secrets.ts'
import { eventually } from '../fakes/daemon.ts'

const programs = ['dbus-daemon', 'gnome-keyring-daemon', 'secret-tool']
const isInstalled = programs.every((name) => spawnSync('which', [name]).status === 0)

/** One that starts nothing by itself: else who asks first gets a keychain that is locked. */
const busConfig = (folder: string) => `<busconfig>
  <type>session</type><listen>unix:dir=${folder}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>`

describe.skipIf(!isInstalled)('a secret in the keychain of the system', () => {
  const folder = mkdtempSync(join(tmpdir(), 'openloom-keychain-'))
  const before = process.env.DBUS_SESSION_BUS_ADDRESS
  const running: ChildProcess[] = []
  const store = () => new SecretStore(join(folder, 'data'), { keychain: 'auto', mask: new Secrets() })
  const env = () => ({
    ...{ PATH: process.env.PATH, HOME: folder, XDG_RUNTIME_DIR: folder },
    DBUS_SESSION_BUS_ADDRESS: process.env.DBUS_SESSION_BUS_ADDRESS,
  })
  /** What the keychain says of all that is ours; null: it does not answer. */
  const lookUp = async (): Promise<string | null> => {
    const child = spawn('secret-tool', ['search', '--all', 'service', 'openloom'], { env: env(), timeout: 5_000 })
    const said = text(child.stdout)
    const [code] = (await once(child, 'exit')) as [number | null]
    return code === 0 ? said : null
  }

  beforeAll(async () => {
    chmodSync(folder, 0o700)
    writeFileSync(join(folder, 'bus.conf'), busConfig(folder))
    const config = `--config-file=${join(folder, 'bus.conf')}`
    const bus = spawn('dbus-daemon', [config, '--nofork', '--print-address'], {
      env: { PATH: process.env.PATH, HOME: folder },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    running.push(bus)
    const [address] = (await once(bus.stdout, 'data')) as [Buffer]
    process.env.DBUS_SESSION_BUS_ADDRESS = address.toString().trim()
    const keyring = spawn('gnome-keyring-daemon', ['--unlock', '--foreground', '--components=secrets'], {
      env: env(),
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    running.push(keyring)
    keyring.stdin.end('a password')
    await eventually('the keychain answers', lookUp)
  })
  afterAll(async () => {
    const alive = running.filter((child) => child.exitCode === null && child.signalCode === null)
    for (const child of alive) child.kill('SIGKILL')
    await Promise.all(alive.map((child) => once(child, 'exit')))
    if (before === undefined) delete process.env.DBUS_SESSION_BUS_ADDRESS
    else process.env.DBUS_SESSION_BUS_ADDRESS = before
    rmSync(folder, { recursive: true, force: true })
  })

  it('is there and nowhere else, is read by the next program, and goes when it is removed', async () => {
    expect(await store().set('openai', 'sk-very-secret-value')).toBe('keychain')
    expect(await lookUp()).toContain('sk-very-secret-value')
    expect(readFileSync(store().path, 'utf8')).not.toContain('sk-very-secret-value')
    expect(await store().read('openai')).toBe('sk-very-secret-value')
    expect(await store().remove('openai')).toBe(true)
    expect(await lookUp()).not.toContain('sk-very-secret-value')
    expect(await store().read('openai')).toBe(null)
  })

  it('is asked for in words when the keychain is gone, and a new one goes to the file', async () => {
    expect(await store().set('anthropic', 'sk-another-secret')).toBe('keychain')
    const [, keyring] = running
    const ended = once(keyring as ChildProcess, 'exit')
    keyring?.kill('SIGKILL')
    await ended
    await expect(store().read('anthropic')).rejects.toThrow('does not give the secret anthropic')
    expect(await store().set('gemini', 'sk-third-secret')).toBe('file')
    expect(await store().read('gemini')).toBe('sk-third-secret')
  })
})
