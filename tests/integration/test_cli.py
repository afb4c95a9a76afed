"""The command line: exit codes, messages, start-up; verbs are tested where their work is."""

from __future__ import annotations

import ast
import errno
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from conftest import Cli, Ran
from fedvhost import cli as command_line
from fedvhost.commands.offered import SHAPES
from fedvhost.errors import InputError, ToolError
from fedvhost.inside import catalogue
from fedvhost.shipped import make_workspace


def fedvhost(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fedvhost", *args], cwd=cwd, capture_output=True, text=True, check=False
    )


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException, *flags: str) -> None:
    """Let the verb ``doctor`` end with ``error``; it takes ``flags``."""

    def fail(**_: bool) -> None:
        raise error

    command = click.Command("fail", callback=fail, params=[click.Option([f], is_flag=True) for f in flags])
    monkeypatch.setattr(command_line.Verb, "load", lambda self: command)


def test_help_names_every_verb_and_loads_none(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from fedvhost.cli import run\n"
        "assert run(['--help']) == 0\n"
        "print([m for m in sys.modules if m.startswith('fedvhost.') and m.count('.') > 1 or m == 'rich'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert all(f"\n  {verb} " in done.stdout for verb in command_line.VERBS)
    loaded = ["fedvhost.commands.context", "fedvhost.commands.offered"]
    assert sorted(ast.literal_eval(done.stdout.splitlines()[-1])) == loaded


def test_who_has_closed_the_output_gets_the_exit_code_and_no_traceback(tmp_path: Path) -> None:
    for closed, args, code in ((">&-", "--version", 0), (">&- 2>&-", "doctr", 2), ("<&- >&-", "doctor", 0)):
        command = f"exec '{sys.executable}' -m fedvhost {args} {closed}"
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode if args != "doctor" else 0, done.stdout, done.stderr) == (code, "", "")


def test_a_full_disk_behind_the_output_is_told_without_a_made_up_name(tmp_path: Path) -> None:
    command = f"exec '{sys.executable}' -m fedvhost --version > /dev/full"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    told = "fedvhost: error: No space left on device; make room, then give the same command again\n"
    assert (done.returncode, done.stderr) == (3, told)


def test_start_up_takes_less_than_a_quarter_of_a_second(tmp_path: Path) -> None:
    def seconds() -> float:
        start = time.perf_counter()
        fedvhost("--version", cwd=tmp_path)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.25


@pytest.mark.parametrize("verb", command_line.VERBS)
def test_every_verb_in_the_table_is_there_and_has_help(verb: str, cli: Cli) -> None:
    ran = cli(verb, "--help")

    assert ran.code == 0
    assert f"fedvhost {verb}" in ran.out


def test_misspelt_verb_gets_the_nearest_one(cli: Cli) -> None:
    ran = cli("bakcport", "--release", "f13")

    assert ran.code == 2
    assert "no verb 'bakcport'; did you mean 'backport'?" in ran.err


def test_wrong_input_is_told_on_stderr_with_the_place(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, InputError("unknown key", file="f13.toml", line=3, key="dits"))

    ran = cli("doctor")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "fedvhost: error: f13.toml:3: dits: unknown key\n"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            InputError("unknown key", file="f13.toml", line=3, key="dits"),
            {"message": "unknown key", "exit_code": 2, "file": "f13.toml", "line": 3, "key": "dits"},
        ),
        (InputError("no such thing"), {"message": "no such thing", "exit_code": 2}),
        (ToolError("rpm is gone"), {"message": "rpm is gone", "exit_code": 3}),
        (click.UsageError("which?"), {"message": "which?", "exit_code": 2}),
        (OSError(errno.EIO, "I/O error", "/w/x"), {"message": "'/w/x': I/O error", "exit_code": 3}),
    ],
)
def test_an_error_is_json_too_where_json_was_asked_for(
    error: Exception, told: dict[str, object], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, error, "--json")

    ran = cli("doctor", "--json")

    assert (ran.code, json.loads(ran.out)) == (told["exit_code"], {"error": told})
    assert str(told["message"]) in ran.err
    assert cli("doctor").out == ""


