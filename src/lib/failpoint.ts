/**
 * Named places at which a crash test kills this process as the
 * kernel would. Without OPENLOOM_FAILPOINT they do nothing.
 */

const [wantedName, wantedHit = '1'] = (process.env.OPENLOOM_FAILPOINT ?? '').split(':')
let hits = 0

/** Dies by SIGKILL at the n-th hit of the name in `OPENLOOM_FAILPOINT=name` or `name:n`. */
export function failpoint(name: string): void {
  if (name !== wantedName) return
  hits += 1
  if (hits === Number(wantedHit)) process.kill(process.pid, 'SIGKILL')
}
