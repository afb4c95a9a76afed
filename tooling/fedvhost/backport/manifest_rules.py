"""What a manifest may say, beyond its shape: rules for single texts, and for values as a whole.

Texts end up as arguments of git, as file names and in specs, so what could be read as an option, or
would lead out of the workspace, is refused here.
"""

from __future__ import annotations

import datetime
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping

from fedvhost.backport.manifest import (
    Adaptation,
    Choice,
    ContingencyPlan,
    Feature,
    FeaturePackage,
    Gate,
    Mechanism,
    Milestone,
    Release,
    ReleasePackage,
    TestRow,
    Tie,
)
from fedvhost.backport.recipe import (
    KERNEL,
    AddedFile,
    Check,
    Edit,
    Elsewhere,
    Expectation,
    Flags,
    Need,
    Step,
    Vouched,
)

Rule = Callable[[str], str | None]
At = tuple[str | int, ...]
Broken = Iterator[tuple[At, str]]

WHERE = ("guest", "network", "virtualization", "kernel")
_SILENCE = (
    "-w",
    "-Wno-implicit",
    "-Wno-implicit-function-declaration",
    "-Wno-error=implicit",
    "-Wno-error=implicit-function-declaration",
    "-fpermissive",
)
VERBS = ("rename", "drop-hunk", "insert-after", "insert-before", "map-path", "skip")


def _pattern(pattern: str, message: str) -> Rule:
    # re keeps what it compiled; compiling all of them here would cost every start of the program 2 ms.
    return lambda text: None if re.fullmatch(pattern, text) else message.format(shown(text))


def shown(text: str) -> str:
    """``text`` as a message may quote it: on one line, not too long, no control characters."""
    text = text if len(text) <= 60 else f"{text[:59]}…"
    return text if text.isprintable() else ascii(text)[1:-1]


_COMMIT = _pattern(r"[0-9a-f]{7,40}", "'{}' is not a commit: 7 to 40 hexadecimal digits, 0-9 and a-f")
_REVISION = _pattern(
    r"(?!-)(?!.*\.\.)[^\s\x00-\x1f\x7f:?*\[\\]+", "'{}' is not a revision: a tag or a commit, such as v2.6.34"
)
_NAME = _pattern(
    r"[A-Za-z0-9][A-Za-z0-9._+-]*", "'{}' is not a name: letters, digits and . _ + -, no such sign first"
)
_PATH = _pattern(
    r"(?![-/:])(?!(?:.*/)?\.\.?(?:/|$))[^\x00-\x1f\x7f\\]+",
    "'{}' is not a path inside the tree: relative, without '..'",
)
_IDENTIFIER = _pattern(r"[A-Za-z_]\w*", "'{}' is not an identifier")
_LINE = _pattern(r"[^\r\n]*", "is more than one line")
_URL = _pattern(r"[a-z][a-z0-9+]*://[^\s\x00-\x1f\x7f-][^\s\x00-\x1f\x7f]*", "'{}' is not a URL")
_WORD = _pattern(r"[A-Za-z0-9][A-Za-z0-9._+-]*", "'{}' is not a name that koji or mock would know")
_FILE = _pattern(r"[A-Za-z0-9][A-Za-z0-9._+~-]*", "'{}' is not a file name, without a folder")
_SWITCH = _pattern(r"on|off", "'{}' is neither 'on' nor 'off'")
_OPTION = _pattern(r"CONFIG_[A-Z0-9_a-z]+", "'{}' is not a kernel option: their names start with CONFIG_")
_SETTING = _pattern(
    r'[ymn]|-?\d+|0x[0-9a-fA-F]+|"[^"\n]*"',
    "'{}' is not a setting: 'y', 'm', 'n', a number, or a string with quotes of its own, '\"…\"'",
)
_WHERE = _pattern("|".join(WHERE), f"'{{}}' is none of: {', '.join(WHERE)}")
_ID = _pattern(r"[a-z0-9]+(-[a-z0-9]+)*", "'{}' is not an id: lower-case words joined by '-'")
_DIST = _pattern(r"\.[A-Za-z0-9._]+", "'{}' is not a dist tag: it starts with a dot, '.fc13'")

_KIND = _pattern(r"kernel|program", "'{}' is neither 'kernel' nor 'program'")
_GLOB = _pattern(r"(?![-/])[^\x00-\x1f\x7f\\]+", "'{}' is not a pattern of paths inside the tree")
_HEADER = _pattern(r"[A-Za-z0-9][\w./+-]*\.h", "'{}' is not a header, such as zlib.h")


_FORBIDS = _pattern(r"enable|enhance|change", "'{}' is none of: enable, enhance, change")
_INSTALLED = _pattern(r"/(?!.*//)[^\s\x00-\x1f\x7f]+", "'{}' is not an absolute path")


