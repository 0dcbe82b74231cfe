"""Short ways to write a pvmigrate policy in Python. It came with pvmigrate; there is no need to change it.

The types are those of the interface in wit/: wit_world.imports.types and wit_world.exports.
"""

import builtins
import functools
import io
import json
import sys

from componentize_py_types import Err
from wit_world.exports.manifest import CodeDoc, Info, ObjectNeed, Scope
from wit_world.imports import log, snapshot
from wit_world.imports.types import ObjectRef, PolicyError, Reason

# There are modules only for what policy.yaml says that the policy exports.
try:
    from wit_world.exports.selection import Ballot, Vote_Abstain, Vote_Migrate, Vote_Skip
except ImportError:
    pass
try:
    from wit_world.exports.access_modes import Mapping, TargetShape
except ImportError:
    pass
try:
    from wit_world.exports.preflight import Finding, Severity, Subject_Plan, Subject_Volume
except ImportError:
    pass


def info(name, version, summary, codes, settings=None, needs=(), scope=Scope.PER_VOLUME):
    """What `describe` returns. `codes` maps each code to what it means, `settings` is a JSON Schema as a dict,
    `needs` are (api-version, kind, purpose, optional)."""
    return Info(
        name=name,
        version=version,
        summary=summary,
        scope=scope,
        settings_schema=None if settings is None else json.dumps(settings),
        needs=[ObjectNeed(*need) for need in needs],
        codes=[CodeDoc(code, meaning, None) for code, meaning in codes.items()],
    )


def settings_of(request):
    """The settings as a dict. The host has held them to the schema before; defaults of the schema are not filled in."""
    return json.loads(request.settings)


def migrate(code, message, **details):
    return Vote_Migrate(Reason(code, message, _pairs(details)))


def skip(code, message, **details):
    return Vote_Skip(Reason(code, message, _pairs(details)))


def abstain():
    return Vote_Abstain()


def ballots(request, vote):
    """Asks `vote` about each claim."""
    return [Ballot(volume.id, _vote(volume, vote(volume))) for volume in request.volumes]


def mappings(request, shape):
    """Asks `shape` about each claim: what `modes` returns, or None for no opinion."""
    return [Mapping(volume.id, shape(volume)) for volume in request.volumes]


def modes(volume, access_modes, code, message, **details):
    """Asks for these access modes; the volume mode stays what it is."""
    return TargetShape(access_modes, volume.volume_mode, Reason(code, message, _pairs(details)))


def blocker(code, volume, message, remedy=None, **details):
    """A finding that stops the run; about a claim, or about the plan when `volume` is None."""
    return _finding(Severity.BLOCKER, code, volume, message, remedy, details)


def warning(code, volume, message, remedy=None, **details):
    return _finding(Severity.WARNING, code, volume, message, remedy, details)


def note(code, volume, message, remedy=None, **details):
    return _finding(Severity.INFO, code, volume, message, remedy, details)


def undecided(code, message, volume=None):
    """To be raised when the policy cannot tell: the run stops before anything is written."""
    return Err(PolicyError(code, message, None if volume is None else volume.id))


def get(api_version, kind, namespace, name, fields=()):
    """Looks up one object as a dict, or None. The kind must be among the needs."""
    found = snapshot.get(ObjectRef(api_version, kind, namespace, name), list(fields))
    return None if found is None else json.loads(found)


def find(api_version, kind, namespace=None, selector="", fields=()):
    """Looks up all objects of a kind as dicts, in order of namespace and name. The kind must be among the needs."""
    return [json.loads(found) for found in snapshot.find(api_version, kind, namespace, selector, list(fields))]


def label(volume, key):
    return dict(volume.labels).get(key)


def fact(of, key):
    return dict(of.facts).get(key)


def spoken(answer):
    """Decorates each method that the host calls, so that an exception reaches the user with file and line."""

    @functools.wraps(answer)
    def call(*arguments):
        # Not sooner: while it is built, a policy may print and read files.
        sys.stdout = sys.stderr = _Log()
        builtins.open = _no_files
        try:
            answered = answer(*arguments)
            if answered is None:
                raise TypeError(f"{answer.__name__} returned nothing")
            return answered
        except Err:
            raise
        except Exception as error:
            words = f"panicked at {_place(error)}: {type(error).__name__}: {error}"
            log.write(log.Level.WARN, words, [("pvmigrate.dev/panic", "true")])
            raise

    return call


def _place(error):
    """Where it happened, in the policy's own file if any of it did."""
    # Not the module `traceback`: it looks for the source, and there are no files here.
    here, at, places = _place.__code__.co_filename, error.__traceback__, []
    while at:
        places.append((at.tb_frame.f_code.co_filename, at.tb_lineno))
        at = at.tb_next
    file, line = next((place for place in reversed(places) if place[0] != here), places[-1])
    return f"{file.rsplit('/', 1)[-1]}:{line}"


def _vote(volume, vote):
    if isinstance(vote, (Vote_Migrate, Vote_Skip, Vote_Abstain)):
        return vote
    claim = f"{volume.namespace}/{volume.name}"
    raise TypeError(f"{vote!r} for {claim} is no vote: return migrate(...), skip(...) or abstain()")


class _Log(io.TextIOBase):
    """What is printed goes to the log: there is no terminal."""

    def __init__(self):
        self.begun = ""

    def write(self, text):
        *lines, self.begun = (self.begun + text).split("\n")
        for line in lines:
            log.write(log.Level.INFO, line, [])
        return len(text)


def _no_files(*_, **__):
    raise OSError("a policy has no files: what it may look at is in the request, in get and in find")


def _finding(severity, code, volume, message, remedy, details):
    subject = Subject_Plan() if volume is None else Subject_Volume(volume.id)
    return Finding(code, severity, subject, message, remedy, _pairs(details))


def _pairs(details):
    return [(key, str(value)) for key, value in sorted(details.items())]