@pytest.mark.parametrize(
    "args",
    [("no-verb", "--json"), ("build", "--json", "--no-such-option"), ("checklist", "--format", "json")],
)
def test_a_wrong_command_line_is_json_too(args: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
    ran = cli(*args, cwd=tmp_path)

    error = json.loads(ran.out)["error"]
    assert (ran.code, error["exit_code"]) == (2, 2)
    assert error["message"] in ran.err


def test_what_is_no_option_asks_for_no_json(cli: Cli, tmp_path: Path) -> None:
    assert cli("explain", "--", "--json", cwd=tmp_path).out == ""


def test_all_that_tells_something_takes_json(cli: Cli) -> None:
    def options(command: click.Command) -> Iterator[tuple[str, bool]]:
        yield str(command.name), any("--json" in p.opts for p in command.params)
        for own in getattr(command, "commands", {}).values():
            yield from options(own)

    found = [o for verb in command_line.VERBS.values() for o in options(verb.load())]
    assert [name for name, takes in found if not takes] == ["completion"]


def test_a_full_disk_names_the_file_and_what_to_do(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "/w/plan.json"))

    ran = cli("doctor")

    assert ran.code == 3
    assert (
        ran.err == "fedvhost: error: '/w/plan.json': No space left on device; "
        "make room, then give the same command again\n"
    )


def test_ctrl_c_says_that_the_same_command_resumes(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, KeyboardInterrupt())

    ran = cli("doctor")

    assert ran.code == 130
    assert "the same command resumes" in ran.err


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, ZeroDivisionError("a bug"))

    with pytest.raises(ZeroDivisionError, match="a bug"):
        command_line.run(["doctor"])


def test_debug_shows_the_traceback_of_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDVHOST_DEBUG", "1")
    failing(monkeypatch, InputError("wrong"))

    with pytest.raises(InputError, match="wrong"):
        command_line.run(["doctor"])


