"""The plan file: what is written is read back, and says nothing that varies."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from fedvhost.backport.outcome import Note, Verdict
from fedvhost.backport.plan import (
    ConflictText,
    Considered,
    Culprit,
    Entry,
    Evidence,
    PackagePlan,
    Plan,
    Stop,
    Undecided,
    from_json,
    to_json,
)
from fedvhost.errors import InputError
from fedvhost.values import Oid

ONE, TWO, TREE = Oid("1" * 40), Oid("2" * 40), Oid("3" * 40)
EVIDENCE = Evidence("export", "'use_mm' is not exported", ("use_mm",), "mm/mmu.c", TWO)
ENTRY = Entry(
    ONE, "tun: é", "requested", Verdict.ADAPTED, TREE, (EVIDENCE,), (Note("a.c", "declared", "x"),), True
)
STOP = Stop(
    TWO, "s", ("p",), (ConflictText("f", "w", "upstream's words"),), (Culprit(ONE, "c", 3, "o"),), ("h",)
)
PACKAGE = PackagePlan(
    TREE, "v1", (ENTRY,), (Considered(TWO, "c", "why"),), (Undecided(TWO, "u", "what"),), STOP
)
PLAN = Plan("vhost-net", "f13", {"kernel": PACKAGE}, {"backport/x.toml": "0" * 64})


def test_a_plan_is_read_back_without_upstreams_words() -> None:
    text = to_json(PLAN)
    assert b"upstream's words" not in text
    back = from_json(text, "plan.json")
    stop = replace(STOP, conflicts=(), hints=())
    assert back == replace(PLAN, packages={"kernel": replace(PACKAGE, stop=stop)})
    assert to_json(back) == text


def test_a_plan_without_a_stop() -> None:
    plan = replace(PLAN, packages={"kernel": replace(PACKAGE, stop=None)})
    assert from_json(to_json(plan), "plan.json") == plan
    assert plan.packages["kernel"].ok


def test_one_fact_a_line_in_a_fixed_order() -> None:
    twisted = replace(PLAN, packages={"qemu": PACKAGE, "kernel": PACKAGE})
    straight = replace(PLAN, packages={"kernel": PACKAGE, "qemu": PACKAGE})
    assert to_json(twisted) == to_json(straight)
    assert '   "base_name": "v1",\n' in to_json(PLAN).decode()


def test_a_path_that_is_no_text_survives() -> None:
    plan = replace(
        PLAN, packages={"k": replace(PACKAGE, entries=(replace(ENTRY, notes=(Note("\udce9.c", "d", "x"),)),))}
    )
    text = to_json(plan)
    text.decode()  # is UTF-8
    assert from_json(text, "p").packages["k"].entries[0].notes[0].path == "\udce9.c"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{\n", ":2: not a plan: this is not JSON"),
        (b"[]", ": not a plan: an object is expected here, not a list"),
        (b"[" * 99999, "not a plan: it is nested too deeply"),
        (b"\n\xff\xfe", ":2: not a plan: this line is not UTF-8 text"),
        (b'{"format": true}', ": format: a number is expected here, not true or false"),
        (b'{"format": 99}', "plan format 99, this fedvhost reads 1; plan again"),
        (to_json(PLAN).replace(b'"1111', b'"xyz1'), "' is not the full name of a commit or tree"),
        (
            to_json(PLAN).replace(b'"review": ', b'"review": 0, "x": '),
            ".review: true or false is expected here, not",
        ),
        (to_json(PLAN).replace(b'"subject"', b'"object"'), ".subject: it is missing; make a new one with"),
        (
            to_json(PLAN).replace(b'"names": [', b'"names": "x", "x": ['),
            ".names: a list is expected here, not a text",
        ),
        (
            to_json(PLAN).replace(b'"adapted"', b'"fine"'),
            ": packages.kernel.entries[0].verdict: 'fine' is none of: clean,",
        ),
    ],
)
def test_what_is_no_plan_is_named(text: bytes, says: str) -> None:
    with pytest.raises(InputError, match=r"^plan\.json(:\d+)?: ") as caught:
        from_json(text, "plan.json")
    assert says in str(caught.value)
    assert not re.search(r"Error|object has|NoneType|\bdict\b|\bstr\b|\bint\b|subscript", str(caught.value))


def test_each_missing_key_is_an_error_and_no_accident() -> None:
    whole = json.loads(to_json(PLAN))
    for key in whole:
        part = {k: v for k, v in whole.items() if k != key}
        with pytest.raises(InputError):
            from_json(json.dumps(part).encode(), "plan.json")
