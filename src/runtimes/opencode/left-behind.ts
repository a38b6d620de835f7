/**
 * Notes that let the next daemon find a server whose daemon was killed: one file a server in the data directory, for
 * its owner only. They hold no password.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeAtomic } from '../../lib/files.ts'
import type { ProcessId } from '../../lib/process-facts.ts'
import { readProcesses } from '../../lib/processes.ts'

/** `birth` names the process for good, in every process that looks, however the clock was set meanwhile. */
const processId = z.object({ pid: z.number().int().min(2), birth: z.string() })
const noteSchema = z.object({
  daemon: processId,
  server: processId.nullable(),
  port: z.number().int(),
  owner: z.string(),
})

export interface Left {
  file: string
  /** Null: it never came that far, it is gone, or its pid belongs to somebody else now. */
  server: ProcessId | null
  /** Mark of its processes. */
  owner: string
}

/** Start in ticks since this boot; where there is no /proc the start that `ps` tells, in whole seconds. Null: gone. */
async function birthOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '')
    return `${boot.trim()}/${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch {
    const row = process.platform === 'linux' ? undefined : (await readProcesses())?.get(pid)
    return row ? String(row.startedAt) : null
  }
}

export class LeftBehind {
  private readonly folder: string
  private readonly file: string

  constructor(dataDir: string) {
    this.folder = join(dataDir, 'opencode')
    this.file = join(this.folder, `${process.pid}-${randomBytes(4).toString('hex')}.json`)
  }

  /** Before the server is started without it, and again with it: at no moment it runs unknown. */
  async write(note: { server: number | null; port: number; owner: string }): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    const named = async (pid: number) => ({ pid, birth: (await birthOf(pid)) ?? '' })
    const server = note.server === null ? null : await named(note.server)
    const text = JSON.stringify({ daemon: await named(process.pid), ...note, server })
    await writeAtomic(this.file, `${text}\n`, { mode: 0o600 })
  }

  async clear(file = this.file): Promise<void> {
    await rm(file, { force: true })
  }

  /** Servers whose daemon is dead. */
  async abandoned(): Promise<Left[]> {
    const names = await readdir(this.folder).catch(() => [])
    const found: Left[] = []
    for (const name of names.filter((one) => one.endsWith('.json'))) {
      const file = join(this.folder, name)
      const note = await read(file)
      if (!note || (await livingOf(note.daemon))) continue
      found.push({ file, owner: note.owner, server: note.server && (await livingOf(note.server)) })
    }
    return found
  }
}

async function livingOf({ pid, birth }: z.output<typeof processId>): Promise<ProcessId | null> {
  return birth !== '' && (await birthOf(pid)) === birth ? ((await readProcesses())?.get(pid) ?? null) : null
}

async function read(file: string): Promise<z.output<typeof noteSchema> | null> {
  try {
    return noteSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    // Gone meanwhile, or none of ours: nothing is known of a server.
    return null
  }
}
