import { describe, expect, it } from 'vitest'
import {
  commandIn,
  commands,
  commandsFor,
  draftAt,
  fileOffer,
  lineIn,
  unknownIn,
} from '../../frontend/src/model/commands.ts'
import { slashes } from '../../src/cli/chat/slash.ts'

describe('what is written behind a slash', () => {
  it.each([
    ['/compact', { name: 'compact', argument: '' }],
    ['  /rename A better title ', { name: 'rename', argument: 'A better title' }],
    ['/undo files', { name: 'undo', argument: 'files' }],
    ['/usr/bin/env', null],
    ['/nothing', null],
    ['say /compact', null],
  ])('%s', (text, expected) => {
    expect(commandIn(text)).toEqual(expected)
  })

  it.each([
    ['/comapct', 'comapct'],
    ['/Undo files', 'Undo'],
    ['/compact', null],
    [' /comapct', null],
    ['/usr/bin/env is missing', null],
    ['/', null],
  ])('is told when there is no such command: %s', (text, expected) => {
    expect(unknownIn(text)).toBe(expected)
  })

  it('does the same as in the chat of the terminal, where both have it', () => {
    const inChat = new Map(slashes.map(({ name, takes }) => [name, takes]))
    const shared = commands.filter(({ name }) => inChat.has(name))
    expect(shared.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['compact', 'export', 'model', 'new', 'remember', 'rename', 'undo']),
    )
  })

  it('is offered only when it can be done', () => {
    expect(commandsFor('s', true).map(({ name }) => name)).toEqual(['sessions', 'stop'])
    expect(commandsFor('s', false).map(({ name }) => name)).toEqual(['sessions'])
    expect(commandsFor('u', true)).toEqual([])
  })

  it.each([
    ['/co', { kind: 'command', typed: 'co', from: 0 }],
    ['/model cloud/', { kind: 'model', typed: 'cloud/', from: 7 }],
    ['see @src/up', { kind: 'file', typed: 'src/up', from: 4 }],
    ['see @"my pl', { kind: 'file', typed: 'my pl', from: 4 }],
    ['see @"my plan.md" and', null],
    ['/profile pl', { kind: 'profile', typed: 'pl', from: 9 }],
    ['ada@example.org', null],
    ['a /co', null],
  ])('at the cursor: %s', (text, expected) => {
    expect(draftAt(text, text.length)).toEqual(expected)
  })
})

describe('a name of a file and a line of the shell', () => {
  it('are told apart from words', () => {
    expect([fileOffer('a.md'), fileOffer('my plan.md'), fileOffer('a"b c')]).toEqual(['@a.md', '@"my plan.md"', null])
    expect([lineIn('!npm test'), lineIn('! ls\n'), lineIn('!'), lineIn('so!'), lineIn(' !no')]).toEqual([
      ...['npm test', 'ls', null, null, null],
    ])
  })
})
