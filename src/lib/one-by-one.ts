/** Work that is done one piece at a time, in the order in which it was asked for. It bounds and stops nothing. */

/** A piece that fails is its caller's matter and holds up nobody behind it. */
export function oneByOne(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = last.then(work, work)
    last = mine
    return mine
  }
}
