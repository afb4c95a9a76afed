"""What an external resolver may say: nothing of upstream's is lost or doubled without being named."""

from __future__ import annotations

import json

import pytest

from fedvhost.backport.diff3 import Chunk
from fedvhost.backport.resolutions import RESOLVER, Question, ask
from fedvhost.backport.resolver import Refused, Resolved, request, response

BASE, OURS, THEIRS = (b"a();\n",), (b"own();\n",), (b"a();\n", b"new();\n", b"}\n")
QUESTION = ask("f", ((b"x\n",), Chunk(BASE, OURS, THEIRS)), (b"", b"", b""), whole=False)


def answer(*texts: str, **more: object) -> Resolved | Refused:
    raw = {"because": "so", "files": [{"path": "f", "texts": list(texts), **more}]}
    return response(json.dumps(raw).encode(), [QUESTION])


def why(found: Resolved | Refused) -> str:
    assert isinstance(found, Refused)
    return found.why


def test_an_answer_is_what_stands_in_the_place_of_each_conflict_and_marked() -> None:
    found = answer("own();\nnew();\n}\n")

    assert isinstance(found, Resolved) and found.because == "so"
    (one,) = found.answers
    assert (one.key, one.whole, one.texts) == (QUESTION.key, False, (b"own();\nnew();\n}\n",))
    assert (one.rung, one.review) == (RESOLVER, True)


def test_the_question_says_what_the_three_sides_have() -> None:
    raw = json.loads(request({"commit": "c0ffee"}, [QUESTION]))

    assert raw == {
        "format": 1,
        "commit": "c0ffee",
        "files": [
            {
                "path": "f",
                "whole": False,
                "parts": [
                    {"settled": "x\n"},
                    {"conflict": {"base": "a();\n", "here": "own();\n", "with": "a();\nnew();\n}\n"}},
                ],
            }
        ],
    }


def test_bytes_that_are_no_text_survive_the_way_there_and_back() -> None:
    question = ask("f", (Chunk((), (), (b"\xe9\xff\n",)),), (b"", b"", b""), whole=False)
    part = json.loads(request({}, [question]))["files"][0]["parts"][0]
    found = response(
        json.dumps({"files": [{"path": "f", "texts": [part["conflict"]["with"]]}]}).encode(), [question]
    )

    assert isinstance(found, Resolved) and found.answers[0].texts == (b"\xe9\xff\n",)


def test_a_line_of_upstreams_that_is_gone_must_be_named() -> None:
    assert why(answer("own();\n")) == "f: a line that upstream adds is lost: new();"
    assert isinstance(answer("own();\n", left_out=["  new();"]), Resolved)
    assert "does not add, or that is not left out" in why(answer("own();\nnew();\n", left_out=["new();"]))
    assert "does not add" in why(answer("new();\n", left_out=["own();"]))


def test_a_line_of_upstreams_stands_there_once() -> None:
    assert why(answer("new();\nown();\nnew();\n")) == (
        "f: a line that upstream adds stands there too often: new();"
    )


def test_a_line_that_the_base_has_already_need_not_come_twice() -> None:
    chunk = Chunk(BASE, (b"own();\n", b"new();\n"), THEIRS)
    question = ask("f", (chunk,), (b"", b"", b""), whole=False)
    for text in ("own();\nnew();\n", "own();\nnew();\nnew();\n"):
        raw = json.dumps({"files": [{"path": "f", "texts": [text]}]}).encode()
        assert isinstance(response(raw, [question]), Resolved)


@pytest.mark.parametrize(
    "text",
    [
        "<<<<<<< here\nown();\n=======\nnew();\n>>>>>>> upstream with it\n",
        "own();\n<<<<<<< HEAD\nnew();\n",
        "own();\n||||||| base\nnew();\n",
        "own();\nnew();\n>>>>>>> theirs\n",
        "own();\n=======\nnew();\n",
    ],
)
def test_a_marker_is_no_answer(text: str) -> None:
    assert why(answer(text)) == "f: a conflict marker stands in a text"


def test_a_heading_that_is_underlined_on_one_side_is_no_marker() -> None:
    chunk = Chunk((), (), (b"Title\n", b"=======\n"))
    question: Question = ask("f", (chunk,), (b"", b"", b""), whole=False)
    raw = json.dumps({"files": [{"path": "f", "texts": ["Title\n=======\n"]}]}).encode()

    assert isinstance(response(raw, [question]), Resolved)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "not JSON"),
        (b"[]", "not an object"),
        (b'{"files": 1}', "not an object with a list"),
        (b'{"files": []}', "it has no answer"),
        (b'{"files": [], "because": "who knows"}', "it has no answer: who knows"),
        (b'{"files": [{"path": "g", "texts": [""]}]}', "not so: f, g"),
        (b'{"files": [{"path": "f", "texts": []}]}', "0 texts for 1 conflicts"),
        (b'{"files": [{"path": "f", "texts": [1]}]}', "must be lists of strings"),
        (b'{"files": [{"path": "f", "texts": [""]}, {"path": "f", "texts": [""]}]}', "of another one"),
        (b'{"files": [{"path": "f", "texts": [""]}], "because": "a\\nb"}', "'because' is not one line"),
    ],
)
def test_what_is_no_answer(raw: bytes, told: str) -> None:
    assert told in why(response(raw, [QUESTION]))