def _day(text: str) -> str | None:
    try:
        # Python also reads other forms of ISO 8601, which sort otherwise.
        same = datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        same = False
    return None if same else f"'{shown(text)}' is not a date, such as 2010-02-09"


def _regex(text: str) -> str | None:
    try:
        re.compile(text)
    except re.error as error:
        return f"'{shown(text)}' is not a regular expression: {error}"
    return None


def _command(text: str) -> str | None:
    try:
        words = shlex.split(text)
    except ValueError as error:
        return f"'{shown(text)}' is not a command: {error}"
    return _silencing(word for part in words for word in part.split())


def _silencing(words: Iterable[str]) -> str | None:
    for word in (form for said in words for form in (said, said.partition("=")[2])):
        if word in _SILENCE:
            return (
                f"'{word}' would hide the very mistakes that the check is there to find; silence one warning"
            )
    return None


# A field of texts names its rule; "/key" is about the names in a table.
_RULES: Mapping[tuple[type, str], Rule] = {
    (Choice, "commit"): _COMMIT,
    (Adaptation, "commit"): _COMMIT,
    (Adaptation, "path"): _PATH,
    (Adaptation, "hunk"): _LINE,
    (Adaptation, "rename/key"): _IDENTIFIER,
    (Adaptation, "rename"): _IDENTIFIER,
    (Adaptation, "insert_after"): _LINE,
    (Adaptation, "insert_before"): _LINE,
    (Adaptation, "map_path/key"): _PATH,
    (Adaptation, "map_path"): _PATH,
    (FeaturePackage, "until"): _REVISION,
    (FeaturePackage, "paths"): _PATH,
    (FeaturePackage, "config/key"): _OPTION,
    (FeaturePackage, "config"): _SETTING,
    (TestRow, "id"): _ID,
    (TestRow, "where"): _WHERE,
    (ContingencyPlan, "default"): _SWITCH,
    (Feature, "name"): _NAME,
    (Feature, "packages/key"): _NAME,
    (Mechanism, "package"): _NAME,
    (Mechanism, "line"): _LINE,
    (Mechanism, "installs_on"): _INSTALLED,
    (Mechanism, "installs_off"): _INSTALLED,
    (Tie, "package"): _NAME,
    (Tie, "says"): _LINE,
    (Milestone, "id"): _ID,
    (Milestone, "date"): _day,
    (Milestone, "forbids"): _FORBIDS,
    (Gate, "arches"): _WORD,
    (Gate, "shapes"): _WORD,
    (Gate, "deadline"): _ID,
    (Release, "checklist"): _NAME,
    (Release, "name"): _NAME,
    (Release, "packages/key"): _NAME,
    (Release, "contingency/key"): _NAME,
    (Release, "contingency"): _SWITCH,
    (Release, "dist"): _DIST,
    (Release, "koji_target"): _WORD,
    (Release, "mock_chroot"): _WORD,
    (ReleasePackage, "base"): _REVISION,
    (ReleasePackage, "spec"): _PATH,
    (ReleasePackage, "config_file"): _PATH,
    (ReleasePackage, "upstream"): _URL,
    (ReleasePackage, "source"): _FILE,
    (ReleasePackage, "source_prefix"): _PATH,
    (Check, "kind"): _KIND,
    (Check, "compile"): _command,
    (Check, "compiler"): _FILE,
    (Check, "again"): _GLOB,
    (Step, "run"): _command,
    (Flags, "add"): _command,
    (Edit, "path"): _PATH,
    (Edit, "pattern"): _regex,
    (AddedFile, "path"): _PATH,
    (Need, "program"): _FILE,
    (Need, "header"): _HEADER,
    (Elsewhere, "paths"): _GLOB,
    (Expectation, "text"): _regex,
    (Expectation, "file"): _PATH,
    (Vouched, "symbol"): _IDENTIFIER,
}


def text_problem(cls: type, field: str, text: str) -> str | None:
    """Say what is wrong with ``text`` in ``field`` of ``cls``, or None."""
    if not text.strip():
        return "is empty: say why, in a line" if field == "because" else "is empty"
    rule = _RULES.get((cls, field))
    return rule(text) if rule else None


def broken_rules(value: object) -> Broken:
    """Yield what is contradictory in a value whose parts are each right: where in it, and what."""
    if isinstance(value, Adaptation):
        yield from _adaptation(value)
    elif isinstance(value, FeaturePackage):
        yield from _package(value)
    elif isinstance(value, Feature):
        yield from _feature(value)
    elif isinstance(value, Check):
        yield from _check(value)
    elif isinstance(value, Need) and (value.program is None) == (value.header is None):
        yield (), "give exactly one of: program, header"
    elif isinstance(value, Mechanism) and (value.package is None) != (value.line is None):
        yield (), "give both 'package' and 'line', or neither: which line of whose spec"
    elif isinstance(value, Gate) and value.runs < 1:
        yield ("runs",), "is less than 1: nothing would have to be green"
    elif isinstance(value, Release):
        yield from _release(value)


