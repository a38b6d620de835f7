/** The store of the data directory for verbs that work beside a daemon or without one. It starts nothing. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadedConfig } from '../config.ts'
import { systemClock } from '../core/clock.ts'
import { openStore, type Store } from '../store/open.ts'

export async function withStore<T>({ config }: LoadedConfig, work: (store: Store) => T | Promise<T>): Promise<T> {
  mkdirSync(config.data_dir, { recursive: true, mode: 0o700 })
  const store = openStore({ path: join(config.data_dir, 'openloom.db'), clock: systemClock })
  try {
    return await work(store)
  } finally {
    store.close()
  }
}
