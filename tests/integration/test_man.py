"""Manual pages: they say what --help says, and the formatters have nothing against them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import Cli
from fedvhost import cli as command_line
from fedvhost.report.roff import Entry, Page, Part, bold, page_text


@pytest.fixture
def pages(cli: Cli, tmp_path: Path) -> Path:
    ran = cli("man", tmp_path / "man1")
    assert (ran.code, ran.out.split()[0]) == (0, str(len(command_line.VERBS) + 1))
    return tmp_path / "man1"


def test_every_verb_has_a_page_with_all_its_options(pages: Path) -> None:
    assert {p.stem for p in pages.iterdir()} == {"fedvhost", *(f"fedvhost-{v}" for v in command_line.VERBS)}
    for name, verb in command_line.VERBS.items():
        text = (pages / f"fedvhost-{name}.1").read_text(encoding="ascii")
        for option in (o for p in verb.load().params for o in p.opts if o.startswith("-")):
            assert option.replace("-", r"\-") in text, (name, option)
    build = (pages / "fedvhost-build.1").read_text()
    assert re.findall(r"^\.SS (.*)", build, re.MULTILINE) == ["cancel", "logs", "status"]
    assert r"130" in (pages / "fedvhost.1").read_text().partition('.SH "EXIT STATUS"')[2]


def test_a_second_time_gives_the_same_bytes(pages: Path, cli: Cli) -> None:
    before = {p.name: p.read_bytes() for p in pages.iterdir()}

    again = json.loads(cli("man", pages, "--json").out)

    assert (again["written"], again["pages"]) == ([], sorted(before))
    assert {p.name: p.read_bytes() for p in pages.iterdir()} == before


def test_without_a_folder_they_go_where_man_looks(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert cli("man").code == 0
    assert (tmp_path / ".local/share/man/man1/fedvhost-backport.1").is_file()


@pytest.mark.parametrize("argv", [("mandoc", "-Tlint", "-Wall"), ("groff", "-man", "-ww", "-z", "-Tutf8")])
def test_formatters_have_nothing_against_them(argv: tuple[str, ...], pages: Path) -> None:
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    for page in sorted(pages.iterdir()):
        done = subprocess.run([*argv, page], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), page.name


def test_no_text_becomes_a_request_or_loses_a_character() -> None:
    part = Part("A PART", text="  it's 'x' -- \\ ~ … \n\n.sp 9\n\n\b\n  one   two\n  .three", entries=[
        Entry(bold("-x"), "'quoted' first"),
    ])  # fmt: skip
    text = page_text(Page("a-b", 'does"it"', "2026-01-01", "a 1", (part,)))

    assert text.split("\n")[4:] == [
        '.SH "A PART"',
        r"it\(aqs \(aqx\(aq \-\- \e \(ti \[u2026]", ".PP", r"\&.sp 9", ".PP", ".nf", "one   two",
        r"\&.three", ".fi", ".TP", r"\fB\-x\fR", r"\&\(aqquoted\(aq first", "",
    ]  # fmt: skip
