// The engine: what it exports goes to the modules that `load` was given, as modules.mjs writes them. A line for each
// exported interface follows.
import * as log from 'pvmigrate:policy/log@0.2.0';
import * as snapshot from 'pvmigrate:policy/snapshot@0.2.0';

let policy;
let loading = true;

const through = (name) => new Proxy({}, { get: (_, call) => (...given) => policy[name][call](...given) });

// While a component is built there is nobody to ask either.
const later = (functions) =>
  Object.fromEntries(
    Object.entries(functions).map(([name, call]) => [
      name,
      (...given) => {
        if (loading) throw new Error(`${name}() cannot be called before the policy is asked`);
        return call(...given);
      },
    ]),
  );
const HOST = { 'pvmigrate:policy/log@0.2.0': later(log), 'pvmigrate:policy/snapshot@0.2.0': later(snapshot) };

export const loader = {
  load(files, main) {
    const scripts = new Map(files.map(({ name, text }) => [name, text]));
    const loaded = new Map(Object.entries(HOST));
    let current = main;
    const link = (name) => {
      if (loaded.has(name)) return loaded.get(name);
      const exports = { __proto__: null, [Symbol.toStringTag]: 'Module' };
      loaded.set(name, exports);
      const [from, before] = [name, current];
      current = from;
      (0, eval)(scripts.get(name))({
        import: link,
        export: (own) => Object.defineProperties(exports, Object.getOwnPropertyDescriptors(own)),
        all: (others) => {
          for (const [key, getter] of Object.entries(Object.getOwnPropertyDescriptors(others))) {
            if (key !== 'default' && !Object.hasOwn(exports, key)) Object.defineProperty(exports, key, getter);
          }
        },
      });
      current = before;
      return exports;
    };
    try {
      policy = link(main);
      loading = false;
    } catch (error) {
      throw { ...place(error, scripts, current), message: `${error}` };
    }
  },
};

// A mistake in the form of a script has a place of its own, and no frame.
function place(error, scripts, current) {
  for (const frame of (error?.stack ?? '').split('\n')) {
    const [, file, line, column] = /@(.*):(\d+):(\d+)$/.exec(frame) ?? [];
    if (scripts.has(file)) return { file, line: Number(line), column: Number(column) };
  }
  const { lineNumber = 0, columnNumber = 0 } = error instanceof SyntaxError ? error : {};
  return { file: current, line: lineNumber, column: columnNumber };
}
