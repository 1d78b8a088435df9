"""A report of tests, written by the code under test: names and stories, nothing more."""

from __future__ import annotations

import pytest

from cfx_flow.suites.junit import MAX_NAME_CHARS, MAX_STORY_CHARS, read_report

PYTEST = b"""<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest"
errors="1" failures="1" skipped="1" tests="4" time="0.02">
<testcase classname="tests.test_cart" name="test_total" time="0.001" />
<testcase classname="tests.test_cart" name="test_empty[a b]" time="0.001">
<failure message="assert 1 == 2">def test():
&gt;  assert 1 == 2</failure></testcase>
<testcase classname="" name="tests.test_new" time="0.000">
<error message="collection failure">ImportError: x</error></testcase>
<testcase classname="tests.test_cart" name="test_later">
<skipped type="pytest.skip" message="later">...</skipped></testcase>
</testsuite></testsuites>"""

NODE = b"""<testsuites><testsuite name="cart"><testcase name="adds" file="/src/cart.test.js"/>
<testcase name="removes" classname="test"><failure type="testCodeFailure"/></testcase>
</testsuite></testsuites>"""


def test_what_failed_is_known_by_its_name_and_told_as_the_report_tells_it() -> None:
    cases = read_report(PYTEST)
    assert cases is not None
    assert (cases.passed, cases.skipped) == (1, 1)
    assert cases.failed == {
        "tests.test_cart::test_empty[a b]": "assert 1 == 2\ndef test():\n>  assert 1 == 2",
        "tests.test_new": "collection failure\nImportError: x",
    }


def test_a_failure_without_a_word_is_a_failure() -> None:
    cases = read_report(NODE)
    assert cases is not None
    assert (cases.passed, dict(cases.failed)) == (1, {"cart::removes": ""})


def test_tests_of_one_name_stay_apart() -> None:
    """Else a patch that breaks one of them would hide behind another that failed before."""
    failure = "<failure/></testcase>"
    node = "".join(f'<testcase name="works" classname="test" file="{file}">{failure}' for file in "ab")
    cases = read_report(
        f"<testsuite name='x'>{node}<testsuite name='y'>{node}</testsuite></testsuite>".encode()
    )
    assert cases is not None
    assert list(cases.failed) == ["a::x::works", "b::x::works", "a::x::y::works", "b::x::y::works"]

    same = f'<testcase name="works">{failure}' * 3
    cases = read_report(f"<t><testcase name='works'/>{same}</t>".encode())
    assert cases is not None
    assert (cases.passed, list(cases.failed)) == (1, ["works (2)", "works (3)", "works (4)"])

    long = "".join(f'<testcase name="{"n" * MAX_NAME_CHARS}[{n}]">{failure}' for n in range(2))
    cases = read_report(f"<t>{long}</t>".encode())
    assert cases is not None
    assert len({name[:MAX_NAME_CHARS] for name in cases.failed}) == 2


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"no xml",
        b"<testsuites/>",
        PYTEST[:-40],
        b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><testsuite><testcase name='&b;'/></testsuite>",
        b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><testsuite><testcase name='x'/></testsuite>",
        b"\xff\xfe\x00",
        b"<a>" * 100_000,
        b"<?xml version='1.0' encoding='unheard-of'?><testsuite><testcase name='x'/></testsuite>",
        b"<?xml version='1.0' encoding='shift_jis'?><testsuite><testcase name='x'/></testsuite>",
        b"<?xml version='1.0' encoding='idna'?><testsuite><testcase name='x'/></testsuite>",
    ],
)
def test_what_is_cut_off_or_declares_something_is_no_report(report: bytes) -> None:
    assert read_report(report) is None


def test_names_and_stories_are_bounded() -> None:
    long = b"n" * 10_000
    cases = read_report(
        b"<t><testcase name='%b'><failure>%b</failure><failure>%b</failure></testcase></t>"
        % (long, long, long)
    )
    assert cases is not None
    ((name, story),) = cases.failed.items()
    assert (len(name), len(story)) == (MAX_NAME_CHARS, MAX_STORY_CHARS)


def test_cases_within_cases_and_words_outside_of_them_do_not_confuse_it() -> None:
    cases = read_report(
        b"<t>words<failure>stray</failure>"
        b"<testcase name='a'>x<testcase name='b'><failure/></testcase></testcase></t>"
    )
    assert cases is not None
    assert (cases.passed, list(cases.failed)) == (0, ["b"])
