/**
 * Secrets that a person gave to keep: in the keychain of the system where there is one, else in a file that only the
 * owner may read. Values go to whoever uses them and nowhere else; the database never has one.
 */
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ProblemError, reasonOf } from '../core/problem.ts'
import { sha256 } from '../lib/digest.ts'
import { errnoOf, readBounded, writeAtomic } from '../lib/files.ts'
import type { Secrets } from '../lib/log.ts'

export type SecretPlace = 'keychain' | 'file'

const secretName = /^[a-z0-9][a-z0-9._-]{0,59}$/i
const valueCharsMax = 10_000
const fileBytesMax = 1024 * 1024
const keychainMs = 5_000

/** What is in the keychain is listed here too: a keychain cannot be asked for its names. */
const bookSchema = z.record(
  z.string().regex(secretName),
  z.union([
    z.strictObject({ place: z.literal('keychain') }),
    z.strictObject({ place: z.literal('file'), value: z.string() }),
  ]),
)

type Book = z.output<typeof bookSchema>

export class SecretStore {
  readonly path: string
  private readonly dataDir: string
  private readonly keychain: 'auto' | 'off'
  private readonly mask: Secrets

  constructor(dataDir: string, { keychain, mask }: { keychain: 'auto' | 'off'; mask: Secrets }) {
    this.dataDir = dataDir
    this.path = join(dataDir, 'secrets.json')
    this.keychain = keychain
    this.mask = mask
  }

  /** Null: there is none. From then on the value is hidden wherever it turns up in a log. */
  async read(name: string): Promise<string | null> {
    const kept = (await this.book())[name]
    if (!kept) return null
    const value = kept.place === 'file' ? kept.value : await this.fromKeychain(name)
    this.mask.add(value)
    return value
  }

  /**
   * Hides what the file holds from the first line of a log on. What only the keychain knows is hidden once it is read.
   */
  hideKept(): void {
    if (!existsSync(this.path)) return
    const book = bookSchema.safeParse(parseJson(readFileSync(this.path, 'utf8')))
    // A damaged file is told of when a secret is wanted.
    for (const kept of Object.values(book.data ?? {})) if (kept.place === 'file') this.mask.add(kept.value)
  }

  async set(name: string, value: string): Promise<SecretPlace> {
    if (!secretName.test(name)) throw new ProblemError(badName(name))
    if (value === '' || value.length > valueCharsMax || /[\p{Cc}]/u.test(value)) throw new ProblemError(badValue)
    this.mask.add(value)
    const place = (await this.toKeychain(name, value)) ? 'keychain' : 'file'
    const book = await this.book()
    await this.write({ ...book, [name]: place === 'file' ? { place, value } : { place } })
    return place
  }

  /** False: there was none. */
  async remove(name: string): Promise<boolean> {
    const { [name]: kept, ...others } = await this.book()
    if (!kept) return false
    if (kept.place === 'keychain') await (await this.entry(name)).deletePassword(AbortSignal.timeout(keychainMs))
    await this.write(others)
    return true
  }

  async list(): Promise<{ name: string; place: SecretPlace }[]> {
    return Object.entries(await this.book()).map(([name, { place }]) => ({ name, place }))
  }

  private async book(): Promise<Book> {
    try {
      const { bytes } = await readBounded(this.path, fileBytesMax)
      return bookSchema.parse(JSON.parse(bytes.toString('utf8')))
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return {}
      // The reason may hold a part of the text, which is secret.
      const why = error instanceof SyntaxError || error instanceof z.ZodError ? 'it is damaged' : reasonOf(error)
      const todo = 'Remove the file and set the secrets again.'
      throw new ProblemError({ kind: 'secrets-unreadable', text: `${this.path} cannot be read: ${why}.`, todo })
    }
  }

  private async write(book: Book): Promise<void> {
    await mkdir(this.dataDir, { recursive: true, mode: 0o700 })
    await chmod(this.dataDir, 0o700)
    await writeAtomic(this.path, `${JSON.stringify(book, null, 2)}\n`, { mode: 0o600 })
  }

  /** Loaded at first use: an optional package, native and large. */
  private async entry(name: string) {
    const { AsyncEntry } = await import('@napi-rs/keyring')
    return new AsyncEntry('openloom', `${sha256(this.dataDir).slice(0, 12)}/${name}`)
  }

  private async toKeychain(name: string, value: string): Promise<boolean> {
    if (this.keychain === 'off') return false
    try {
      const entry = await this.entry(name)
      await entry.setPassword(value, AbortSignal.timeout(keychainMs))
      return (await entry.getPassword(AbortSignal.timeout(keychainMs))) === value
    } catch {
      // No keychain here, or one that is locked: the file is the place for it.
      return false
    }
  }

  private async fromKeychain(name: string): Promise<string> {
    const problem = { kind: 'keychain-silent', text: `The keychain does not give the secret ${name}.` }
    const todo = `Unlock it, or run \`openloom secret set ${name}\` again.`
    if (this.keychain === 'off') throw new ProblemError({ ...problem, todo })
    try {
      const value = await (await this.entry(name)).getPassword(AbortSignal.timeout(keychainMs))
      if (value) return value
    } catch {
      // Said below, without what the keychain says.
    }
    throw new ProblemError({ ...problem, todo })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const badName = (name: string) => ({
  kind: 'bad-name',
  text: `"${name.slice(0, 60)}" is no name for a secret.`,
  todo: 'Take letters, digits, dots, dashes; the key of a provider has the name of the provider.',
})

const badValue = {
  kind: 'bad-secret',
  text: 'A secret is one line of text, not empty.',
  todo: 'Pipe it in: openloom secret set <name> < file',
}
