"""What counts as applied in an expanded %prep, and what only looks like it."""

from __future__ import annotations

import pytest

from fedvhost.specs.proof import Problem, prove

SERIES = ("0001-a.patch", "0002-b.patch")

# As rpm 4.18 expands %patch and, below, %autopatch.
PATCH = """\
echo "Patch #{n} ({name}):"
{{ /usr/lib/rpm/rpmuncompress /src/{name} || echo patch_fail ; }} | /usr/bin/patch -f -p1 --fuzz=0
"""
AUTOPATCH = """\
/usr/lib/rpm/rpmuncompress /src/{name} | \n/usr/bin/patch -p1 -s --fuzz=0 --no-backup-if-mismatch -f
"""
FUNCTION = """\
ApplyPatch()
{
  local patch=$1
  case "$patch" in
  *.bz2) bunzip2 < "$RPM_SOURCE_DIR/$patch" | $patch_command ;;
  *) $patch_command < "$RPM_SOURCE_DIR/$patch" ;;
  esac
}
"""


def problems(prep: str, series: tuple[str, ...] = SERIES, declared: tuple[str, ...] = SERIES) -> list[str]:
    spec = f"Name: x\n\n%prep\n{prep}\n%build\npatch -p1 < 0001-a.patch\n"
    return [f"{f.patch[:4]} {f.problem.value}" for f in prove(spec, declared, series, file="x.spec")]


def expanded(template: str) -> str:
    return "".join(template.format(n=n, name=name) for n, name in enumerate(SERIES, start=1))


@pytest.mark.parametrize(
    "prep",
    [
        expanded(PATCH),
        expanded(AUTOPATCH),
        FUNCTION + "ApplyPatch 0001-a.patch\nApplyPatch 0002-b.patch -F3",
        "patch -p1 < /src/0001-a.patch\n/usr/bin/patch -p1 \\\n  -i /src/0002-b.patch",
        "git am '/src/0001-a.patch' '/src/0002-b.patch' </dev/null",
        "cat /src/0001-a.patch |\n  patch -p1\nxzcat /src/0002-b.patch | git apply --index -",
        "for p in 0001-a.patch 0002-b.patch; do\n  patch -p1 < /src/$p\ndone",
        "cd src && patch -p1 < /src/0001-a.patch && patch -p1 < /src/0002-b.patch",
        "all() { patch -p1 < 0001-a.patch; patch -p1 < 0002-b.patch; }\nall",
        "if true; then\n" + expanded(PATCH) + "else\n  exit 1\nfi",
    ],
)
def test_each_idiom_is_seen_to_apply(prep: str) -> None:
    assert problems(prep) == []


A = "patch -p1 < 0001-a.patch\n"
B = "patch -p1 < 0002-b.patch"


@pytest.mark.parametrize(
    ("prep", "expected"),
    [
        (B, "0001 not-applied"),
        (f"# {A}{B}", "0001 not-applied"),
        (f"echo {A}{B}", "0001 not-applied"),
        (f"if false; then\n{A}fi\n{B}", "0001 not-applied"),
        (f"if [ 1 = 0 ]; then {A}fi\n{B}", "0001 not-applied"),
        (f"if true; then\n:\nelse\n{A}fi\n{B}", "0001 not-applied"),
        (f"false && {A}{B}", "0001 not-applied"),
        (f": || {A}{B}", "0001 not-applied"),
        (f"unused() {{\n{A}}}\n{B}", "0001 not-applied"),
        (f"cat <<EOF\n{A}EOF\n{B}", "0001 not-applied"),
        (f"echo '\n{A}'\n{B}", "0001 not-applied"),
        (f"patch --dry-run -p1 < 0001-a.patch\n{B}", "0001 not-applied"),
        ("patch -p1 < 0001-a.patch\nexit 0\n" + B, "0002 not-applied"),
        (f"if [ -f Makefile ]; then\n{A}fi\n{B}", "0001 perhaps-applied"),
        (f"case $x in\ny) {A};;\nesac\n{B}", "0001 perhaps-applied"),
        (f"for p in 0001-a.patch; do\n[ -f $p ]\ndone\n{B}", "0001 not-applied"),
        (A + A + B, "0001 applied-twice"),
        (f"{B}\n{A}", "0001 out-of-order"),
        (f"patch -R -p1 < 0001-a.patch\n{B}", "0001 reversed"),
        (f"{A}{B}\npatch -p1 < 0009-z.patch", "0009 not-declared"),
        (f"if :; then\n{A}{B}", "%pre unreadable"),
    ],
)
def test_what_only_looks_applied_is_found(prep: str, expected: str) -> None:
    assert problems(prep) == [expected]


def test_a_patch_of_the_series_that_is_not_declared_would_be_missing_from_the_srpm() -> None:
    assert problems(A + B, declared=("0001-a.patch",)) == ["0002 not-declared"]


def test_a_patch_declared_twice() -> None:
    assert problems(A + B, declared=(*SERIES, "0001-a.patch")) == ["0001 declared-twice"]


def test_somebody_elses_patch_must_be_applied_too() -> None:
    assert problems(A + B, declared=(*SERIES, "http://x.example.org/own.patch")) == ["own. not-applied"]


def test_an_unknown_spec_is_not_taken_for_a_proof() -> None:
    """No %prep at all: every patch is a finding."""
    findings = prove("Name: x\n", SERIES, SERIES, file="x.spec")

    assert [f.problem for f in findings] == [Problem.NOT_APPLIED, Problem.NOT_APPLIED]
    assert str(findings[0]) == "x.spec: '0001-a.patch' is never applied: no command of %prep names it"
