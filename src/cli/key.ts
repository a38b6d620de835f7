/** `openloom key show|rotate`: the key that signs receipts. The private part is never shown. */
import { systemClock } from '../core/clock.ts'
import { Keyring, type PublicKey } from '../store/keyring.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { paint, print, printJson } from './terminal.ts'

export async function showKey(options: { json?: boolean }, shell: Shell): Promise<number> {
  const keyring = new Keyring(configOf(shell).config.data_dir, systemClock)
  await keyring.open()
  const keys = keyring.keys()
  const current = keys.at(-1)
  if (current) tell(keyring, { current, former: keys.slice(0, -1).reverse() }, options)
  return exit.ok
}

export async function rotateKey(options: { json?: boolean }, shell: Shell): Promise<number> {
  const keyring = new Keyring(configOf(shell).config.data_dir, systemClock)
  await keyring.open()
  const current = await keyring.rotate()
  tell(keyring, { current, former: keyring.keys().slice(0, -1).reverse() }, options)
  return exit.ok
}

interface Told {
  current: PublicKey
  former: PublicKey[]
}

/** The key alone on stdout: `openloom key show > key.pem` is what `verify receipt --key` takes. */
function tell(keyring: Keyring, { current, former }: Told, { json }: { json?: boolean }): void {
  const { keyid, publicKey, madeAt } = current
  const file = keyring.fileOf(keyid)
  if (json) {
    printJson({ keyid, publicKey, madeAt, file, former })
    return
  }
  print(publicKey.trimEnd())
  const say = (text: string) => process.stderr.write(`${paint('dim', text)}\n`)
  say(`key ${keyid}, made ${madeAt}, in ${file}`)
  for (const one of former) say(`former key ${one.keyid}, made ${one.madeAt}`)
}
