/** What was going on in a session when its program was killed, for who goes on in it. It runs nothing again. */
import type { KnownSession } from '../store/watched.ts'
import { callWords } from './chat/view.ts'
import type { Runner } from './runner.ts'
import { cut, paint, safe } from './terminal.ts'

/** None where nothing of it is unknown. */
export async function lostWords({ edits }: Runner['talk'], session: KnownSession): Promise<string[]> {
  await edits.mend([session])
  const lost = edits.lost(session).map(({ name, argumentsText }) => `    ${safe(name)} ${callLine(argumentsText)}`)
  const words =
    'OpenLoom was ended in the middle of this; whether it happened is not known. Look before it is run again:'
  return lost.length > 0 ? [paint('yellow', words), ...lost] : []
}

const callLine = (argumentsText: string): string => cut(callWords(argumentsText), 300)