def same_commit(one: str, other: str) -> bool:
    """Whether two names, each full or abbreviated, can be the same commit."""
    return one.startswith(other) or other.startswith(one)


def _adaptation(adapt: Adaptation) -> Broken:
    said = {v: getattr(adapt, v.replace("-", "_")) for v in VERBS}
    verbs = [verb for verb, what in said.items() if what not in (None, False, {})]
    if len(verbs) != 1:
        found = f"has {len(verbs)} verbs, {' and '.join(verbs)}" if verbs else "has no verb"
        yield (), f"{found}; give exactly one of: {', '.join(VERBS)}"
        return
    verb, inserts = verbs[0], verbs[0].startswith("insert-")
    if inserts and adapt.path is None:
        yield (verb,), "needs 'path': in which file that line is"
    if adapt.last and not inserts:
        yield ("last",), f"goes with insert-after and insert-before, not with {verb}"
    if verb in ("skip", "map-path"):
        for key in ("path", "hunk"):
            if getattr(adapt, key) is not None:
                yield (key,), f"does not go with {verb}, which is about the whole commit"
    if verb == "drop-hunk" and adapt.path is None and adapt.hunk is None:
        yield (verb,), "needs 'path', 'hunk' or both: which hunks; for the whole commit write skip = true"


def _package(package: FeaturePackage) -> Broken:
    if not package.paths and not package.also:
        yield (), "asks for no commit: give 'paths', 'also' or both"
    lists = {n: getattr(package, n) for n in ("also", "never", "taken", "omitted")}
    for name, choices in lists.items():
        for i, choice in enumerate(choices):
            earlier = _first(choice.commit, choices[:i])
            if earlier is not None:
                yield (name, i, "commit"), f"'{choice.commit}' is already {name}[{earlier}]"
    wanted = [("also", i, c.commit) for i, c in enumerate(package.also)]
    wanted += [("adapt", i, a.commit) for i, a in enumerate(package.adapt)]
    wanted += [("taken", i, c.commit) for i, c in enumerate(package.taken)]
    for name, i, commit in wanted:
        for other in ("never", "omitted"):
            at = _first(commit, lists[other])
            if at is not None:
                yield (name, i, "commit"), f"'{commit}' is also {other}[{at}]; it cannot be both"
    for i, choice in enumerate(package.taken):
        at = _first(choice.commit, package.also)
        if at is not None:
            yield ("taken", i, "commit"), f"'{choice.commit}' is also also[{at}]; name it once"


def _first(commit: str, choices: tuple[Choice, ...]) -> int | None:
    return next((i for i, c in enumerate(choices) if same_commit(c.commit, commit)), None)


def _feature(feature: Feature) -> Broken:
    if not feature.packages:
        yield ("packages",), "names no package"
    ids = [row.id for row in feature.test_plan]
    for i, row_id in enumerate(ids):
        if row_id in ids[:i]:
            yield ("test-plan", i, "id"), f"'{row_id}' is already test-plan[{ids.index(row_id)}]"

    for i, mechanism in enumerate(feature.contingency.mechanisms):
        if mechanism.package is not None and mechanism.package not in feature.packages:
            yield (
                ("contingency", "mechanisms", i, "package"),
                f"'{mechanism.package}' is no package of this feature",
            )
    for i, tie in enumerate(feature.ties):
        if tie.package not in feature.packages:
            yield ("ties", i, "package"), f"'{tie.package}' is no package of this feature"


def _release(release: Release) -> Broken:
    if not release.packages:
        yield ("packages",), "names no package"
    ids = [m.id for m in release.milestones]
    for i, name in enumerate(ids):
        if name in ids[:i]:
            yield ("milestones", i, "id"), f"'{name}' is already milestones[{ids.index(name)}]"
        if i and release.milestones[i].date < release.milestones[i - 1].date:
            yield ("milestones", i, "date"), "is before the milestone above it; put them in order"
    if release.gate.deadline is not None and release.gate.deadline not in ids:
        known = ", ".join(ids) or "none"
        yield ("gate", "deadline"), f"'{release.gate.deadline}' is no milestone here; there are: {known}"


def _check(check: Check) -> Broken:
    commands = (check.compile, *(step.run for step in check.prepare))
    if not any("{flags}" in command for command in commands):
        yield (
            ("compile",),
            "neither it nor a command of 'prepare' has {flags}: the compiler would get none of them",
        )
    if check.kind == KERNEL and "{objects}" not in shlex.split(check.compile):
        yield ("compile",), "needs the word {objects}: what to compile"
    for i, edit in enumerate(check.edits):
        try:
            re.sub(edit.pattern, edit.replace, "")
        except (re.error, IndexError) as error:
            yield ("edits", i, "replace"), f"does not go with the pattern: {error}"
