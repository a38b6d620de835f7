# Makes a small project in the current folder: a sum that is wrong, and two tests, one of which fails.
set -e
mkdir test
echo '{ "type": "module", "scripts": { "test": "node --test --test-reporter=tap" } }' > package.json
echo 'export const sum = (a, b) => a - b' > sum.js
echo 'local.json' > .gitignore
echo '# Sums' > README.md
cat > test/sum.test.js <<'TEST'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sum } from '../sum.js'

test('adds two numbers', () => assert.equal(sum(1, 2), 3))
test('adds nothing', () => assert.equal(sum(1, 0), 1))
TEST
git init -q -b main
git add --all
git -c user.name=you -c user.email=you@example.org -c commit.gpgsign=false commit -q -m start
