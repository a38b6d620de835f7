/** Named places where a crash test kills the process: `OPENLOOM_FAILPOINT=name` or `name:N` for the N-th time there. */

const [wanted, nth] = (process.env.OPENLOOM_FAILPOINT ?? '').split(':')
let hits = 0

export function failpoint(name: string): void {
  if (!wanted || wanted !== name) return
  hits++
  if (hits >= Number(nth ?? 1)) process.kill(process.pid, 'SIGKILL')
}
