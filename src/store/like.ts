/** Words of a person in a LIKE pattern: only they themselves, never a pattern of their own. */
import { type Column, type SQL, sql } from 'drizzle-orm'

const plain = (words: string): string => words.replace(/[\\%_]/g, '\\$&')

/** Case does not count. */
export const holds = (column: Column, words: string): SQL => sql`${column} like ${`%${plain(words)}%`} escape '\\'`
export const begins = (column: Column, words: string): SQL => sql`${column} like ${`${plain(words)}%`} escape '\\'`
