/**
 * The folders of clean checkouts: one a task at work. What a task leaves is kept a while for the next one in the same
 * work tree, which then copies only what differs; nothing but files of results is handed on.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { reasonOf } from '../core/problem.ts'
import { CleanTree } from '../lib/clean-tree.ts'
import type { Dependencies } from '../lib/dependencies.ts'
import { newId } from '../lib/id.ts'
import type { Log } from '../lib/log.ts'
import { oneByOne } from '../lib/one-by-one.ts'

const idleMax = 3
const idleMs = 15 * 60_000

export interface Room {
  /** The work tree that it is made from; another worktree of its repository may stand for it. */
  root: string
  tree: CleanTree
  dependencies: Dependencies | null
  /** What is done in it. */
  alone: ReturnType<typeof oneByOne>
}

export interface RoomsOptions {
  /** Theirs alone. */
  folder: string
  clock: Clock
  log: Log
}

const nothing = async (): Promise<void> => undefined

interface Idle {
  room: Room
  since: number
}

export class Rooms {
  private readonly folder: string
  private readonly clock: Clock
  private readonly log: Log
  private readonly taken = new Map<string, Room>()
  private idle: Idle[] = []

  constructor({ folder, clock, log }: RoomsOptions) {
    this.folder = folder
    this.clock = clock
    this.log = log
  }

  /** The one of this task. */
  take(taskId: string, root: string): Room {
    const room = this.taken.get(taskId) ?? this.known(root) ?? this.fresh(root)
    this.taken.set(taskId, room)
    return room
  }

  private known(root: string): Room | undefined {
    const found = this.idle.findLast(({ room }) => room.root === root)
    this.idle = this.idle.filter((one) => one !== found)
    return found?.room
  }

  private fresh(root: string): Room {
    const path = join(this.folder, newId('c', this.clock.now()))
    return { root, tree: new CleanTree(path), dependencies: null, alone: oneByOne() }
  }

  /** The task has no more use for it. */
  async give(taskId: string): Promise<void> {
    const room = this.taken.get(taskId)
    if (!room) return
    this.taken.delete(taskId)
    await room.alone(nothing)
    await room.tree.handOver()
    room.dependencies = null
    this.idle.push({ room, since: this.clock.monotonic() })
    this.clock.after(idleMs, () => this.leave())
    await this.trim(idleMax)
  }

  /** Of all tasks. */
  async quiet(): Promise<void> {
    await Promise.all([...this.taken.values()].map((room) => room.alone(nothing)))
  }

  /** What a killed process left there. */
  async sweep(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    const mine = new Set([...this.taken.values(), ...this.idle.map(({ room }) => room)].map(({ tree }) => tree.path))
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name)
      if (!mine.has(path)) await rm(path, { recursive: true, force: true })
    }
  }

  private leave(): void {
    const old = this.clock.monotonic() - idleMs
    const kept = this.idle.filter(({ since }) => since > old)
    this.trim(kept.length).catch((error: unknown) =>
      this.log.warn({ why: reasonOf(error) }, 'a checkout that nobody uses was left behind'),
    )
  }

  /** The oldest go. */
  private async trim(max: number): Promise<void> {
    const gone = this.idle.splice(0, Math.max(0, this.idle.length - max))
    for (const { room } of gone) await rm(room.tree.path, { recursive: true, force: true })
  }
}
