// modules.mjs PROJECT ENTRY EXPORT...: prints the ES modules of a project as scripts for the engine, or what is wrong
// with them: {main, files: {name: text}}, or what problem.mjs makes. Nothing of the project runs here.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { SourceTextModule } from 'node:vm';
import { parseSync } from 'oxc-parser';
import { told } from './problem.mjs';

const HOST = {
  'pvmigrate:policy/log@0.2.0': ['write'],
  'pvmigrate:policy/snapshot@0.2.0': ['get', 'find'],
};

class Problem extends Error {
  constructor(place, message) {
    super(message);
    this.place = place;
  }
}

const at = (file, text, index) => {
  const lines = text.slice(0, index).split('\n');
  return { file, line: lines.length, column: lines.at(-1).length + 1, text };
};

// The words are those of V8, which names a mistake as the author's browser does.
function check(file, text, errors) {
  try {
    new SourceTextModule(text, { identifier: file });
  } catch (error) {
    throw new Problem(placed(file, text) ?? { file, line: 0, column: 0 }, `${error}`);
  }
  if (errors.length > 0) {
    const [{ labels, message }] = errors;
    throw new Problem(at(file, text, labels[0]?.start ?? 0), `SyntaxError: ${message}`);
  }
}

// Asks Node.js for the place, which it has only as text.
function placed(file, text) {
  const dir = mkdtempSync(join(tmpdir(), 'pvmigrate-'));
  try {
    const module = join(dir, 'module.mjs');
    writeFileSync(module, text);
    const { stderr } = spawnSync(process.execPath, ['--check', module], { encoding: 'utf8' });
    const [, line, caret] = /module\.mjs:(\d+)\n.*\n([ \t]*)\^/.exec(stderr) ?? [];
    return line && { file, line: Number(line), column: caret.length + 1, text };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const nameOf = (node) => node.name ?? node.value;

// The names that a declaration or a pattern binds.
function bound(node) {
  switch (node?.type) {
    case 'VariableDeclaration':
      return node.declarations.flatMap(({ id }) => bound(id));
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
      return [node.id.name];
    case 'Identifier':
      return [node.name];
    case 'ObjectPattern':
      return node.properties.flatMap((property) => bound(property.value ?? property));
    case 'ArrayPattern':
      return node.elements.flatMap(bound);
    case 'AssignmentPattern':
      return bound(node.left);
    case 'RestElement':
      return bound(node.argument);
    default:
      return [];
  }
}

// Reads a module and all that it imports into `known`.
function visit(root, file, known, missing) {
  if (known.has(file)) return;
  let text;
  try {
    text = readFileSync(join(root, file), 'utf8');
  } catch (error) {
    throw missing(error.code === 'ENOENT' ? 'there is no such file' : error.message);
  }
  const { program, errors } = parseSync(file, text, { sourceType: 'module', lang: 'js' });
  check(file, text, errors);
  // `from` are the modules it needs, in order; `imports` and `exports` are its names with where they are; `cuts` are the
  // words that only modules have.
  const module = { text, from: [], imports: [], exports: new Map(), stars: [], cuts: [] };
  known.set(file, module);
  const from = (source) => {
    const problem = (why) => new Problem(at(file, text, source.start), `cannot import '${source.value}': ${why}`);
    const wanted = source.value;
    let found = wanted;
    if (!Object.hasOwn(HOST, wanted)) {
      if (!/^\.\.?\//.test(wanted)) {
        throw problem(`a policy imports its own files ('./...') and ${Object.keys(HOST).join(', ')}`);
      }
      found = posix.join(posix.dirname(file), wanted);
      if (found.startsWith('../')) throw problem('it lies outside of the folder of the policy');
      visit(root, found, known, problem);
    }
    if (!module.from.includes(found)) module.from.push(found);
    return found;
  };
  const cut = (start, end, instead = ';') => module.cuts.push({ start, end, instead });
  const exported = (name, what) => module.exports.set(name, what);
  for (const node of program.body) {
    const { start, end, declaration } = node;
    switch (node.type) {
      case 'ImportDeclaration': {
        const source = from(node.source);
        for (const one of node.specifiers) {
          const whole = { ImportNamespaceSpecifier: '*', ImportDefaultSpecifier: 'default' }[one.type];
          const name = whole ?? nameOf(one.imported);
          module.imports.push({ local: one.local.name, from: source, name, start: one.start });
        }
        cut(start, end);
        break;
      }
      case 'ExportAllDeclaration': {
        const source = from(node.source);
        if (node.exported) exported(nameOf(node.exported), { from: source, name: '*', start });
        else module.stars.push(source);
        cut(start, end);
        break;
      }
      case 'ExportDefaultDeclaration': {
        const local = /^(Function|Class)Declaration$/.test(declaration.type) && declaration.id?.name;
        exported('default', { local: local || '$pv.default' });
        cut(start, declaration.start, local ? ';' : '$pv.default  =');
        break;
      }
      case 'ExportNamedDeclaration': {
        for (const name of bound(declaration)) exported(name, { local: name });
        const source = node.source && from(node.source);
        for (const one of node.specifiers) {
          const name = nameOf(one.local);
          exported(nameOf(one.exported), source ? { from: source, name, start: one.start } : { local: name });
        }
        cut(start, declaration?.start ?? end);
      }
    }
  }
}

function provides(known, file, name, seen = new Set()) {
  if (name === '*' || HOST[file]) return name === '*' || HOST[file].includes(name);
  if (seen.has(file)) return false;
  seen.add(file);
  const { exports, stars } = known.get(file);
  return exports.has(name) || (name !== 'default' && stars.some((star) => provides(known, star, name, seen)));
}

// A module as an expression: a function of what links it. Each line and column stays where it is, so imported names are
// not replaced but looked up in the object of a `with`, as late as modules do.
function script(file, { text, from, imports, exports, stars, cuts }) {
  let body = text;
  for (const { start, end, instead } of cuts.sort((one, other) => other.start - one.start)) {
    const blank = body.slice(start + instead.length, end).replace(/[^\r\n]/g, ' ');
    body = body.slice(0, start) + instead + blank + body.slice(end);
  }
  const quoted = JSON.stringify;
  const module = (source) => `$pv${from.indexOf(source)}`;
  const value = (one) => one.local ?? module(one.from) + (one.name === '*' ? '' : `[${quoted(one.name)}]`);
  const getter = (name, value) => `get ${quoted(name)}() { return ${value}; }, `;
  const names = imports.map(({ local, ...one }) => getter(local, value(one))).join('');
  const own = [...exports].map(([name, one]) => getter(name, value(one))).join('');
  const links = from.map((source) => `${module(source)} = $pv.import(${quoted(source)}); `).join('');
  const all = stars.map((source) => `$pv.all(${module(source)}); `).join('');
  const declared = from.length > 0 ? `let ${from.map(module).join(', ')}; ` : '';
  return (
    `(function ($pv) { ${declared}with ({ __proto__: null, ${names}}) (function () { "use strict"; ` +
    `$pv.export({ ${own}}); ${links}${all}${body}\n})(); })\n//# sourceURL=${file}`
  );
}

function modules(project, entry, interfaces) {
  const [folder, main] = [posix.dirname(entry), posix.basename(entry)];
  const known = new Map();
  try {
    visit(join(project, folder), main, known, (why) => new Problem({ file: main, line: 0, column: 0 }, why));
    for (const [file, { text, imports, exports }] of known) {
      for (const { from, name, start } of [...imports, ...exports.values()].filter(({ from }) => from)) {
        if (provides(known, from, name)) continue;
        throw new Problem(at(file, text, start), `SyntaxError: ${from} does not export '${name}'`);
      }
    }
    for (const one of ['manifest', ...interfaces]) {
      const name = one.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
      if (!provides(known, main, name)) {
        const why = one === 'manifest' ? 'which every policy has' : `and policy.yaml has it among its exports (${one})`;
        throw new Problem({ file: main, line: 0, column: 0 }, `it does not export \`${name}\`, ${why}`);
      }
    }
    return { main, files: Object.fromEntries([...known].map(([name, module]) => [name, script(name, module)])) };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return told(folder, error.place, error.message);
  }
}

const [project, entry, ...interfaces] = process.argv.slice(2);
console.log(JSON.stringify(modules(project, posix.normalize(entry), interfaces)));
