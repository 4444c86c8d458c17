"""Runs one of CPython's own test modules; a line for each test as soon as it is over, so that what hangs has its name."""

import os
import sys
import sysconfig
import unittest

os.chdir("/tmp")
# What componentize-py was configured with has a quote too many for `test.support`.
sysconfig.get_config_vars()["CONFIG_ARGS"] = ""

from test import support  # noqa: E402

# Elsewhere in WASI there are none.
support.has_socket_support = True


class Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.verdict = "ok"
        print("begins", test.id(), flush=True)

    def addFailure(self, test, err):
        self.note(test, "failed", err)

    def addError(self, test, err):
        self.note(test, "failed", err)
        if not hasattr(test, "_testMethodName"):
            print("failed", test.id(), self.why, flush=True)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.note(test, "failed", err)

    def addSkip(self, test, reason):
        self.verdict, self.why = "skipped", reason

    def addExpectedFailure(self, test, err):
        pass

    def addUnexpectedSuccess(self, test):
        self.verdict, self.why = "failed", "unexpected success"

    def note(self, test, verdict, err):
        self.verdict, self.why = verdict, f"{err[0].__name__}: {err[1]}".replace("\n", " ")[:200]

    def stopTest(self, test):
        super().stopTest(test)
        why = "" if self.verdict == "ok" else self.why
        print(self.verdict, test.id(), why, flush=True)


def tests_of(suite):
    """All that are not to be left out."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_of(test)
        elif test.id() not in os.environ.get("WITHOUT", "").split():
            yield test


suites = {}
try:
    suite = unittest.defaultTestLoader.loadTestsFromName(sys.argv[1])
except unittest.SkipTest as skipped:
    print("skipped", sys.argv[1], skipped)
else:
    for test in tests_of(suite):
        # The class's own preparations are run by a suite.
        suites.setdefault(type(test), unittest.TestSuite()).addTest(test)
    result = Result()
    for tests in suites.values():
        tests.run(result)
print("over")
