"""Runs one of CPython's own test modules: `MODULE PLACE` begins with the test at that place.

A line that begins with "::" says what is under way and how each test ended, as soon as it did, so that what hangs has its name.
"""

import _thread
import os
import sys
import sysconfig
import threading
import unittest

os.chdir("/tmp")
# What componentize-py was configured with has a quote too many for `test.support`.
sysconfig.get_config_vars()["CONFIG_ARGS"] = ""

from test import support  # noqa: E402
from test.support import socket_helper, threading_helper  # noqa: E402

name, start = sys.argv[1], int(sys.argv[2])
# Elsewhere in WASI there are none.
support.has_socket_support = threading_helper.can_start_thread = socket_helper.has_gethostname = True
# All that this one would miss there are pairs of sockets.
support.is_wasi = name != "test.test_selectors"
# There is no network but the guest's own, and no file of 2 GB.
support.use_resources = dict.fromkeys(["cpu", "decimal", "tzdata", "walltime"])
if name == "test.test_socketserver":
    support.use_resources["network"] = None
# Whatever waits for so long in one process waits in vain.
support.LOOPBACK_TIMEOUT = support.SHORT_TIMEOUT = support.LONG_TIMEOUT = 5.0
# What 3.14.0 gets wrong there breaks its memory for the tests after it.
UNFIT = {"test.test_asyncio.test_tasks.CIntrospectionTests.test_register_task_resurrection"}


def say(*words):
    # The tests may have taken sys.stdout, and left it in the middle of a line.
    os.write(1, f"\n:: {' '.join(map(str, words))}\n".encode(errors="replace"))


def id_of(test):
    return name if isinstance(test, unittest.loader._FailedTest) else test.id()


def start_new_thread(function, args, kwargs={}):
    thread = threading.Thread(target=function, args=args, kwargs=kwargs)
    thread.start()
    return thread.ident


if name != "test.test_thread":
    # Many tests start their threads with `_thread`, which starts none in a guest.
    _thread.start_new_thread = start_new_thread


class Result(unittest.TestResult):
    verdict = None

    def startTest(self, test):
        super().startTest(test)
        self.verdict, self.why = "ok", ""
        say("begins", places[id(test)], id_of(test))

    def addFailure(self, test, err):
        self.note(test, "failed", err)

    def addError(self, test, err):
        self.note(test, "failed", err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.note(test, "failed", err)

    def addSkip(self, test, reason):
        self.settle(test, "skipped", reason)

    def addExpectedFailure(self, test, err):
        pass

    def addUnexpectedSuccess(self, test):
        self.settle(test, "failed", "unexpected success")

    def note(self, test, verdict, err):
        self.settle(test, verdict, f"{err[0].__name__}: {err[1]}")

    def settle(self, test, verdict, why):
        if isinstance(test, unittest.loader._FailedTest):
            # The module was not imported: the last line says why.
            why = why.strip().rpartition("\n")[2]
        why = str(why).replace("\n", " ")[:200]
        if self.verdict is None:
            # "setUpClass (test.test_a.B)": what comes before or after the tests of a class has no test.
            when, _, name = test.id().rstrip(")").partition(" (")
            say(verdict, f"{name}.{when}" if name else when, why)
        else:
            self.verdict, self.why = verdict, why

    def stopTest(self, test):
        super().stopTest(test)
        say(self.verdict, id_of(test), self.why)
        self.verdict = None


def tests_of(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_of(test)
        else:
            yield test


places = {}
try:
    suite = unittest.defaultTestLoader.loadTestsFromName(name)
except unittest.SkipTest as skipped:
    say("skipped", name, skipped)
else:
    classes = {}
    for test in tests_of(suite):
        classes.setdefault(type(test), []).append(test)
    result = Result()
    for kind, tests in classes.items():
        # A test case is equal to any other of its name.
        places.update(zip(map(id, tests), range(len(places), len(places) + len(tests))))
        left = [test for test in tests if places[id(test)] >= start and test.id() not in UNFIT]
        if left:
            say("class", len(places), f"{kind.__module__}.{kind.__qualname__}")
            # A suite runs what the class and the module prepare, the module's unless the class before was of the same.
            result._previousTestClass = None
            unittest.TestSuite(left).run(result)
say("over")
