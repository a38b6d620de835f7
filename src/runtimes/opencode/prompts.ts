/** What a session is told when its turn is entered again after it was cut off. */

const goalCharsMax = 20_000

export const continueText = (text: string): string =>
  [
    'Your last turn was cut off. Look at what is done already, repeat nothing that has an effect, and go on.',
    'This was the prompt:',
    text.slice(0, goalCharsMax),
  ].join('\n\n')