def test_output_into_a_pipe_that_closes_early_is_no_traceback(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "fedvhost", "--help"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None and program.stderr is not None
        program.stdout.close()
        complaint = program.stderr.read()

    assert complaint == b""
    assert program.returncode == 141


def test_completion_offers_verbs_without_loading_them(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "complete" in cli("completion", "bash").out
    failing(monkeypatch, AssertionError("no verb is loaded to complete its name"))
    monkeypatch.setenv("_FEDVHOST_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "fedvhost back")
    monkeypatch.setenv("COMP_CWORD", "1")

    assert cli().out == "plain,backport\n"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("backport --release", ["f13"]),
        ("backport --release f", ["f13"]),
        ("backport --feature", ["vhost-net"]),
        ("backport --package", ["kernel", "qemu-kvm"]),
        ("check --package kernel --package", ["qemu-kvm"]),
        ("build --package q", ["qemu-kvm"]),
        ("report --release", ["f13"]),
        ("contingency set on --release", ["f13"]),
        ("smoke --shape", ["driver", "guest", "full", "sample", "f13"]),
        ("smoke --shape f13 --shape f", ["full"]),
        ("checklist sign", ["development", "qa", "release-engineering"]),
        ("checklist sign --release f13 q", ["qa"]),
        ("checklist waive test", ["test-plan"]),
        ("checklist review plan", ["plan-reviewed"]),
    ],
)
def test_completion_offers_what_the_workspace_has(
    words: str, offered: list[str], cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_workspace(tmp_path / "w")
    assert made is not None
    given = ["fedvhost", "-C", str(made.root), *words.split()]
    last = given[-1]
    begun = last not in {"sign", "waive", "review"} and not last.startswith("-")
    monkeypatch.setenv("_FEDVHOST_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(given))
    monkeypatch.setenv("COMP_CWORD", str(len(given) - begun))

    assert [line.removeprefix("plain,") for line in cli().out.splitlines()] == offered


def test_completion_is_silent_where_there_is_nothing(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_FEDVHOST_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "fedvhost checklist sign ")
    monkeypatch.setenv("COMP_CWORD", "3")

    assert cli(cwd=tmp_path) == Ran(0, "\n", "")


HEAVY = (
    *("rich", "jinja2", "tomlkit", "tree_sitter", "rpm", "koji"),
    *("fedvhost.pipeline", "fedvhost.report", "fedvhost.release", "fedvhost.backport"),
)


def test_completion_of_values_imports_nothing_heavy(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w")
    assert made is not None
    words = f"fedvhost -C {made.root} checklist --release f13 waive "
    script = (
        "import os, sys\n"
        f"os.environ.update(_FEDVHOST_COMPLETE='bash_complete', COMP_WORDS={words!r}, COMP_CWORD='7')\n"
        "from fedvhost.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print([m for m in sys.modules if m.startswith({HEAVY})])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    *offered, loaded = done.stdout.splitlines()
    assert "plain,test-plan" in offered
    assert loaded == "[]"


def test_shapes_that_are_offered_are_those_that_there_are() -> None:
    assert tuple(catalogue.SHAPES) == SHAPES


def test_no_color_is_respected_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    colors: list[bool | None] = []

    @click.command()
    @click.pass_context
    def look(ctx: click.Context) -> None:
        colors.append(ctx.color)

    monkeypatch.setattr(command_line.Verb, "load", lambda self: look)
    monkeypatch.setenv("TERM", "xterm")
    command_line.run(["doctor"])
    monkeypatch.setenv("NO_COLOR", "1")
    command_line.run(["doctor"])
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    command_line.run(["doctor"])

    assert colors == [None, False, False]


def test_help_names_every_exit_code(cli: Cli) -> None:
    told = " ".join(cli("--help").out.split()).partition("Exit codes: ")[2]

    assert re.findall(r"\d+", told) == ["0", "1", "2", "3", "130", "141"]


def test_a_command_that_is_suggested_works_where_this_one_was_given(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my work"
    assert make_workspace(folder) is not None
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no-histories"))

    no_plan = ("spec", "--check", "--release", "f13")
    assert "make it with: fedvhost -C 'my work' plan --release f13" in cli("-C", "my work", *no_plan).err
    assert "make it with: fedvhost plan --release f13" in cli(*no_plan, cwd=folder).err

    asked = ("checklist", "--release", "f13", "--today", "2010-02-01")
    found = re.findall(r"→ (fedvhost \S+ \S+)", cli("-C", folder, *asked).out)
    assert found and set(found) == {f"fedvhost -C '{tmp_path}/my"}
    assert set(re.findall(r"→ (fedvhost \S+)", cli(*asked, cwd=folder).out)) != {"fedvhost -C"}
    # What others read, elsewhere, has no folder of this machine.
    for form in ("md", "html"):
        assert "-C" not in cli("-C", folder, *asked, "--format", form).out
    report = tmp_path / "page.html"
    cli("-C", folder, "report", "--release", "f13", "--today", "2010-02-01", "--output", report)
    assert "fedvhost backport" in report.read_text() and f"-C '{tmp_path}" not in report.read_text()


def test_init_makes_a_workspace_that_doctor_recognises(cli: Cli, tmp_path: Path) -> None:
    made = cli("init", tmp_path / "mine")
    again = cli("init", tmp_path / "mine")
    doctor = cli("-C", tmp_path / "mine", "doctor")

    assert made.code == 0
    assert "releases: f13" in made.out
    assert again.out == f"'{tmp_path / 'mine'}' is a workspace already; nothing was changed\n"
    assert f"workspace            {tmp_path / 'mine'}: features vhost-net; releases f13" in doctor.out


def test_init_leaves_a_folder_with_other_things_alone(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")

    ran = cli("init", tmp_path)

    assert ran.code == 2
    assert "is not empty and no workspace" in ran.err
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


def test_init_where_nothing_can_be_written_names_the_folder(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    ran = cli("init", tmp_path / "file" / "mine")

    assert ran.code == 3
    assert ran.err == f"fedvhost: error: cannot write '{tmp_path}/file/mine': Not a directory\n"


def test_init_here_in_an_empty_folder(cli: Cli, tmp_path: Path) -> None:
    assert cli("init", ".", cwd=tmp_path).code == 0
    assert cli("init", ".", cwd=tmp_path).out == "'.' is a workspace already; nothing was changed\n"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".init")]


def test_doctor_finds_the_histories_of_the_sample(cli: Cli, tmp_path: Path) -> None:
    made = json.loads(cli("sample", "--json", tmp_path / "sample").out)

    ran = cli("-C", made["workspace"], "doctor", "--json")

    found = {f["name"]: f for f in json.loads(ran.out)["findings"]}
    assert ran.code == 0
    for package in ("kernel", "qemu-kvm"):
        row = found[f"history of {package}"]
        assert row["here"]
        assert row["found"] == f"{made[package]} (from {made['workspace']}/fedvhost.toml)"


def test_doctor_fails_for_a_history_that_is_not_where_it_should_be(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_workspace(tmp_path / "w")
    assert made is not None
    monkeypatch.setenv("FEDVHOST_UPSTREAM_KERNEL", str(tmp_path / "gone"))

    ran = cli("-C", made.root, "doctor")

    assert ran.code == 1
    assert "(from FEDVHOST_UPSTREAM_KERNEL): " in ran.out
    assert ran.out.endswith("Missing: history of kernel.\n")


def test_doctor_names_the_package_of_a_missing_program(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_workspace(tmp_path / "w")
    monkeypatch.setenv("PATH", str(tmp_path))  # nothing is on it

    ran = cli("-C", tmp_path / "w", "doctor")

    assert ran.code == 1
    assert "Fedora: dnf install rpm-build" in ran.out
    assert "Debian: apt-get install rpm" in ran.out
    assert "Missing: git, rpmbuild" in ran.out.splitlines()[-1]
