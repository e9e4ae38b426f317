"""./check must be able to fail: what tools/run-tests makes of a test log."""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))
import tap  # noqa: E402

TOOL = os.path.join(HERE, '..', '..', 'tools', 'run-tests')


def report(*entries):
    with tempfile.NamedTemporaryFile('w', suffix='.json') as log:
        for entry in entries:
            log.write(json.dumps(entry) + '\n')
        log.flush()
        done = subprocess.run([sys.executable, TOOL, '--report', log.name],
                              stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout.splitlines()


def entry(stdout, result='OK', code=0, stderr=''):
    return {'name': 'sample', 'stdout': stdout, 'stderr': stderr, 'result': result, 'returncode': code}


def test_all_pass():
    "passing cases are counted one by one"
    tap.equal(report(entry('1..2\nok 1 - a\nok 2 - b\n')), (0, ['2 passed, 0 failed, 0 skipped']))


def test_none():
    "no test at all is a failure"
    tap.equal(report(), (1, ['no test ran', '0 passed, 0 failed, 0 skipped']))


def test_only_skipped():
    "nothing but skipped cases is a failure"
    tap.equal(report(entry('1..0 # SKIP no kernel\n', 'SKIP')),
              (1, ['SKIPPED sample: (all): no kernel', 'no test ran', '0 passed, 0 failed, 1 skipped']))


def test_one_fails():
    "a failed case is named, with the output of its test"
    status, lines = report(entry('1..2\nok 1 - a\nnot ok 2 - b\n', 'FAIL', 1, 'because\n'))
    tap.equal(status, 1)
    tap.equal(lines[-1], '1 passed, 1 failed, 0 skipped')
    tap.contains(lines, 'FAILED sample: b')
    tap.contains(lines, '    because')


def test_skip_is_named():
    "a skipped case is named with its reason"
    status, lines = report(entry('1..2\nok 1 - a\nok 2 - b # SKIP no TPM here\n'))
    tap.equal((status, lines), (0, ['SKIPPED sample: b: no TPM here', '1 passed, 0 failed, 1 skipped']))


def test_stopped_early():
    "cases that were planned and did not run are a failure"
    status, lines = report(entry('1..3\nok 1 - a\n', 'ERROR', 0))
    tap.equal((status, lines[-1]), (1, '1 passed, 1 failed, 0 skipped'))
    tap.contains(lines, 'FAILED sample: (whole test): 3 cases were planned, 1 ran')


def test_sanitizer():
    "a stream without a failure from a test that died is a failure"
    status, lines = report(entry('1..1\nok 1 - a\n', 'ERROR', 1, 'ERROR: LeakSanitizer\n'))
    tap.equal((status, lines[-1]), (1, '1 passed, 1 failed, 0 skipped'))
    tap.contains(lines, '    ERROR: LeakSanitizer')


def test_timeout():
    "a test that ran out of time is a failure"
    tap.equal(report(entry('', 'TIMEOUT', -15))[0], 1)


def test_plain_program():
    "a test without TAP is one case"
    tap.equal(report(entry('hello\n'), entry('', 'OK'))[1][-1], '2 passed, 0 failed, 0 skipped')


tap.main()
