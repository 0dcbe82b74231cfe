"""Claims with a label stay where they are."""

from pvmigrate_policy import abstain, ballots, info, label, settings_of, skip, spoken

DEFAULT_LABEL = "example.com/keep"


class Manifest:
    @spoken
    def describe(self):
        return info(
            name="policy-name",
            version="0.1.0",
            summary="leaves labelled claims where they are",
            # Everything that this policy may say, and what it means.
            codes={"keep-label": "the claim has the label"},
            # What the user of this policy may set, as JSON Schema.
            settings={
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "label": {
                        "type": "string",
                        "minLength": 1,
                        "description": "Claims with this label stay.",
                        "default": DEFAULT_LABEL,
                    },
                },
            },
        )


class Selection:
    @spoken
    def select(self, request):
        name = settings_of(request).get("label", DEFAULT_LABEL)

        def vote(volume):
            value = label(volume, name)
            if value is None:
                # Not ours to decide: the other policies are asked, and the built-in one at the end.
                return abstain()
            return skip("keep-label", f"it is labelled {name}={value}")

        return ballots(request, vote)
