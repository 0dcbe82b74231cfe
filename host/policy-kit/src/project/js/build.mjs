// build.mjs PROJECT ENTRY WIT WORLD OUTPUT: makes a core module of an ES module, with the types of its interfaces
// in it and without any import of WASI. Prints {}, or what problem.mjs makes, on its last line.
import { readFile, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { componentize } from '@bytecodealliance/componentize-js';
import { told } from './problem.mjs';

const [project, entry, witPath, worldName, output] = process.argv.slice(2);
const folder = posix.dirname(entry);

// What the policy itself did wrong while it was built, in what the tool says about it.
async function problem(said) {
  const [, file, line, column, message] = /top-level script\n(.+?):(\d+):(\d+) (.+)/.exec(said) ?? [];
  if (file) {
    const text = await readFile(join(project, folder, file), 'utf8').catch(() => '');
    return told(folder, { file, line: Number(line), column: Number(column), text }, message);
  }
  const [, called] = /unknown imported function: 'pvmigrate:policy\/[^']+' '([^']+)'/.exec(said) ?? [];
  const early = `Error: ${called}() cannot be called before the policy is asked`;
  return called && told(folder, { file: posix.basename(entry) }, early);
}

try {
  const { component } = await componentize({
    sourcePath: join(project, entry),
    witPath,
    worldName,
    disableFeatures: ['random', 'stdio', 'clocks', 'http', 'fetch-event'],
  });
  await writeFile(output, component);
  console.log('{}');
} catch (error) {
  const wrong = await problem(error.message);
  if (wrong) {
    console.log(JSON.stringify(wrong));
  } else {
    // Where in the tool it was thrown says nothing about the policy.
    console.error(error.message);
    process.exitCode = 1;
  }
}
