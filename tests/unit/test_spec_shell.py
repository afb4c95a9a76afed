"""Shell of %prep as specs really write it: where the reader must know that it is inside something."""

from __future__ import annotations

import pytest

from fedvhost.specs.shell import scan


def inside(script: str) -> list[str]:
    """Return what is open where each line begins."""
    lines = script.split("\n")
    found = scan((number, text, "") for number, text in enumerate(lines, start=1))
    assert found.trouble is None
    return ["+".join(frame.kind for frame in found.before[number]) for number in range(1, len(lines) + 1)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("if x; then\n a\nelse\n b\nfi\nc", ["", "if", "if", "if", "if", ""]),
        ("for i in 1 2\ndo\n a\ndone\nc", ["", "for", "for", "for", ""]),
        ("while read x; do a; done < f\nc", ["", ""]),
        ("case x in\n a|b) c ;;\n (d) e ;;\nesac\nc", ["", "case", "case", "case", ""]),
        ("f()\n{\n a\n}\nc", ["", "", "function", "function", ""]),
        ("function f {\n a\n}\nc", ["", "function", "function", ""]),
        ("cat <<'EOF'\nfi\nEOF\nc", ["", "heredoc", "heredoc", ""]),
        ("cat <<-EOF >x\n a\n\tEOF\nc", ["", "heredoc", "heredoc", ""]),
        ("cat <<< word\nc", ["", ""]),
        ("sed -e 's/a/\nb/'\nc", ["", "quote+continued", ""]),
        ("x=$(find . \\\n | grep a) ||:\nc", ["", "substitution+continued", ""]),
        ("a |\n b\nc", ["", "continued", ""]),
        ("a \\\n b\nc", ["", "continued", ""]),
        ("echo if # fi\nc", ["", ""]),
        ("echo ${x#if} ${#x} $((1 << 2)) %{?x:(}\nc", ["", ""]),
        ("[[ -d x && ! -z $y ]] && { a; }\nc", ["", ""]),
        ("a 2>&1 > /dev/null &\nc", ["", ""]),
        ("( cd x; a )\n(\n b\n)\nc", ["", "", "subshell", "subshell", ""]),
        ('echo "it\'s" `date "+%Y"` "$(echo ")")"\nc', ["", ""]),
    ],
)
def test_what_is_open(script: str, expected: list[str]) -> None:
    assert inside(script) == expected


@pytest.mark.parametrize("script", ["fi", "if x; then", "}", "case x in", "f() {", "x=$(a", "echo 'a"])
def test_what_does_not_close_is_trouble_and_no_guess(script: str) -> None:
    assert scan([(7, script, "")]).trouble == 7


def test_rpm_branches_each_start_from_the_same_place() -> None:
    lines = ["%if x", "if a; then", "%else", "if b; then", "%endif", "c", "fi", "d"]
    directives = ["if", "", "else", "", "endif", "", "", ""]

    found = scan((n, text, d) for n, (text, d) in enumerate(zip(lines, directives, strict=True)))

    assert found.trouble is None
    assert [len(found.before[n]) for n in range(8)] == [0, 0, 1, 0, 1, 1, 1, 0]


def test_an_exit_in_one_branch_of_rpms_does_not_end_the_script() -> None:
    lines = [(1, "%if x", "if"), (2, "exit 1", ""), (3, "%endif", "endif"), (4, "c", "")]

    assert [c.dead for c in scan(lines).commands] == [False, False]
