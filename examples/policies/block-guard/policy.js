// Some storage offers an access mode for raw block volumes only: Ceph RBD has ReadWriteMany for block, and not for file
// systems. A claim with files that moves there is stopped before anything is written, with all the pods that need it.
import { finding, info, settingsOf, spoken } from './pvmigrate-policy.js';

const CODES = {
  'block-only': 'the class offers the access mode for raw block volumes only, and the claim has files',
  'no-filesystem': 'the class is for raw block volumes only, and the claim has files',
  'modes-unknown': 'nobody knows what the class offers',
};

const WORDS = {
  'read-write-once': 'ReadWriteOnce',
  'read-only-many': 'ReadOnlyMany',
  'read-write-many': 'ReadWriteMany',
  'read-write-once-pod': 'ReadWriteOncePod',
};

export const manifest = spoken({
  describe: () =>
    info({
      name: 'block-guard',
      version: '0.1.0',
      summary: 'stops claims with files that move to a class for raw block volumes',
      codes: CODES,
      settings: {
        type: 'object',
        additionalProperties: false,
        properties: {
          unknown: {
            enum: ['ignore', 'warning', 'blocker'],
            description: 'What it means that nobody knows what the class offers.',
            default: 'warning',
          },
        },
      },
    }),
});

export const preflight = spoken({
  check(request, plan) {
    const { target } = request;
    const { unknown = 'warning' } = settingsOf(request);
    const volumes = new Map(request.volumes.map((volume) => [volume.id, volume]));
    const withFiles = plan.filter(({ volumeMode }) => volumeMode === 'filesystem');
    if (target.knownModes.length === 0) {
      if (unknown === 'ignore' || withFiles.length === 0) return [];
      const message = `nobody knows what StorageClass ${target.name} offers for file systems`;
      const remedy = `say so: annotate it with pvmigrate.dev/access-modes, such as "RWO, Block:RWX"`;
      return [finding(unknown, 'modes-unknown', undefined, message, remedy)];
    }
    const offers = (volumeMode, accessMode) =>
      target.knownModes.some((known) => known.volumeMode === volumeMode && known.accessMode === accessMode);
    const takesFiles = target.knownModes.some(({ volumeMode }) => volumeMode === 'filesystem');
    return withFiles.flatMap((planned) => {
      const volume = volumes.get(planned.volume);
      if (!takesFiles) {
        const message = `StorageClass ${target.name} is for raw block volumes only`;
        return [finding('blocker', 'no-filesystem', volume, message, 'name another class with --dest-sc')];
      }
      const missing = planned.modes.filter((mode) => !offers('filesystem', mode) && offers('block', mode));
      return missing.map((mode) => {
        const message = `StorageClass ${target.name} offers ${WORDS[mode]} for raw block volumes only`;
        const nodes = new Set(volume.consumers.map(({ node }) => node).filter((node) => node !== undefined));
        const remedy = `ask for another access mode: its ${volume.consumers.length} pods are on ${nodes.size} nodes`;
        return finding('blocker', 'block-only', volume, message, remedy, { mode: WORDS[mode] });
      });
    });
  },
});
