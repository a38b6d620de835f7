/** What a command says about its tests, when it says so in a form that is known. Nothing here is believed or judged. */
import type { Census } from '../../core/check.ts'
import { isCargo, readCargo } from './cargo.ts'
import { GoTests, isGo } from './go.ts'
import { isJest, readJest } from './jest.ts'
import { objectsOf } from './json.ts'
import { isJunit, readJunit } from './junit.ts'
import { isPytest, readPytest } from './pytest.ts'
import { isSarif, readSarif } from './sarif.ts'
import { mergeCensus, Tally } from './tally.ts'
import { isTap, readTap } from './tap.ts'

export { mergeCensus }

/** `jest` is also the form of vitest. */
export type CensusFormat = JsonFormat | 'junit' | 'tap' | 'cargo'
type JsonFormat = 'jest' | 'pytest' | 'sarif' | 'go'

export const reportCharsMax = 32 * 1024 * 1024

/**
 * Null: no form that is known, cut off, or too long. `hint`: only this one. `root`: paths below it are named from
 * there.
 */
export function readCensus(text: string, hint?: CensusFormat, root = ''): Census | null {
  if (text.length > reportCharsMax) return null
  const wants = (format: CensusFormat) => hint === undefined || hint === format
  const inJson = jsonFormats.filter(wants)
  const found = inJson.length > 0 ? readJson(text, inJson, root) : null
  if (found) return found
  const tally = new Tally(root)
  if (wants('junit') && isJunit(text)) return readJunit(text, tally) ? tally.census('junit') : null
  if (wants('tap') && isTap(text)) {
    readTap(text, tally)
    return tally.census('tap')
  }
  if (!wants('cargo') || !isCargo(text)) return null
  readCargo(text, tally)
  return tally.census('cargo')
}

const jsonFormats: readonly JsonFormat[] = ['jest', 'pytest', 'sarif', 'go']
const fits: Record<JsonFormat, (value: unknown) => boolean> = {
  jest: isJest,
  pytest: isPytest,
  sarif: isSarif,
  go: isGo,
}

/** The first object that is known decides what the others have to be. */
function readJson(text: string, formats: readonly JsonFormat[], root: string): Census | null {
  const tally = new Tally(root)
  const go = new GoTests(tally)
  const read = { jest: readJest, pytest: readPytest, sarif: readSarif, go: (value: unknown) => go.see(value) }
  let chosen: JsonFormat | undefined
  for (const value of objectsOf(text)) {
    const format = (chosen ? [chosen] : formats).find((one) => fits[one](value))
    if (format) read[format](value, tally)
    chosen ??= format
  }
  go.end()
  return chosen ? tally.census(chosen) : null
}
