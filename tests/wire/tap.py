"""A runner of tests that speaks the Test Anything Protocol.

    @test
    def receipt(broker):
        \"\"\"A POST is answered with a receipt.\"\"\"
        equal(broker.post("news", b"x").status, 200)

    run(Broker)

The sentence is the test's name. All tests of a file share what the fixture
gives them; that it ends well is the last test. Words on the command line, after
the program under test, choose the tests whose sentence has them.
"""

import sys
import traceback

TESTS = []
LAST_SENTENCE = "The broker they all used stops when told, without complaint."


class Skip(Exception):
    """Raised by a test that cannot be run here, with the reason."""


def test(function):
    """Marks a function as a test."""
    sentence = " ".join(function.__doc__.split())
    TESTS.append((sentence, function, ()))
    return function


def cases(rows, sentence="{0}"):
    """Marks a function as many tests, one for each row. The row begins with
    what names it and goes on with arguments; all of it is for the sentence."""

    def register(function):
        for row in rows:
            TESTS.append((sentence.format(*row), function, row[1:]))
        return function

    return register


def equal(found, wanted, what="it"):
    """Fails unless both are equal, showing both."""
    assert found == wanted, f"{what}: found {found!r:.300}, not {wanted!r:.300}"


def explain(error):
    """Prints why a test failed, as diagnostics."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in frames[1:]:
        print(f"# {frame.filename}:{frame.lineno}: {frame.line}")
    for line in f"{type(error).__name__}: {error}".splitlines():
        print(f"# {line}")


def run_one(number, sentence, function, arguments):
    """Runs a test and reports it; returns whether it failed."""
    verdict, note = "ok", ""
    try:
        function(*arguments)
    except Skip as skip:
        note = f" # SKIP {skip}"
    except Exception as error:  # whatever it is, the next test is run
        explain(error)
        verdict = "not ok"
    print(f"{verdict} {number} - {sentence}{note}", flush=True)
    return verdict != "ok"


def run(fixture=None):
    """Runs the tests of the file in order and exits. Without a fixture the
    tests take no broker, and there is no last one."""
    words = sys.argv[2:]
    chosen = [test for test in TESTS if all(word in test[0] for word in words)]
    if fixture is not None:
        shared = fixture()
        given = shared.__enter__()
        chosen = [(s, f, (given, *arguments)) for s, f, arguments in chosen]
        chosen.append((LAST_SENTENCE, shared.__exit__, (None, None, None)))
    print(f"1..{len(chosen)}")
    failures = [run_one(n, *test) for n, test in enumerate(chosen, 1)]
    sys.exit(any(failures))
