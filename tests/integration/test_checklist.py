"""The checklist on the sample, with real builds: no-go until all is known, and again when a byte changed."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from backports import PLAN, RELEASE, Work
from conftest import USER_CACHE
from fedvhost.evidence import file_of, sealed
from fedvhost.workspace import Workspace
from released import DECISIONS, PATCH, TODAY, checklist, findings, gone, reviewed, signed, smoked, states

# -- from nothing to go, and back ----------------------------------------------------------------------


def test_from_nothing_it_is_no_go_with_a_command_for_everything_unknown(fresh: Work) -> None:
    said = fresh.json("checklist", *TODAY, code=1)
    unknown = [f for i in said["items"] for f in i["findings"] if f["state"] == "unknown"]
    assert not said["go"]
    assert len(unknown) > 12
    assert all(f["next"].startswith(f"fedvhost -C {fresh.root} ") for f in unknown)
    ran = fresh.run("checklist", *TODAY)
    assert ran.code == 1
    assert "NO-GO" in ran.out.splitlines()[0]
    then = f"→ fedvhost -C {fresh.root} backport --release f13 --package kernel"
    assert then in " ".join(ran.out.split())


def test_builds_tests_and_words_lead_to_go_and_one_byte_leads_back(
    ready: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(USER_CACHE))  # kernels, and parts of images
    before = states(ready)
    assert before["srpm-reproducible"] == before["built"] == before["compiled"] == "done"
    assert (before["smoke"], before["plan-reviewed"], before["sign-offs"]) == ("unknown", "manual", "manual")
    gone(ready, really=True)
    assert "GO" in ready.run("checklist", *TODAY).out.splitlines()[-1]

    patch = ready.file(PATCH)
    patch.write_bytes(patch.read_bytes().replace(b"vhost", b"vhosT", 1))
    after = states(ready)
    stale = ("code-complete", "applied", "compiled", "spec-sound", "built", "smoke", "srpm-reproducible")
    assert {after[i] for i in stale} == {"unknown"}
    assert after["sign-offs"] == "manual"
    for item in ("compiled", "built"):
        texts = [f["text"] for f in findings(ready, item).values() if f["state"] == "unknown"]
        assert texts
        assert all("stale: changed since" in t and PATCH in t for t in texts)
    smoke = findings(ready, "smoke")["sample"]["text"]
    assert smoke.startswith("stale: the build of kernel is stale")
    assert PATCH in smoke
    assert PATCH in findings(ready, "sign-offs")["qa"]["text"]
    waived = findings(ready, "test-plan")["whql"]
    assert waived["state"] == "manual"
    assert (
        "the waiver by Wim does not hold: it was given for another state of: build kernel" in waived["text"]
    )


def test_a_changed_spec_makes_builds_stale_and_leaves_the_compile_check(ready: Work) -> None:
    smoked(ready)
    ready.edit("specs/f13/qemu-kvm/qemu.spec", "The sample's qemu-kvm.", "The sample's qemu-kvm!")
    after = states(ready)
    assert (after["built"], after["smoke"]) == ("unknown", "unknown")
    found = findings(ready, "built")
    assert (found["kernel/x86_64"]["state"], found["qemu-kvm/x86_64"]["state"]) == ("done", "unknown")
    assert "specs/f13/qemu-kvm/qemu.spec" in found["qemu-kvm/x86_64"]["text"]


def test_too_few_runs_and_a_red_row_are_not_green(ready: Work) -> None:
    smoked(ready, runs=2)
    assert states(ready)["smoke"] == "unknown"
    smoked(ready, row="fail")
    after = states(ready)
    assert (after["smoke"], after["test-plan"]) == ("failed", "failed")
    assert "red: load" in findings(ready, "smoke")["sample"]["text"]


# -- people --------------------------------------------------------------------------------------------


def test_one_no_go_is_no_go(ready: Work) -> None:
    gone(ready)
    checklist(ready, "sign", "qa", "--by", "Quinn", "--no-go", "--because", "it hung twice")
    assert states(ready)["sign-offs"] == "failed"
    assert "it hung twice" in findings(ready, "sign-offs")["qa"]["text"]


def test_a_sign_off_needs_a_role_and_a_no_go_a_reason(ready: Work) -> None:
    for args, says in (
        (("sign", "boss", "--by", "B"), "no role 'boss' signs here"),
        (("sign", "qa", "--by", "Q", "--no-go"), "a no-go needs a reason"),
        (("review", "sign-offs", "qa", "--by", "Q"), "is not for people to review"),
        (("review", "plan-reviewed", "*", "--by", "Q"), "has no '*'"),
        (("review", "test-plan", "whql", "--by", "Q"), "--because is missing"),
    ):
        ran = ready.call("-C", ready.root, "checklist", *args, "--release", "f13", *TODAY)
        assert (ran.code, says in ran.err) == (2, True), ran
    assert not ready.file(DECISIONS).exists()


def test_waivers_are_for_one_thing_for_a_while(ready: Work) -> None:
    why = ("--by", "Wim", "--because", "there is no such machine")
    for item, scenario, until, says in (
        ("smoke", "*", "2010-03-01", "without wildcards"),
        ("smoke", "guest", "2010-03-01", "is not open"),
        ("smoke", "sample", "2012-03-01", "longer than a release takes"),
        ("sign-offs", "qa", "2010-03-01", "cannot be waived"),
        ("smoke,built", "sample", "2010-03-01", "one item"),
    ):
        ran = checklist(ready, "waive", item, "--scenario", scenario, "--until", until, *why, code=1)
        assert ran.out.startswith("refused: ")
        assert says in ran.out
    assert not ready.file(DECISIONS).exists()
    checklist(ready, "waive", "smoke", "--scenario", "sample", "--until", "2010-02-20", *why)
    assert findings(ready, "smoke")["sample"]["state"] == "waived"
    late = ready.run("checklist", "--today", "2010-02-21")
    assert "the waiver by Wim does not hold: it ended on 2010-02-20" in " ".join(late.out.split())


def test_a_reviewed_patch_that_changes_must_be_reviewed_again(ready: Work) -> None:
    reviewed(ready)
    assert states(ready)["adapted-reviewed"] == "done"
    ready.edit(PLAN, '"format": 1', '"format":  1')
    assert states(ready)["plan-reviewed"] == "manual"
    assert "is stale, this changed since" in findings(ready, "plan-reviewed")["plan"]["text"]


# -- what cannot be believed ---------------------------------------------------------------------------


def test_evidence_that_was_edited_is_unknown_with_the_reason(ready: Work) -> None:
    file = file_of(Workspace(ready.root), "f13", "vhost-net", "check", "kernel")
    file.write_text(file.read_text().replace("kernel", "kernal", 1))
    found = findings(ready, "compiled")["kernel"]
    assert found["state"] == "unknown"
    assert "its seal does not fit" in found["text"]
    file.write_text(file.read_text()[:-40])
    assert "no whole JSON" in findings(ready, "compiled")["kernel"]["text"]


def test_decisions_that_were_edited_count_for_nothing_and_are_not_written_over(ready: Work) -> None:
    signed(ready)
    file = ready.file(DECISIONS)
    file.write_text(file.read_text().replace("the one for qa", "the one for QA"))
    spoiled = file.read_bytes()
    assert findings(ready, "sign-offs")["qa"]["state"] == "unknown"
    ran = ready.call("-C", ready.root, "checklist", "sign", "qa", "--by", "Q", "--release", "f13")
    assert ran.code == 2
    assert "cannot be believed" in ran.err
    assert file.read_bytes() == spoiled


def test_a_forged_shape_with_a_right_seal_is_unknown_too(ready: Work) -> None:
    file = ready.file(DECISIONS)
    file.parent.mkdir(parents=True)
    content = {
        "schema": 1, "release": "f13", "feature": "vhost-net", "sign_offs": [{"role": "qa", "go": "yes"}],
        "reviews": [], "waivers": [], "contingency": [],
    }  # fmt: skip
    file.write_bytes(sealed(content))
    assert findings(ready, "sign-offs")["qa"]["state"] == "unknown"


HOSTILE = "<script>alert(1)</script>\x1b[2J\x9b31m%s{0}{{7*7}}\N{RIGHT-TO-LEFT OVERRIDE}" + "A" * (10 << 20)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)


def test_a_hostile_line_harms_neither_terminal_nor_page_nor_ticket(ready: Work) -> None:
    smoked(ready, row="fail", observed=HOSTILE)
    checklist(ready, "sign", "qa", "--by", HOSTILE[:120], "--no-go", "--because", HOSTILE[:200])
    outs = {form: ready.run("checklist", *TODAY, "--format", form) for form in ("text", "md", "html", "json")}
    for form, ran in outs.items():
        assert (ran.code, ran.err) == (1, ""), form
        assert len(ran.out) < 100_000
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", ran.out), form
    assert "<script>" not in outs["html"].out + outs["md"].out
    tags = Tags()
    tags.feed(outs["html"].out)
    assert "script" not in tags.seen
    assert "html" in tags.seen
    assert ready.call("-C", ready.root, "docs", "--release", "f13").code == 0
    page = ready.file("backport/documents/f13-vhost-net/feature-page.md").read_text()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "\x1b" not in page


# -- documents -----------------------------------------------------------------------------------------


def test_documents_say_what_is_known_and_a_second_run_changes_nothing(ready: Work) -> None:
    smoked(ready)
    folder = ready.file("backport/documents/f13-vhost-net")
    ran = ready.call("-C", ready.root, "docs", "--release", "f13")
    assert ran.out.count("written ") == 3
    page, guide = (folder / "feature-page.md").read_text(), (folder / "user-guide.md").read_text()
    assert "| Load the driver | kernel | **done** | as it should be (sample) |" in page
    assert "| Networking tests of a guest's vendor | guest | **manual** |" in page
    assert "    qemu-kvm -netdev tap,ifname=tap0,vhost=on" in guide
    assert "mrg\\_rxbuf=off" in guide
    again = ready.call("-C", ready.root, "docs", "--release", "f13")
    assert again.out.count("unchanged ") == 3
    assert states(ready)["documents"] == "done"
    smoked(ready, row="fail")
    assert findings(ready, "documents")["feature-page"]["state"] == "failed"


def test_an_own_template_and_an_own_checklist_take_the_place_of_fedoras(ready: Work) -> None:
    template = ready.file("specs/templates/release-note.md.j2")
    template.parent.mkdir(exist_ok=True)
    template.write_text("Other words for {{ feature.name | md }}.\n")
    own = ready.file("backport/checklists/other.toml")
    own.parent.mkdir(exist_ok=True)
    own.write_text(
        'title = "Another distribution\'s"\nsign-offs = ["boss"]\n'
        '[[items]]\nid = "lunch"\nsection = "S"\ntitle = "Lunch was had"\ncheck = "manual"\n'
    )
    ready.edit(RELEASE, 'title = "Fedora 13 (sample)"\n', 'title = "Other 1"\nchecklist = "other"\n')
    assert states(ready) == {"lunch": "manual"}
    checklist(ready, "review", "lunch", "lunch", "--by", "Rita")
    assert states(ready, code=0) == {"lunch": "done"}
    assert ready.call("-C", ready.root, "docs", "release-note", "--release", "f13").code == 0
    note = ready.file("backport/documents/f13-vhost-net/release-note.md").read_text()
    assert note == "Other words for vhost-net.\n"


def test_a_checklist_that_is_wrong_names_file_line_and_key(fresh: Work) -> None:
    fresh.edit(RELEASE, 'title = "Fedora 13 (sample)"\n', 'title = "F"\nchecklist = "fedra"\n')
    ran = fresh.run("checklist")
    assert (ran.code, "did you mean 'fedora'?" in ran.err) == (2, True), ran
    own = fresh.file("backport/checklists/fedra.toml")
    own.parent.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).parents[2] / "backport/checklists/fedora.toml", own)
    own.write_text(own.read_text().replace('section = "Code"', 'sektion = "Code"', 1))
    ran = fresh.run("checklist")
    assert ran.code == 2
    assert re.search(r"checklists/fedra\.toml:\d+: items\[0\]\.sektion: unknown key", ran.err), ran.err


@pytest.mark.parametrize("known", [False, True])
def test_a_freeze_exception_has_its_four_parts_and_says_what_is_not_known(
    request: pytest.FixtureRequest, known: bool
) -> None:
    work: Work = request.getfixturevalue("ready" if known else "fresh")
    ran = checklist(work, "exception", "--change", "only <b>repairs</b>")
    for part in ("1. What will change", "2. Why it matters", "3. What if it is not", "4. What was tested"):
        assert f"\n## {part}" in ran.out
    assert "only &lt;b&gt;repairs&lt;/b&gt;" in ran.out
    assert ("**not known:" in ran.out) != known
    assert ("- build kernel/x86\\_64: **done**" in ran.out) == known
    assert "- smoke sample: **unknown**" in ran.out
