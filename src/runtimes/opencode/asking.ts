/**
 * Messages that ask for something, and which of them are finished: the server goes on listing the asks of an aborted
 * turn, also while the next one runs. It knows no session.
 */

const messagesMax = 1_000

export class Asking {
  private readonly messages = new Map<string, 'asks' | 'finished'>()

  /** False: the message is finished, so that nobody waits for an answer. Null: of no message. */
  asks(messageId: string | null): boolean {
    if (messageId === null) return true
    const isFinished = this.messages.get(messageId) === 'finished'
    if (!isFinished) this.note(messageId, 'asks')
    return !isFinished
  }

  finish(messageId: string): void {
    if (this.messages.has(messageId)) this.note(messageId, 'finished')
  }

  private note(messageId: string, state: 'asks' | 'finished'): void {
    this.messages.set(messageId, state)
    const [oldest] = this.messages.keys()
    if (this.messages.size > messagesMax && oldest !== undefined) this.messages.delete(oldest)
  }
}
