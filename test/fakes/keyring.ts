/** A signing key in memory: for worlds whose receipts nobody reads back from a file. */
import { generateKeyPairSync } from 'node:crypto'
import { keyIdOf } from '../../src/lib/dsse.ts'
import type { Keyring } from '../../src/store/keyring.ts'

export function handKeyring(): Pick<Keyring, 'signer'> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { signer: () => ({ keyid: keyIdOf(publicKey), privateKey }) }
}
