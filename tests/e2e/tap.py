"""TAP output for tests in Python: each function test_* of a module is one case.

    import tap
    def test_addition():
        "one and one are two"
        tap.equal(1 + 1, 2)
    tap.main()

A case fails when it raises. The first line of its docstring, if it has one, is its name.
"""
import inspect
import sys
import traceback


at_failure = []         # called when a case has failed: they may say more with comment()


class Skip(Exception):
    """Raised to skip a case; its text is the reason."""


def skip(reason):
    raise Skip(reason)


def equal(got, want, what=''):
    if got != want:
        raise AssertionError(f'{what + ": " if what else ""}got {got!r}, want {want!r}')


def contains(text, part):
    if part not in text:
        raise AssertionError(f'{part!r} is not in {text!r}')


def comment(text):
    for line in str(text).splitlines():
        print(f'# {line}', flush=True)


def main(module=None):
    """Runs the cases in the order of the file, prints TAP, and exits."""
    module = module or sys.modules['__main__']
    cases = sorted(((f.__code__.co_firstlineno, name, f)
                    for name, f in vars(module).items()
                    if name.startswith('test_') and inspect.isfunction(f)))
    print(f'1..{len(cases)}', flush=True)
    bad = 0
    for number, (_, name, case) in enumerate(cases, 1):
        title = (inspect.getdoc(case) or name).splitlines()[0].replace('#', '')
        try:
            case()
        except Skip as reason:
            print(f'ok {number} - {title} # SKIP {reason}', flush=True)
        except Exception:           # whatever a case raises is its failure
            bad += 1
            print(f'not ok {number} - {title}', flush=True)
            comment(traceback.format_exc())
            for say in at_failure:
                say()
        else:
            print(f'ok {number} - {title}', flush=True)
    sys.exit(1 if bad else 0)
