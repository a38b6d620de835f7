import { readFile, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { toolWorld } from '../../fakes/tool-world.ts'

const notebook = `{
 "cells": [
  {
   "cell_type": "markdown",
   "id": "intro",
   "metadata": {},
   "source": [
    "# Title\\n",
    "Text with \\"quotes\\" and } ]"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 3,
   "id": "sum",
   "metadata": {"tags": ["x"]},
   "outputs": [
    {"name": "stdout", "output_type": "stream", "text": ["three\\n"]},
    {"data": {"image/png": "iVBOR", "text/plain": ["3"]}, "output_type": "execute_result"}
   ],
   "source": "1 + 2"
  }
 ],
 "metadata": {"kernelspec": {"name": "python3"}},
 "nbformat": 4,
 "nbformat_minor": 5
}
`

async function open(text = notebook) {
  const world = await toolWorld()
  const file = await world.put('a.ipynb', text)
  await world.use('read', { file_path: 'a.ipynb' })
  const edit = (input: Record<string, unknown>) => world.use('notebook_edit', { file_path: 'a.ipynb', ...input })
  return { world, file, edit, text: () => readFile(file, 'utf8') }
}

describe('TL-1 notebooks', () => {
  it('are read as cells with ids and the text of their outputs', async () => {
    const { world } = await open()
    const { output } = await world.use('read', { file_path: 'a.ipynb' })
    expect(output.split('\n\n')).toEqual([
      'Notebook with 2 cells',
      '=== cell intro (markdown)\n# Title\nText with "quotes" and } ]',
      '=== cell sum (code) [3]\n1 + 2\n--- output\nthree\n--- output\n3\n(also as image/png)',
    ])
    const part = await world.use('read', { file_path: 'a.ipynb', limit: 1 })
    expect(part.output).toContain('(more cells follow; go on with offset 1)')
  })

  it('that cannot be read as such are text', async () => {
    const { world } = await open('{"cells": 1}')
    expect((await world.use('read', { file_path: 'a.ipynb' })).output).toBe('     1\t{"cells": 1}')
  })
})

describe('TL-10 notebook_edit', () => {
  it('edits a cell by id, the rest byte-equal', async () => {
    const { edit, text } = await open()
    const first = await edit({ cell_id: 'intro', source: '# New\n\nEnd' })
    expect(first).toMatchObject({ ok: true, facts: { path: expect.stringContaining('a.ipynb') } })
    const lines = '    "# New\\n",\n    "\\n",\n    "End"'
    const once = notebook.replace(/ {4}"# Title\\n",\n.*\]"/, lines)
    expect(await text()).toBe(once)
    await edit({ cell_id: 'sum', source: 'x = "a"' })
    expect(await text()).toBe(once.replace('"1 + 2"', '"x = \\"a\\""'))
  })

  it('inserts behind a cell, at the start, and into nothing; deletes first and last', async () => {
    const { edit, text } = await open()
    await edit({ mode: 'insert', cell_id: 'intro', source: 'a\nb' })
    await edit({ mode: 'insert', cell_type: 'markdown', source: 'top' })
    const ids = async () => JSON.parse(await text()).cells.map((cell: { id: string }) => cell.id)
    expect(await ids()).toEqual(['new-4', 'intro', 'new-3', 'sum'])
    expect(JSON.parse(await text()).cells[2]).toEqual({
      ...{ cell_type: 'code', execution_count: null, id: 'new-3', metadata: {}, outputs: [] },
      source: ['a\n', 'b'],
    })
    for (const cell_id of ['new-4', 'new-3']) await edit({ mode: 'delete', cell_id })
    expect(await text()).toBe(notebook)
    for (const cell_id of ['sum', 'intro']) await edit({ mode: 'delete', cell_id })
    expect(await ids()).toEqual([])
    await edit({ mode: 'insert', source: 'x' })
    expect(await ids()).toEqual(['new-1'])
  })

  it('keeps a notebook of one line in one line, and one without ids without', async () => {
    const old = '{"cells": [{"cell_type": "raw", "metadata": {}, "source": ["a"]}], "nbformat": 4, "nbformat_minor": 4}'
    const { edit, text } = await open(old)
    expect(await edit({ cell_id: 'cell-0', source: 'b' })).toMatchObject({ ok: true })
    expect(await text()).toBe(old.replace('"a"', '"b"'))
    await edit({ mode: 'insert', cell_id: 'cell-0', cell_type: 'markdown', source: 'c' })
    expect(await text()).toContain('["b"]},{"cell_type":"markdown","metadata":{},"source":["c"]}]')
  })

  it('is refused for what changed since it was read, for no such cell and no notebook', async () => {
    const { edit, file, world } = await open()
    expect((await edit({ cell_id: 'none', source: 'x' })).output).toBe('There is no cell none. There are: intro, sum.')
    await writeFile(file, notebook.replace('Title', 'Other'))
    expect(await edit({ cell_id: 'sum', source: 'x' })).toMatchObject({ ok: false, output: /changed since/ })
    await world.put('b.ipynb', 'text')
    expect((await world.use('notebook_edit', { file_path: 'b.ipynb', cell_id: 'x' })).output).toContain('not read')
    await world.use('read', { file_path: 'b.ipynb' })
    expect((await world.use('notebook_edit', { file_path: 'b.ipynb', cell_id: 'x' })).output).toContain('no notebook')
  })
})
