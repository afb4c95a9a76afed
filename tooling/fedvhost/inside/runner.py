"""Carry out rows one after the other, each within its time, and tell each answer as it comes."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace

from fedvhost.inside.channel import Channel
from fedvhost.inside.fallback import FREE, Guests
from fedvhost.inside.ground import Ground
from fedvhost.inside.rows import Answer, NotHere, Refuted, Row, Undecided, Verdict
from fedvhost.inside.schedule import schedule

# Seconds in which a row that took too long ends, once its guests have.
_LETS_GO = 10.0


def run_rows(
    rows: Sequence[Row], channel: Channel, guests: Guests = FREE, *, processor_emulated: bool = False,
    again: bool = False,
) -> None:  # fmt: skip
    """Run ``rows``; what a failed row left behind that helps (captures, logs) goes out with it.

    Where KVM does not work and nobody has said how ``guests`` are to be run, no row is run: whoever asked
    can bring snapshots. ``processor_emulated``: the test host's is, so that some rows may be others' to
    decide; ``again``: what may be that one's doing is asked once more.
    """
    answers: dict[str, Answer] = {}
    names = {r.id for r in rows}
    ground = Ground(channel, guests, processor_emulated=processor_emulated)
    try:
        if any(r.guests for r in rows):
            settled = ground.settle()
            channel.tell("guests", accelerator=settled.accelerator, because=settled.because)
            if not settled.accelerator and not guests.accelerator:
                return
        for row, step in zip(rows, schedule(rows), strict=True):
            ground.end(step.end)
            ground.prepare(step.start)
            channel.tell("start", row=row.id)
            lacking = [answers[a] for a in row.after if a in names and answers[a].verdict is not Verdict.PASS]
            if lacking:
                why = f"it needs '{lacking[0].row}', which did not pass"
                answer = Answer(row.id, Verdict.UNDECIDED, why, again=lacking[0].again)
            else:
                answer = _asked(row, ground) if again else _answer(row, ground)
            answers[row.id] = answer
            if answer.verdict is not Verdict.PASS and not lacking:
                for name, content in ground.captures():
                    channel.attach(row.id, name, content)
            channel.tell(
                "row", row=row.id, verdict=answer.verdict.value, why=answer.why, observed=answer.observed,
                seconds=round(answer.seconds, 3), again=answer.again,
            )  # fmt: skip
            ground.forget()
            ground.end(ground.spoilt)
    finally:
        ground.close()


def _asked(row: Row, ground: Ground) -> Answer:
    """The answer to a row. Where the test host's processor is emulated, a guest's that was lost, or
    something that did not come in time, may be the emulator's doing (see ``Guest.reset_while_booting``):
    the row is asked once more, with fresh guests, and it is told.
    """
    answer = _answer(row, ground)
    if answer.verdict is Verdict.PASS:
        return answer
    lost = ground.lost(row.guests)
    if not lost and not (answer.again and row.guests):
        return answer
    first = f"{lost}: {answer.why}" if lost else answer.why
    ground.channel.tell("note", text=f"row '{row.id}' was asked again with fresh guests; before: {first}")
    ground.forget()
    ground.end(row.guests)
    return _answer(row, ground)


def _answer(row: Row, ground: Ground) -> Answer:
    """Run one row in a thread of its own: one that hangs in the kernel must not keep us."""
    found: list[Answer] = []
    start = time.monotonic()
    thread = threading.Thread(target=lambda: found.append(_attempt(row, ground)), daemon=True)
    thread.start()
    limit = row.seconds * ground.pace
    thread.join(limit)
    seconds = time.monotonic() - start
    if not found:
        # What it waits for ends with its guests, and they are in nobody knows what state.
        ground.end(row.guests)
        thread.join(_LETS_GO)  # it may have changes to undo
        return Answer(row.id, Verdict.UNDECIDED, f"no answer within {limit:.0f} s", {}, seconds, again=True)
    return replace(found[0], seconds=seconds)


def _attempt(row: Row, ground: Ground) -> Answer:
    try:
        return Answer(row.id, Verdict.PASS, "", row.run(ground))
    except Refuted as no:
        return Answer(row.id, Verdict.FAIL, str(no), no.observed)
    except Undecided as unknown:
        return Answer(row.id, Verdict.UNDECIDED, str(unknown))
    except NotHere as machine:
        here = ground.processor_emulated and row.decided_by
        return Answer(row.id, Verdict.ELSEWHERE if here else Verdict.UNDECIDED, str(machine))
    # Whatever it was, the question is not answered; the place is told. An answer of an agent that was not
    # waited for would be the answer to the next question: the guests are not asked again.
    except Exception as error:
        ground.spoil(row.guests)
        place = traceback.extract_tb(error.__traceback__)[-1]
        why = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
        return Answer(row.id, Verdict.UNDECIDED, why, again=True)
