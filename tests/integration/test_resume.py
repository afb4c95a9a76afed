"""A conflict that a person settles: asked once, kept, used again where it is the same, never lost."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from backports import FEATURE, FEDVHOST, PLAN, RELEASE, Answer, Finished, Work, contents, copy_workspace
from conftest import Cli
from fedvhost.sample import Sample
from gitrepo import Repo
from killing import POINTS, at, kill, moments

IOEVENTFD, KVM_H = "6c0da24f60f6", "int kvm_vm_ioctl(int type, long arg);"
FOLDER = ".fedvhost/conflict/f13-vhost-net/qemu-kvm"
FILE = f"{FOLDER}/kvm.h"
STATE = f"{FOLDER}.json"
QEMU = ("--package", "qemu-kvm")
MARKERS = re.compile(
    r"<<<<<<< here\n(.*?)\|{7} upstream before it\n.*?=======\n(.*?)>>>>>>> upstream with it\n", re.DOTALL
)


def without_kvm_h(text: str) -> str:
    """Return the feature manifest without what it says of ``kvm.h``."""
    blocks = re.split(r"(?m)^(?=\[)", text)
    kept = [b for b in blocks if 'path = "kvm.h"' not in b]
    assert len(kept) == len(blocks) - 1
    return "".join(kept)


def settle(work: Work) -> None:
    """Edit the file as a person does: the prototype goes before the ``#ifdef``."""
    file = work.file(FILE)
    edited, count = MARKERS.subn(r"\2\1", file.read_text())
    assert count == 1
    file.write_text(edited)


