/** Lines in which bash computes something, or takes the name of a variable, and what is known of them. */
import type { Rule } from '../../../src/agent/permission/rules.ts'
import { allow, narrow } from './table.ts'

const shellText = String.raw

/** `narrow`, and what the shell does by itself. */
export const ownCommands: readonly Rule[] = [
  ...narrow,
  ...'printf test [ read declare local export readonly typeset unset wait getopts mapfile let set :'
    .split(' ')
    .map((name) => allow(`${name} *`)),
]

/** Bash runs what stands in an index: none of these is allowed by `ownCommands`, and none only reads. */
export const computed: readonly string[] = [
  shellText`echo ${'$'}{x['$(rm x)']}`,
  shellText`echo ${'$'}{#x['$(rm x)']}`,
  shellText`for a in 'b[$(rm x)]'; do echo ${'$'}{x[a]}; done`,
  shellText`echo $(('a[$(rm x)]'))`,
  shellText`echo $['a[$(rm x)]']`,
  shellText`echo "$(("a[\$(rm x)]"))"`,
  shellText`cat <<< $(('a[$(rm x)]'))`,
  shellText`for x in 'a[$(rm x)]'; do echo $((x)); done`,
  shellText`for x in 'a[$(rm x)]'; do echo $(($x + 1)); done`,
  shellText`for x in 1 'a[$(rm x)]'; do echo ${'$'}{y:x:1}; done`,
  shellText`for x in 1 'a[$(rm x)]'; do echo ${'$'}{y:0:x}; done`,
  shellText`for x in 'a[$(rm x)]'; do echo ${'$'}{!x}; done`,
  shellText`for x in 'a[$(rm x)]'; do for ((i=x;i<1;i++)); do ls; done; done`,
  shellText`for SECONDS in 'a[$(rm x)]'; do ls; done`,
  shellText`read RANDOM <<< 'a[$(rm x)]'`,
  shellText`export OPTIND="$x"`,
  shellText`for x; do echo $((x)); done`,
  shellText`echo $(($1))`,
  shellText`echo ${'$'}{x:='a[$(rm x)]'} $((x))`,
  shellText`((x='a[$(rm x)]')) ; ls`,
  shellText`((x = $(cat f))) ; ls`,
  shellText`: 'a[$(rm x)]'; echo $((_))`,
  shellText`echo $((PATH=1)); ls`,
  shellText`[[ 'a[$(rm x)]' -eq 1 ]] && ls`,
  shellText`[[ $(cat f) -gt 1 ]] && ls`,
  shellText`[[ -v 'a[$(rm x)]' ]] || ls`,
  shellText`[[ -R 'a[$(rm x)]' ]] || ls`,
  shellText`for x in 'a[$(rm x)]'; do [[ -v $x ]]; done; ls`,
  shellText`test -v 'a[$(rm x)]'`,
  shellText`[ -v 'a[$(rm x)]' ]`,
  shellText`[ ! -v "$x" ]`,
  shellText`[ "$x" "$y" ]`,
  shellText`[ $x = 1 ]`,
  shellText`[ "$@" ]`,
  shellText`command test -v 'a[$(rm x)]'`,
  shellText`builtin [ -v 'a[$(rm x)]' ]`,
  shellText`printf -v 'a[$(rm x)]' x`,
  shellText`printf -v'a[$(rm x)]' x`,
  shellText`printf "$x" y`,
  shellText`printf %n 'a[$(rm x)]'`,
  shellText`printf 'a%-5ln' 'a[$(rm x)]'`,
  shellText`read 'a[$(rm x)]' <<< x`,
  shellText`read -r "$x" <<< x`,
  shellText`read x <<< 'a[$(rm x)]'; echo $((x))`,
  shellText`read -r <<< 'a[$(rm x)]'; echo $((REPLY))`,
  shellText`printf -v x %s 'a[$(rm x)]'; echo $((x))`,
  shellText`declare 'a[$(rm x)]=1'`,
  shellText`declare -i x=$y; ls`,
  shellText`declare -a 'x=([$(rm x)]=1)'`,
  shellText`local 'a[$(rm x)]=1'`,
  shellText`typeset 'a[$(rm x)]=1'`,
  shellText`export 'a[$(rm x)]=1'`,
  shellText`export "$x"`,
  shellText`readonly 'a[$(rm x)]=1'`,
  shellText`declare -n x=y; echo $x`,
  shellText`unset 'a[$(rm x)]'`,
  shellText`unset "$x"`,
  shellText`wait -p 'a[$(rm x)]' -n`,
  shellText`wait "$x"`,
  shellText`mapfile 'a[$(rm x)]' < /dev/null`,
  shellText`getopts a 'a[$(rm x)]' -a`,
  shellText`ls {a['$(rm x)']}>&1`,
  shellText`bash -c 'echo $(($1))' x 'a[$(rm x)]'`,
  shellText`echo 'a[$(rm x)]' | xargs -I{} bash -c 'echo $(({}))'`,
  shellText`echo '; rm x' | xargs -I@ bash -c 'echo @'`,
]

/** The same shapes, where each value is plainly a number or a name: allowed by `ownCommands`. */
export const counted: readonly string[] = [
  'echo $((1+2))',
  'echo "$(( (3 << 2) * 16#ff ))"',
  'for i in 1 2 3; do echo $((i + 1)); done',
  'for i in {1..3}; do echo "$((i * $i))"; done',
  'for ((i = 0; i < 3; i++)); do ls; done',
  shellText`for x in a b; do echo ${'$'}{x:0:1} ${'$'}{#x} ${'$'}{x%.ts} ${'$'}{x/a/b}; done`,
  'test -v HOME && ls',
  '[ -n "$x" ] && ls',
  '[ "$x" = "$y" ] || ls',
  'for i in 1 2; do [ $i -lt 2 ] && ls; done',
  'for i in 1 2; do [[ $i -lt 2 ]] && ls; done',
  '[[ $x == a* && -f $y ]] && ls',
  '[ $# -gt 0 ] && [ $? -eq 0 ]',
  shellText`printf '%s
' "$x" "$y"`,
  shellText`printf "$x
"`,
  'cat f | while read -r one two; do echo "$one"; done',
  'read -rp "$x" y',
  'export A="$x" B=2',
  'unset x y',
  'ls & wait $!',
]
