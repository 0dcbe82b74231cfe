"""The engine of policies in Python: loads a policy from its source before each call, and hands the call on to it.

A component that `policy build` makes has imported the policy while it was built; here the same happens in `load`. What was
possible then is possible in `load`, and only there: to import from the standard library, and to read files of the project.
"""

import builtins
import sys
from typing import Protocol

import wit_world.exports
import wit_world.imports.log
import wit_world.imports.snapshot
import wit_world.imports.types
from componentize_py_types import Err
from wit_world.exports.loader import Problem

# The classes that a policy has to have, and the methods of each.
EXPORTS = [
    (name, sorted(protocol.__abstractmethods__))
    for name, protocol in vars(wit_world.exports).items()
    if protocol.__class__ is Protocol.__class__ and protocol is not Protocol and name != "Loader"
]

# All that every component in Python has imported, whatever the policy imports.
BEFORE = set(sys.modules)

# What comes from here on is put aside, even where this file needs it.
import gc
import importlib
import importlib.abc
import importlib.machinery
import io
import os
import warnings

# The short ways to write a policy, which are in nearly all projects: read once, for as long as nobody has changed them.
HELPERS = "pvmigrate_policy"
with open(os.path.join(os.path.dirname(__file__), f"{HELPERS}.py"), encoding="utf-8") as file:
    HELPERS_TEXT = file.read()

# The parts of the standard library that decisions are made with. Each is imported once, here; what wants a terminal, a network
# or other processes could not be used by a policy anyway.
LIBRARY = """
    abc array ast base64 binascii bisect builtins calendar cmath codecs collections collections.abc colorsys configparser
    contextlib contextvars copy csv dataclasses datetime decimal difflib email.utils enum errno fnmatch fractions functools
    graphlib hashlib heapq hmac html importlib importlib.resources inspect io ipaddress itertools json keyword locale logging
    math numbers operator os os.path pathlib pprint queue random re sched secrets shlex stat statistics string struct sys
    textwrap threading time tomllib traceback types typing unicodedata urllib.parse uuid warnings weakref
    xml.etree.ElementTree zlib zoneinfo
""".split()


class Aside:
    """Modules that were imported while the engine was built, and the names of what each of them imports."""

    def __init__(self, names):
        self.imports = {}
        usual = builtins.__import__

        def noting(name, globals=None, locals=None, fromlist=(), level=0):
            known = set(sys.modules)
            module = usual(name, globals, locals, fromlist, level)
            imported = self.imports.setdefault((globals or {}).get("__name__"), set())
            imported.update(set(sys.modules) - known)
            imported.add(module.__name__ if fromlist or level else name)
            imported.update(f"{module.__name__}.{part}" for part in fromlist or ())
            return module

        builtins.__import__ = noting
        for name in names:
            try:
                importlib.import_module(name)
            except Exception:
                # It wants a system that is not there, as it would in a component.
                pass
        builtins.__import__ = usual
        # Python asks for encodings itself.
        aside = [name for name in sys.modules if name not in BEFORE and not name.startswith("encodings")]
        self.modules = {name: sys.modules.pop(name) for name in aside if name != __name__}

    def restore(self, name):
        """Makes a module and what it imports known to Python again."""
        names = [name]
        while names:
            name = names.pop()
            if name in self.modules and name not in sys.modules:
                sys.modules[name] = self.modules[name]
                names.extend(self.imports.get(name, ()))
                names.append(name.rpartition(".")[0])


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules among the files of the project, then among those put aside."""

    def __init__(self, texts):
        self.texts = texts

    def find_spec(self, name, path=None, target=None):
        at = name.replace(".", "/")
        if name == HELPERS and self.texts.get(f"{at}.py") == HELPERS_TEXT:
            return self.aside(name)
        for file, is_package in ((f"{at}/__init__.py", True), (f"{at}.py", False)):
            if file in self.texts:
                spec = importlib.machinery.ModuleSpec(name, self, origin=file, is_package=is_package)
                spec.has_location = True
                return spec
        if any(file.startswith(f"{at}/") and file.endswith(".py") for file in self.texts):
            return importlib.machinery.ModuleSpec(name, None, is_package=True)
        return self.aside(name)

    def aside(self, name):
        return importlib.machinery.ModuleSpec(name, self) if name in ASIDE.modules else None

    def create_module(self, spec):
        if spec.origin is not None:
            return None
        ASIDE.restore(spec.name)
        return ASIDE.modules[spec.name]

    def exec_module(self, module):
        file = module.__spec__.origin
        if file is not None:
            exec(compile(self.texts[file], file, "exec", dont_inherit=True), module.__dict__)


class Nowhere(io.TextIOBase):
    """What a policy prints while it is loaded is nobody's log."""

    def write(self, text):
        return len(text)


