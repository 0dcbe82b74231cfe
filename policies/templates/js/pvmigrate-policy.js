// Short ways to write a pvmigrate policy in JavaScript. It came with pvmigrate; there is no need to change it.
//
// Names are those of the interface in wit/ in camelCase; whole numbers of 64 bits (sizes, times) are BigInt.
import { write } from 'pvmigrate:policy/log@0.2.0';
import * as snapshot from 'pvmigrate:policy/snapshot@0.2.0';

// What `describe` returns. `codes` maps each code to what it means, `settings` is a JSON Schema, `needs` are
// {apiVersion, kind, purpose, optional}.
export function info({ name, version, summary, codes, settings, needs = [], scope = 'per-volume' }) {
  return {
    name,
    version,
    summary,
    scope,
    settingsSchema: settings === undefined ? undefined : JSON.stringify(settings),
    needs: needs.map((need) => ({ optional: false, ...need })),
    codes: Object.entries(codes).map(([code, summary]) => ({ code, summary })),
  };
}

// The settings as an object. The host has held them to the schema before; defaults of the schema are not filled in.
export const settingsOf = (request) => JSON.parse(request.settings);

const pairs = (details) => Object.entries(details).sort().map(([key, value]) => [key, String(value)]);
export const reason = (code, message, details = {}) => ({ code, message, details: pairs(details) });

export const migrate = (code, message, details) => ({ tag: 'migrate', val: reason(code, message, details) });
export const skip = (code, message, details) => ({ tag: 'skip', val: reason(code, message, details) });
export const abstain = () => ({ tag: 'abstain' });

// Asks `vote` about each claim.
export const ballots = (request, vote) =>
  request.volumes.map((volume) => ({ volume: volume.id, vote: checked(volume, vote(volume)) }));

function checked(volume, vote) {
  if (['migrate', 'skip', 'abstain'].includes(vote?.tag)) return vote;
  const claim = `${volume.namespace}/${volume.name}`;
  throw new TypeError(`${JSON.stringify(vote)} for ${claim} is no vote: return migrate(...), skip(...) or abstain()`);
}

// Asks `shape` about each claim: {modes, volumeMode, why}, or undefined for no opinion.
export const mappings = (request, shape) =>
  request.volumes.map((volume) => ({ volume: volume.id, shape: shape(volume) }));

// A finding: severity is 'info', 'warning' or 'blocker'; about a claim, or about the plan when `volume` is undefined.
export const finding = (severity, code, volume, message, remedy, details = {}) => ({
  code,
  severity,
  subject: volume === undefined ? { tag: 'plan' } : { tag: 'volume', val: volume.id },
  message,
  remedy,
  details: pairs(details),
});

// To be thrown when the policy cannot tell: the run stops before anything is written.
export const undecided = (code, message, volume) => ({ code, message, volume: volume?.id });

// Looks up one object, or undefined. The kind must be among the needs.
export function get({ apiVersion, kind, namespace, name }, fields = []) {
  const found = snapshot.get({ apiVersion, kind, namespace, name }, fields);
  return found === undefined ? undefined : JSON.parse(found);
}

// Looks up all objects of a kind, in order of namespace and name. The kind must be among the needs.
export const find = ({ apiVersion, kind, namespace, selector = '', fields = [] }) =>
  snapshot.find(apiVersion, kind, namespace, selector, fields).map((found) => JSON.parse(found));

export const label = (volume, key) => new Map(volume.labels).get(key);
export const fact = (of, key) => new Map(of.facts).get(key);

// Wraps an exported object, so that an exception reaches the user with file and line.
export function spoken(answers) {
  const wrapped = {};
  for (const [name, answer] of Object.entries(answers)) {
    wrapped[name] = (...given) => {
      logWhatIsPrinted();
      try {
        const answered = answer(...given);
        if (answered === undefined) throw new TypeError(`${name} returned nothing`);
        return answered;
      } catch (error) {
        // What `undecided` makes is an answer.
        if (error?.code === undefined) {
          write('warn', `panicked at ${place(error)}: ${error}`, [['pvmigrate.dev/panic', 'true']]);
        }
        throw error;
      }
    };
  }
  return wrapped;
}

// Where it was thrown, in the policy's own file if any of it was.
function place(error) {
  const places = (error?.stack ?? '').split('\n').map((line) => line.replace(/^.*?@/, '').replace(/^.*\//, ''));
  const own = places.find((place) => /^[^:]+:\d/.test(place) && !place.startsWith('pvmigrate-policy.js:'));
  return own || places[0] || 'an unknown place';
}

// There is no terminal: what is printed goes to the log. Not before the first question: while it is built, there is no log.
function logWhatIsPrinted() {
  const levels = { debug: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'warn' };
  for (const [name, level] of Object.entries(levels)) {
    console[name] = (...words) => write(level, words.map(String).join(' '), []);
  }
}
