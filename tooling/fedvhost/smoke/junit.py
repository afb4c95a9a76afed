"""The result as JUnit XML. What was not decided is an error there: a skipped test counts as no problem.
Skipped is only what is not decidable on this machine."""

from __future__ import annotations

import io
import json

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from fedvhost.inside.rows import Verdict
from fedvhost.smoke.results import Smoke


def junit(smoke: Smoke) -> bytes:
    """One test suite a run, one test case a row."""
    xml = JUnitXml("fedvhost smoke")
    for run in smoke.runs:
        suite = TestSuite(f"{smoke.shape}-{run.number}")
        suite.add_property("accelerator", smoke.accelerator)
        if run.guests:
            suite.add_property("accelerator of guests", run.guests)
        suite.add_property("kernel", run.kernel or smoke.kernel)
        for note in run.notes:
            suite.add_property("note", note)
        for row in run.rows:
            case = TestCase(row.title, f"{smoke.shape}.{row.id}", row.seconds)
            if row.verdict is Verdict.FAIL:
                case.result = [Failure(row.why)]
            elif row.verdict is Verdict.UNDECIDED:
                case.result = [Error(row.why, "could not decide")]
            elif row.verdict is Verdict.ELSEWHERE:
                case.result = [Skipped(f"{row.verdict.value}: {row.why}; to be decided by {row.decided_by}")]
            case.system_out = json.dumps(row.observed, sort_keys=True, ensure_ascii=True)
            suite.add_testcase(case)
        xml.add_testsuite(suite)
    xml.update_statistics()  # type: ignore[no-untyped-call]
    out = io.BytesIO()
    xml.write(out, pretty=True)
    return out.getvalue()
