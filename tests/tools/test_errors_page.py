"""docs/spec/errors.md is the page of the codes there are; the comparison must be able to fail."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))
import tap  # noqa: E402


def check(root):
    return subprocess.run([sys.executable, os.path.join(ROOT, 'tools', 'errors-page'), '--check',
                           root], stderr=subprocess.PIPE, text=True)


def read(*path):
    with open(os.path.join(ROOT, *path), encoding='utf-8') as file:
        return file.read()


def check_with(codes, page):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {'base/err_codes.def': codes, 'docs/spec/errors.md': page}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), 'w', encoding='utf-8') as file:
                file.write(text)
        return check(root)


def test_page_is_the_present_one():
    "docs/spec/errors.md is made from the present codes"
    done = check(ROOT)
    tap.equal(done.returncode, 0, done.stderr)


def test_changed_sentence():
    "a sentence that was changed in the code only is noticed"
    codes, page = read('base', 'err_codes.def'), read('docs', 'spec', 'errors.md')
    changed = codes.replace('the ticket has expired', 'the ticket is too old')
    assert changed != codes
    done = check_with(changed, page)
    tap.equal(done.returncode, 1)
    tap.contains(done.stderr, 'errors.md is old')


def test_new_code():
    "a code that the page does not have is noticed"
    codes, page = read('base', 'err_codes.def'), read('docs', 'spec', 'errors.md')
    done = check_with(codes + 'ERR(NEW, "new", 400, 1, "something new")\n', page)
    tap.equal(done.returncode, 1)


def test_strange_code():
    "a code in a form that the tool does not understand is not passed over"
    codes, page = read('base', 'err_codes.def'), read('docs', 'spec', 'errors.md')
    done = check_with(codes + 'ERR(NEW, "new", HTTP_OK, 1, "something new")\n', page)
    tap.equal(done.returncode, 1)
    tap.contains(done.stderr, 'not understood')


tap.main()