@pytest.fixture(scope="session")
def stopped_once(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace after a run that stopped: to be copied."""
    root = copy_workspace(sample.workspace, sample, tmp_path_factory.mktemp("stopped"))
    manifest = root / FEATURE
    manifest.write_text(without_kvm_h(manifest.read_text()))
    argv = [*FEDVHOST, "-C", str(root), "backport", "--release", "f13", *QEMU]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert f"to edit   in {FOLDER}:\n              kvm.h\n" in ran.stdout
    assert ran.stdout.endswith(f"edit the files, then: fedvhost -C {root} resume --release f13\n")
    return root


@pytest.fixture
def stopped(stopped_once: Path, sample: Sample, cli: Cli, tmp_path: Path) -> Work:
    return Work(copy_workspace(stopped_once, sample, tmp_path), cli)


def pick(said: dict[str, object], commit: str = IOEVENTFD) -> dict[str, object]:
    picks = said["packages"]["qemu-kvm"]["picks"]  # type: ignore[index]
    return next(p for p in picks if p["commit"].startswith(commit))


def test_the_answer_carries_the_run_to_its_end_and_is_not_asked_for_again(
    stopped: Work, finished: Finished
) -> None:
    before = stopped.file(FILE).read_text()
    assert before.count("<<<<<<< here") == 1
    settle(stopped)

    said = stopped.json("resume", *QEMU, "--because", "the fork's\n KVM_UPSTREAM is never built")

    landed = pick(said)
    notes = [n for n in landed["notes"] if n["path"] == "kvm.h"]  # type: ignore[attr-defined]
    assert (landed["verdict"], landed["review"]) == ("adapted", False)
    assert [n["rung"] for n in notes] == ["resolution"]
    how = notes[0]["how"]
    assert how.startswith("resolved by hand, Pat Packager, ")
    assert how.endswith(": the fork's KVM_UPSTREAM is never built")
    patch = stopped.file(f"patches/f13/qemu-kvm/{landed['patch']}").read_text()
    assert "\nConflicts:\n" in patch and f"\n\tkvm.h: {how}\n" in patch
    assert not stopped.file(FOLDER).exists() and not stopped.file(STATE).exists()
    # The declared adaptation of the sample says the same: so does the tree.
    assert said["packages"]["qemu-kvm"]["tree"] == finished.said["packages"]["qemu-kvm"]["tree"]

    (record,) = stopped.file("backport/resolutions/vhost-net").iterdir()
    raw = json.loads(record.read_text())
    assert (raw["path"], raw["whole"]) == ("kvm.h", False)
    assert (raw["who"], raw["commit"][:12]) == ("Pat Packager <pat@example.org>", IOEVENTFD)

    stamps = stopped.stamps()
    assert stopped.run("backport", *QEMU).code == 0
    assert stopped.stamps() == stamps
    stopped.forget()  # state can be deleted
    assert stopped.run("backport", *QEMU, "--from-plan").code == 0
    assert stopped.stamps() == stamps


def trees(work: Work) -> dict[str, str]:
    """Return commit → tree after it, of the plan."""
    entries = json.loads(work.file(PLAN).read_text())["packages"]["qemu-kvm"]["entries"]
    return {e["commit"]: e["tree"] for e in entries}


def test_the_answer_survives_a_plan_with_more_picks_in_front(stopped: Work, sample: Sample) -> None:
    settle(stopped)
    assert stopped.run("resume", *QEMU).code == 0
    before = trees(stopped)

    argv = [
        "git",
        "-C",
        str(sample.qemu_kvm),
        "log",
        "--format=%H",
        "--grep=^virtio: check the number of a queue",
    ]
    commit = subprocess.run([*argv, IOEVENTFD], capture_output=True, text=True, check=True).stdout.strip()
    assert commit not in before
    manifest = stopped.file(FEATURE).read_text()
    index = next(i for i, line in enumerate(manifest.splitlines()) if "vhostfd= is read" in line)
    listed = manifest.splitlines(keepends=True)
    listed.insert(index, f'    {{ commit = "{commit}", because = "one more, in front" }},\n')
    stopped.file(FEATURE).write_text("".join(listed))
    said = stopped.json("backport", *QEMU)

    landed = pick(said)
    assert [n["rung"] for n in landed["notes"] if n["path"] == "kvm.h"] == ["resolution"]  # type: ignore[attr-defined]
    after = trees(stopped)
    assert set(after) == {*before, commit}
    asked = next(c for c in before if c.startswith(IOEVENTFD))
    assert after[asked] != before[asked], "the pick in front made no difference: this test shows nothing"


def test_another_conflict_is_asked_anew(stopped: Work) -> None:
    settle(stopped)
    assert stopped.run("resume", *QEMU).code == 0
    (record,) = stopped.file("backport/resolutions/vhost-net").iterdir()
    raw = json.loads(record.read_text())
    other = "0" * 64
    record.rename(record.with_name(f"{other}.json"))
    record.with_name(f"{other}.json").write_text(json.dumps({**raw, "key": other}))

    assert stopped.run("backport", *QEMU).code == 1
    assert stopped.file(FILE).read_text().count("<<<<<<< here") == 1


def test_a_marker_that_is_left_is_named_and_nothing_is_lost(stopped: Work) -> None:
    file = stopped.file(FILE)
    text = file.read_text().replace("<<<<<<< here\n", "")
    file.write_text(text)
    before = stopped.contents()
    line = text.splitlines().index("||||||| upstream before it") + 1

    ran = stopped.run("resume")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"fedvhost: error: {FILE}:{line}: a conflict marker is left")
    assert file.read_text() == text
    assert stopped.contents() == before
    # The command that stopped leaves the edits alone, too.
    assert stopped.run("backport", *QEMU).code == 1
    assert file.read_text() == text


def test_a_file_that_is_gone_is_no_answer(stopped: Work) -> None:
    stopped.file(FILE).unlink()
    ran = stopped.run("resume")
    assert (ran.code, ran.out) == (2, "")
    assert f"{FILE}: the file is gone" in ran.err


def test_abort_clears_away_the_conflict_and_leaves_answers(stopped: Work) -> None:
    answers = stopped.file("backport/resolutions/vhost-net")
    answers.mkdir(parents=True)
    (answers / "note.txt").write_text("mine")

    ran = stopped.run("abort")

    assert (ran.code, ran.out, ran.err) == (0, f"removed  {FOLDER}\n", "")
    assert not stopped.file(".fedvhost/conflict/f13-vhost-net").exists()
    assert (answers / "note.txt").exists()
    for verb in ("abort", "resume"):
        ran = stopped.run(verb)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("fedvhost: error: no conflict waits for an answer in release 'f13'; ")


def test_what_was_edited_is_kept_when_the_conflict_goes_away_otherwise(stopped: Work, sample: Sample) -> None:
    stopped.file(FILE).write_text("half done\n")
    stopped.file(FEATURE).write_text((sample.workspace / FEATURE).read_text())

    ran = stopped.run("backport", *QEMU)

    assert ran.code == 0
    assert "qemu-kvm.kept-1 has the files of an older conflict" in " ".join(ran.out.split())
    assert stopped.file(f"{FOLDER}.kept-1/kvm.h").read_text() == "half done\n"
    assert not stopped.file(STATE).exists()


def test_an_answer_that_is_no_answer_names_the_file(stopped: Work) -> None:
    settle(stopped)
    assert stopped.run("resume", *QEMU).code == 0
    (record,) = stopped.file("backport/resolutions/vhost-net").iterdir()
    record.write_text(record.read_text().replace('"key": "', '"key": "0'))
    ran = stopped.run("backport", *QEMU)
    assert (ran.code, ran.out) == (2, "")
    assert f"{record.name}: not a recorded answer (ValueError: the key in it is 0" in ran.err
    assert "remove it to be asked again" in ran.err


def test_an_answer_that_uses_what_is_not_there_is_no_good_one(stopped: Work) -> None:
    file = stopped.file(FILE)
    # Upstream has it by then, the base does not: what a person writes is checked like everything.
    call = 'static inline void kvm_complain(void)\n{\n    error_report("no");\n}\n'
    file.write_text(MARKERS.sub(lambda m: m[2] + call + m[1], file.read_text()))
    ran = stopped.run("resume", *QEMU)
    assert ran.code == 1
    assert "uses 'error_report', which is not defined here" in ran.out
    assert "to edit" not in ran.out


def test_the_next_conflict_is_asked_after_the_first(stopped: Work) -> None:
    file = stopped.file(FILE)
    file.write_text(MARKERS.sub(r"\1", file.read_text()))  # the base's side: no prototype at all
    ran = stopped.run("resume", *QEMU)
    assert ran.code == 1
    assert re.search(r"stopped   c2eb0c69c6ee .*\n +kvm.h: upstream changes lines that are diff", ran.out)
    assert "kvm_set_irqfd" in file.read_text()
    assert json.loads(stopped.file(STATE).read_text())["pick"].startswith("c2eb0c69c6ee")


@pytest.fixture(scope="session")
def resumed(stopped_once: Path, sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A workspace after ``resume``, and how many moments that had at which it could be killed."""

    def call(*_: object, **__: object) -> Answer:
        raise AssertionError

    work = Work(copy_workspace(stopped_once, sample, tmp_path_factory.mktemp("resumed")), call)
    settle(work)
    return work.root, moments(work, "resume")


@pytest.mark.parametrize("point", range(POINTS))
def test_killed_while_resuming_the_same_command_ends_the_same(
    stopped: Work, resumed: tuple[Path, int], point: int
) -> None:
    settle(stopped)

    kill(stopped, at(point, resumed[1]), "resume")

    # Once the state is gone all is done: nothing waits to be resumed, and that is said.
    waits = stopped.file(STATE).exists()
    assert stopped.run("resume").code == (0 if waits else 2)
    assert stopped.contents() == contents(resumed[0])
    assert not stopped.file(STATE).exists()


@pytest.mark.parametrize("moment", [20, 60, 100, 140])
def test_killed_while_stopping_the_same_command_prepares_the_same(stopped: Work, moment: int) -> None:
    asked = contents(stopped.file(".fedvhost/conflict"))
    assert stopped.run("abort").code == 0
    stopped.file(PLAN).unlink()

    kill(stopped, moment, "backport")
    assert stopped.run("backport", *QEMU).code == 1
    assert not list(stopped.file(".fedvhost/conflict").glob("*/*.kept-*"))
    assert stopped.file(FILE).read_text().count("<<<<<<< here") == 1
    assert set(contents(stopped.file(".fedvhost/conflict"))) >= set(asked)


def test_git_commands_in_between_lose_nothing(stopped: Work, finished: Finished) -> None:
    settle(stopped)
    store = stopped.file(".fedvhost/git/qemu-kvm.git")
    git = ["git", "--git-dir", str(store)]
    subprocess.run([*git, "update-ref", "-d", "refs/fedvhost/vhost-net/f13/qemu-kvm"], check=True)
    subprocess.run([*git, "gc", "-q", "--prune=now"], check=True)

    said = stopped.json("resume")

    assert said["packages"]["qemu-kvm"]["tree"] == finished.said["packages"]["qemu-kvm"]["tree"]
    assert stopped.run("backport", "--from-plan", *QEMU).code == 0


def test_resume_goes_as_far_as_the_run_that_stopped(stopped: Work) -> None:
    assert stopped.run("plan", *QEMU).code == 1  # the last run is the one that goes on
    settle(stopped)
    before = stopped.contents("specs", "patches")
    assert stopped.run("resume").code == 0
    assert stopped.contents("specs", "patches") == before
    assert stopped.run("export", *QEMU).code == 0


def test_a_conflict_of_no_text_file_is_left_to_the_manifest(repo: Repo, fresh: Work) -> None:
    base = repo.commit("base", {"f": b"\0b", "x": "x\n"})
    repo.git("tag", "base", base)
    start = repo.commit("start", {"f": b"\0a", "x": "x\n"}, root=True)
    pick = repo.commit("pick", {"f": b"\0c"}, onto=start)
    fresh.edit(FEATURE, 'paths = ["drivers/vhost", "include/linux/vhost.h"]', "paths = []")
    manifest = fresh.file(FEATURE).read_text()
    kernel = re.sub(r"(?s)^also = \[.*?^\]\nnever = \[.*?^\]\n", "", manifest, count=1, flags=re.MULTILINE)
    until = f'also = [{{ commit = "{pick}", because = "it is wanted" }}]\nuntil = "{pick}"\n'
    fresh.file(FEATURE).write_text(kernel.replace('until = "v2.6.34"\n', until))
    fresh.edit(RELEASE, 'base = "v2.6.33"', 'base = "base"')

    ran = fresh.run("plan", "--package", "kernel", "--upstream", f"kernel={repo.path}")

    assert ran.code == 1, ran
    assert "no editor settles this one: declare an adaptation" in ran.out
    assert not fresh.file(".fedvhost/conflict").exists()
