// Claims with a label stay where they are.
import { abstain, ballots, info, label, settingsOf, skip, spoken } from './pvmigrate-policy.js';

const DEFAULT_LABEL = 'example.com/keep';

export const manifest = spoken({
  describe: () =>
    info({
      name: 'policy-name',
      version: '0.1.0',
      summary: 'leaves labelled claims where they are',
      // Everything that this policy may say, and what it means.
      codes: { 'keep-label': 'the claim has the label' },
      // What the user of this policy may set, as JSON Schema.
      settings: {
        type: 'object',
        additionalProperties: false,
        properties: {
          label: {
            type: 'string',
            minLength: 1,
            description: 'Claims with this label stay.',
            default: DEFAULT_LABEL,
          },
        },
      },
    }),
});

export const selection = spoken({
  select(request) {
    const { label: name = DEFAULT_LABEL } = settingsOf(request);
    return ballots(request, (volume) => {
      const value = label(volume, name);
      // Without the label it is not ours to decide: the other policies are asked, and the built-in one at the end.
      return value === undefined ? abstain() : skip('keep-label', `it is labelled ${name}=${value}`);
    });
  },
});
