/** What a part of the fire drill found. `untried` is no pass: nothing is known then. */

export type Finding = { result: 'caught' | 'missed' | 'untried'; text: string }

export const caught = (text: string): Finding => ({ result: 'caught', text })
export const missed = (text: string): Finding => ({ result: 'missed', text })
export const untried = (text: string): Finding => ({ result: 'untried', text })

/** Ends an item from anywhere within. */
export class Ended extends Error {
  readonly finding: Finding

  constructor(finding: Finding) {
    super(finding.text)
    this.finding = finding
  }
}
