/** Signed-in browsers over HTTP: which there are, and their end, also of one that is lost. */
import { Hono } from 'hono'
import { describeRoute } from 'hono-openapi'
import { refusal, type ServerWorld, type Variables } from '../context.ts'
import { answers } from './answers.ts'

/** `GET /api/logins`: the newest first; instants in epoch ms. */
export interface LoginList {
  items: { id: string; createdAt: number; expiresAt: number; current: boolean }[]
}

/** `DELETE /api/logins` and `/api/logins/{id}`: how many ended. */
export interface LoginsEnded {
  ended: number
}

const idLength = 12
const idOf = (digest: string): string => digest.slice(0, idLength)

export function loginRoutes({ auth, store }: ServerWorld) {
  return new Hono<Variables>()
    .get('/', describeRoute(answers('Browsers that are signed in')), (c) => {
      const items = store.logins.list().map(({ digest, createdAt, expiresAt }) => {
        return { id: idOf(digest), createdAt, expiresAt, current: digest === c.get('login') }
      })
      return c.json({ items } satisfies LoginList)
    })
    .delete('/', describeRoute(answers('Sign out every browser but the one that asks')), (c) => {
      return c.json({ ended: auth.endOthers(c.get('login')) } satisfies LoginsEnded)
    })
    .delete('/:id', describeRoute(answers('Sign out one browser')), (c) => {
      const found = store.logins.list().filter(({ digest }) => idOf(digest) === c.req.param('id'))
      if (found.length === 0) return refusal(c, 404, unknownLogin)
      auth.end(found)
      return c.json({ ended: found.length } satisfies LoginsEnded)
    })
}

const unknownLogin = {
  kind: 'unknown-login',
  text: 'No browser is signed in under this id.',
  todo: 'List them with `openloom logins`.',
}
