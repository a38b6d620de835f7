# Lets a scripted agent work in a small new project, with a daemon of its own: bash specs/verdicts/try.sh weakened
set -e
here=$(cd "$(dirname "$0")" && pwd)
spec=$here/$1.yaml
if [ ! -f "$spec" ]; then cd "$here"; echo "Which one? $(ls *.yaml | sed 's/\.yaml//' | tr '\n' ' ')"; exit 2; fi
openloom() { node "$here/../../dist/main.js" "$@"; }

folder=$(mktemp -d)
mkdir "$folder/project"
cd "$folder/project"
bash "$here/project.sh"

cd "$folder"
export OPENLOOM_DATA_DIR="$folder/data" OPENLOOM_BASE_URL=http://127.0.0.1:8099/v1 OPENLOOM_MODEL=scripted-model
node "$here/../../dist/main.js" scripted-model "$here/agent.json" --port 8099 > model.log & model=$!
node "$here/../../dist/main.js" serve --port 0 > daemon.log 2>&1 & daemon=$!
trap 'kill $model $daemon 2> /dev/null; wait; echo; echo "Its project: $folder/project"' EXIT
until openloom status > /dev/null 2>&1; do kill -0 $daemon; sleep 0.2; done

id=$(openloom add --file "$spec" --workspace "$folder/project" --json | grep -o 't_[a-z0-9]*' | head -1)
test -n "$id"
openloom watch "$id" > /dev/null || true
openloom show "$id"
if [ "$2" = accept ]; then
  openloom accept "$id" --yes
  openloom watch "$id" > /dev/null || true
  openloom show "$id"
fi