def opener(texts):
    """Returns an `open` that knows the files of the project, for reading."""

    def open(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        name = os.path.normpath(os.fspath(file)).lstrip("/")
        if name not in texts or set(mode) - set("rtb"):
            raise FileNotFoundError(2, "there is no such file among the project's inputs", str(file))
        return io.BytesIO(texts[name].encode()) if "b" in mode else io.StringIO(texts[name], newline)

    return open


def no_files(event, arguments):
    """Keeps Python from looking for the line that a SyntaxError is about: where there are no files, that ends everything."""
    if LOADING and event == "open":
        raise FileNotFoundError(2, "a policy has no files", str(arguments[0]))


class Loader:
    def load(self, files, main):
        texts = {file.name: file.text for file in files}
        usual = sys.stdout, sys.stderr, builtins.open, io.open, sys.meta_path, warnings.filters
        sys.stdout = sys.stderr = Nowhere()
        builtins.open = io.open = opener(texts)
        sys.meta_path = [Finder(texts), importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter]
        warnings.filters = [("ignore", None, Warning, None, 0)]
        LOADING.append(main)
        try:
            policy = importlib.import_module(main)
            for name, methods in EXPORTS:
                LOADED[name] = instance(policy, main, name, methods)
        except Err:
            raise
        except BaseException as error:
            raise Err(problem(error, texts)) from None
        finally:
            LOADING.clear()
            sys.stdout, sys.stderr, builtins.open, io.open, sys.meta_path, warnings.filters = usual


LOADED, LOADING = {}, []


def instance(policy, main, name, methods):
    """Makes the object that answers for an interface."""
    found, missing = getattr(policy, name, None), None
    if found is None:
        missing = f"class {name} is missing"
    for method in methods:
        if found is not None and not callable(getattr(found, method, None)):
            missing = f"class {name} has no method {method}"
    if missing:
        interface = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]
        wanted = "every policy has one" if name == "Manifest" else f"policy.yaml has {interface} among its exports"
        raise Err(Problem(main.replace(".", "/") + ".py", 0, 0, f"{missing}: {wanted}"))
    return found()


def problem(error, texts):
    """Tells where a policy cannot be loaded: in the project's own files, and in the policy rather than in its helpers."""
    words = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and error.filename in texts:
        return Problem(error.filename, error.lineno or 0, error.offset or 0, f"{type(error).__name__}: {error.msg}")
    if isinstance(error, ModuleNotFoundError):
        words += "; a policy can import modules of its own folder, and of Python's standard library"
        if (error.name or "").partition(".")[0] in sys.stdlib_module_names:
            words = f"{error.name} is not among what is imported quickly; use the component that `pvmigrate policy build` makes"
    places, at = [], error.__traceback__
    while at:
        code = at.tb_frame.f_code
        if code.co_filename in texts:
            column = list(code.co_positions())[at.tb_lasti // 2][2]
            places.append((code.co_filename, at.tb_lineno or 0, 0 if column is None else column + 1))
        at = at.tb_next
    own = [place for place in places if place[0] != f"{HELPERS}.py"] or places or [("", 0, 0)]
    return Problem(*own[-1], words)


def forwarding(name, method):
    """Makes a method that hands its call on to the policy."""
    return lambda self, *arguments: getattr(LOADED[name], method)(*arguments)


# The classes that componentize-py looks for.
for name, methods in EXPORTS:
    globals()[name] = type(name, (), {method: forwarding(name, method) for method in methods})

ASIDE = Aside([*LIBRARY, HELPERS])
sys.addaudithook(no_files)
# What is here stays, so there is no need to look through it in every call.
gc.collect()
gc.freeze()
