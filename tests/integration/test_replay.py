"""A plan carried out: upstream's author, date and words, the same commits every time, one ref moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fedvhost.backport.manifest import Adaptation
from fedvhost.git.identity import Identity, committer
from fedvhost.git.store import GitStore
from fedvhost.pipeline.replaying import Replay, replay
from fedvhost.values import Oid
from gitrepo import Repo, numbered
from planned import job, plan

F = numbered()
US = Identity("Pat Packager", "pat@example.org")


@pytest.fixture
def store(repo: Repo) -> Iterator[GitStore]:
    with repo.store() as opened:
        yield opened


def replayed(repo: Repo, store: GitStore, base: Oid, picks: list[Oid], who: Identity = US) -> Replay:
    work = job(repo, store, base, picks)
    return replay(work, plan(work), who)


def shown(store: GitStore, commit: Oid, form: str) -> str:
    return store.git("log", "-1", f"--format={form}", commit).stdout.decode()


def test_author_and_date_are_upstreams_and_the_committer_is_who_runs_it(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    pick = repo.commit("net: fix\n\nWords.\n\nSigned-off-by: A <a@b>\n", f=numbered(l5="five"))
    made = replayed(repo, store, base, [pick])
    assert shown(store, made.tip, "%an <%ae> %ad") == shown(store, pick, "%an <%ae> %ad")
    assert shown(store, made.tip, "%cn <%ce>") == "Pat Packager <pat@example.org>\n"
    assert shown(store, made.tip, "%cd") == shown(store, pick, "%cd")
    assert store.commit(made.tip).message == (
        b"net: fix\n\nWords.\n\nSigned-off-by: A <a@b>\n(cherry picked from commit " + pick.encode() + b")\n"
    )
    assert store.commit(made.tip).parents == (base,)
    assert [(p.entry.commit, p.commit) for p in made.picked] == [(pick, made.tip)]


def test_what_was_done_is_told_in_the_message(repo: Repo, store: GitStore) -> None:
    start = repo.commit("start", f="a\nb\nz\n")
    base = repo.commit("own", f="a\nown\nz\n")
    pick = repo.commit("pick", {"f": "a\nnew\nb\nz\n"}, onto=start)
    message = store.commit(replayed(repo, store, base, [pick]).tip).text
    head, _, tail = message.partition("\n\nConflicts:\n\tf: inserted right after the line before it")
    assert head == "pick"
    assert tail.endswith(f"\n(cherry picked from commit {pick})\n")


def test_names_and_words_in_another_encoding_stay_as_they_are(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    author, words = "Jörg Müller <j@example.org>".encode("latin-1"), "für alle\n".encode("latin-1")
    pick = repo.commit(words, f=numbered(l5="five"), author=author, encoding="ISO-8859-1")
    made = replayed(repo, store, base, [pick], Identity("Zoë", "z@example.org"))
    commit = store.commit(made.tip)
    assert commit.encoding == b"ISO-8859-1"
    assert commit.author.startswith(author + b" ")
    assert commit.committer.startswith("Zoë <z@example.org> ".encode("latin-1"))
    assert commit.message.startswith(words)
    assert shown(store, made.tip, "%an %cn %s") == "Jörg Müller Zoë für alle\n"


def test_bytes_that_are_no_text_stay_as_they_are(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    author = b"J\xf6rg <j@example.org>"  # Latin-1, and no header says so: git.git has such commits
    pick = repo.commit(b"f\xfcr\n", f=numbered(l5="five"), author=author)
    commit = store.commit(replayed(repo, store, base, [pick]).tip)
    assert commit.author.startswith(author + b" ")
    assert commit.message.startswith(b"f\xfcr\n")
    assert (commit.author_name, commit.subject) == ("Jörg <j@example.org>", "für")


def test_the_same_plan_gives_the_same_commits(repo: Repo) -> None:
    base = repo.commit("base", f=F)
    picks = [repo.commit("one", f=numbered(l5="five")), repo.commit("two", f=numbered(l5="five", l9="n"))]
    tips = set()
    for name in ("one.git", "two.git"):
        with repo.store(name) as opened:
            tips.add(replayed(repo, opened, base, picks).tip)
    assert len(tips) == 1


def test_what_is_in_the_base_or_redundant_makes_no_commit(repo: Repo, store: GitStore) -> None:
    start = repo.commit("start", f=F)
    base = repo.commit("own", f=numbered(l5="five", l9="own"))
    there = repo.commit("there", {"f": numbered(l5="five")}, onto=start)
    skipped = repo.commit("skipped", f=numbered(l5="five", l7="no"))
    work = job(repo, store, base, [there, skipped], adapt=[Adaptation(skipped, "not here", skip=True)])
    found = plan(work)
    assert [e.verdict.value for e in found.entries] == ["in-base", "redundant"]
    made = replay(work, found, US)
    assert (made.tip, made.picked, made.differs) == (base, (), None)


def test_a_plan_that_says_another_tree_is_reported_and_no_ref_moves(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    one = repo.commit("one", f=numbered(l5="five"))
    two = repo.commit("two", f=numbered(l5="five", l9="nine"))
    work = job(repo, store, base, [one, two])
    found = plan(work)
    good = replay(work, found, US)
    assert store.resolve(work.ref) == good.tip

    first, second = found.entries
    stale = replace(found, entries=(first, replace(second, tree=first.tree)))
    made = replay(work, stale, US)
    assert made.differs is not None
    assert made.differs.startswith(
        f"{two.short} (two) ends clean with {second.tree.short}; the plan says clean"
    )
    assert len(made.picked) == 1
    assert store.resolve(work.ref) == good.tip


def test_the_ref_moves_once_at_the_end(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    picks = [repo.commit("one", f=numbered(l5="five")), repo.commit("two", f=numbered(l5="5", l9="n"))]
    work = job(repo, store, base, picks)
    seen: list[object] = []
    made = replay(work, plan(work), US, lambda _: seen.append(store.resolve(work.ref)))
    assert seen == [None, None]
    refs = store.git("for-each-ref", "--format=%(refname) %(objectname)").stdout.decode()
    assert refs == f"refs/fedvhost/vhost-net/f13/kernel {made.tip}\n"


def test_upstreams_repository_is_only_read(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    picks = [repo.commit("one", f=numbered(l5="five"))]

    def files() -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in (repo.path / ".git").rglob("*") if p.is_file()}

    before = files()
    replayed(repo, store, base, picks)
    assert files() == before


def test_the_committer_is_who_git_says(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Zoë <x> Packager")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "zoe@example.org")
    assert committer(repo.path) == Identity("Zoë x Packager", "zoe@example.org")
    assert Identity("A", "a@b").at(b"B <b@c> 12 +0100") == b"A <a@b> 12 +0100"
