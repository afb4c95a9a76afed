"""Answers in the ladder: what a person is asked where git's merge and all rungs stop, and what it makes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fedvhost.backport.landing import land
from fedvhost.backport.outcome import Landing, Verdict
from fedvhost.backport.resolutions import NO_ANSWERS, Answers, Known, Question, answered, draft
from fedvhost.git.store import GitStore
from fedvhost.values import Oid
from gitrepo import File, Repo, numbered

Files = Mapping[str, File]
F, OWN, NEW = numbered(), numbered(l2="own"), numbered(l2="new")
X: Files = {"x": "x\n"}


class Two:
    """A pick and a base that went another way, in a repository."""

    def __init__(self, repo: Repo, parent: Files, base: Files, pick: Files) -> None:
        start = repo.commit("parent", parent, root=True)
        self.base = repo.commit("base", base)
        self.pick = repo.commit("pick", pick, onto=start)
        self.repo = repo

    def land(self, store: GitStore, answers: Answers = NO_ANSWERS) -> Landing:
        return land(store, self.repo.tree(self.base), self.pick, (), answers)


def one_question(landing: Landing) -> Question:
    assert landing.verdict is Verdict.STOPPED
    (question,) = landing.questions
    return question


def settled(question: Question, edited: str | None) -> Known:
    answer = answered(question, None if edited is None else edited.encode(), "so it is")
    return Known({answer.key: answer})


def content(store: GitStore, tree: Oid, path: str = "f") -> str | None:
    found = store.file(tree, path)
    return None if found is None else found.decode()


def test_an_answer_holds_where_the_file_differs_elsewhere_and_the_rest_merges(repo: Repo) -> None:
    with repo.store() as store:
        made = Two(repo, {"f": F}, {"f": OWN}, {"f": NEW})
        question = one_question(made.land(store))
        asked = ["<<<<<<< here", "own", "||||||| upstream before it", "line 2", "=======", "new"]
        assert draft(question).decode().splitlines()[1:8] == [*asked, ">>>>>>> upstream with it"]
        answers = settled(question, numbered(l2="both"))

        landing = made.land(store, answers)
        assert (landing.verdict, landing.review) == (Verdict.ADAPTED, False)
        assert [(n.path, n.rung, n.how) for n in landing.notes] == [("f", "resolution", "so it is")]
        assert content(store, landing.tree) == numbered(l2="both")

        # Another base, and a pick that does more: the conflict is the same.
        other = Two(
            repo, {"f": F}, {"f": numbered(l2="own", l9="mine")}, {"f": numbered(l2="new", l15="far")}
        )
        landing = other.land(store, answers)
        assert content(store, landing.tree) == numbered(l2="both", l9="mine", l15="far")
        # And where it is not the same, it is no answer.
        for changed in (
            Two(repo, {"f": F}, {"f": numbered(l2="own2")}, {"f": NEW}),
            Two(repo, {"f": F}, {"f": OWN}, {"f": numbered(l2="new2")}),
            Two(repo, {"g": F}, {"g": OWN}, {"g": NEW}),
        ):
            assert changed.land(store, answers).verdict is Verdict.STOPPED


def test_an_answer_that_takes_the_base_s_side_leaves_nothing_to_do(repo: Repo) -> None:
    with repo.store() as store:
        made = Two(repo, {"f": F}, {"f": OWN}, {"f": NEW})
        landing = made.land(store, settled(one_question(made.land(store)), OWN))
        assert (landing.verdict, landing.tree) == (Verdict.REDUNDANT, repo.tree(made.base))


@pytest.mark.parametrize(
    ("parent", "base", "pick"),
    [
        pytest.param({"f": F, **X}, {"f": OWN}, {"f": None}, id="removed upstream, changed here"),
        pytest.param({"f": F, **X}, {"f": None}, {"f": NEW}, id="removed here, changed upstream"),
        pytest.param(X, {"f": F}, {"f": "other\n"}, id="added on both sides"),
    ],
)
def test_a_file_as_a_whole_can_be_written_or_left_out(
    repo: Repo, parent: Files, base: Files, pick: Files
) -> None:
    with repo.store() as store:
        made = Two(repo, parent, base, pick)
        question = one_question(made.land(store))
        landing = made.land(store, settled(question, "by hand\n"))
        assert landing.verdict is Verdict.ADAPTED
        assert content(store, landing.tree) == "by hand\n"
        landing = made.land(store, settled(question, None))
        assert landing.verdict is not Verdict.STOPPED
        assert content(store, landing.tree) is None


@pytest.mark.parametrize(
    ("parent", "base", "pick"),
    [
        pytest.param({"f": b"\0a"}, {"f": b"\0b"}, {"f": b"\0c"}, id="binary"),
        pytest.param(X, {"d/q": "q\n"}, {"d": "file\n"}, id="a folder in its place"),
        pytest.param(
            {"l": ("120000", b"one")}, {"l": ("120000", b"two")}, {"l": ("120000", b"three")}, id="links"
        ),
    ],
)
def test_what_no_editor_can_answer_is_not_asked(repo: Repo, parent: Files, base: Files, pick: Files) -> None:
    with repo.store() as store:
        landing = Two(repo, parent, base, pick).land(store)
        assert (landing.verdict, landing.questions) == (Verdict.STOPPED, ())
        assert landing.unsettled
