// Blocks claims of which a VolumeSnapshot was made, and warns of those whose pods a PodDisruptionBudget protects.
import { find, finding, get, info, spoken } from './pvmigrate-policy.js';

const SNAPSHOT = { apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshot' };
const BUDGET = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' };
const POD = { apiVersion: 'v1', kind: 'Pod' };

export const manifest = spoken({
  describe: () =>
    info({
      name: 'guard',
      version: '0.1.0',
      summary: 'keeps claims that others depend on',
      codes: { 'has-snapshot': 'a VolumeSnapshot was made of it', protected: 'a PodDisruptionBudget is for its pods' },
      needs: [
        { ...SNAPSHOT, purpose: 'which claims have snapshots' },
        { ...BUDGET, purpose: 'which pods are protected' },
        { ...POD, purpose: 'the labels of pods' },
      ],
    }),
});

export const preflight = spoken({
  check: ({ volumes }, plan) => {
    const moving = new Set(plan.map(({ volume }) => volume));
    const sources = find({ ...SNAPSHOT, fields: ['metadata', 'spec.source'] }).map(
      ({ metadata, spec }) => `${metadata.namespace}/${spec.source.persistentVolumeClaimName}`,
    );
    return volumes
      .filter(({ id }) => moving.has(id))
      .flatMap((volume) => {
        const { namespace, name } = volume;
        const found = [];
        if (sources.includes(`${namespace}/${name}`)) {
          found.push(finding('blocker', 'has-snapshot', volume, 'a snapshot was made of it', 'delete the snapshot'));
        }
        for (const { pod } of volume.consumers) {
          const labels = get({ ...POD, namespace, name: pod }, ['metadata.labels']).metadata.labels;
          const budgets = find({ ...BUDGET, namespace, fields: ['spec.selector'] });
          if (budgets.some(({ spec }) => Object.entries(spec.selector.matchLabels).every(([key, to]) => labels[key] === to))) {
            found.push(finding('warning', 'protected', volume, `pod ${pod} is protected`, 'wait'));
          }
        }
        return found;
      });
  },
});
