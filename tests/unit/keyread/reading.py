"""What the tests of the readers share: the program that reads, and the tools that write."""
import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', '..', 'e2e'))

DUMP = os.environ['KEYREAD_DUMP']
DIR = tempfile.mkdtemp(prefix='keyread-')
atexit.register(shutil.rmtree, DIR, ignore_errors=True)


class Read:
    """The objects of one input."""

    def __init__(self, lines):
        self.all = [json.loads(line) for line in lines.splitlines()]
        for one in self.all:
            for text in ('name', 'reason'):
                if text in one:
                    one[text] = bytes.fromhex(one[text]).decode('utf-8', 'replace')
        self.keys = [one for one in self.all if one['is'] == 'key']
        self.flaws = [one for one in self.all if one['is'] == 'flaw']
        self.signatures = [one for one in self.all if one['is'] == 'signature']
        self.end = self.all[-1]

    def spkis(self):
        return [bytes.fromhex(key['spki']) for key in self.keys]


def path(name):
    return os.path.join(DIR, name)


def write(name, data):
    with open(path(name), 'wb') as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    return path(name)


def read_file(name, form='auto', start=0):
    return Read(subprocess.run([DUMP, form, name, str(start)], stdout=subprocess.PIPE,
                               check=True).stdout)


def read(data, form='auto', start=0, pipe=False):
    """Reads bytes, as a file or through a pipe."""
    data = data if isinstance(data, bytes) else data.encode()
    if pipe:
        return Read(subprocess.run([DUMP, form, '-', str(start)], input=data,
                                   stdout=subprocess.PIPE, check=True).stdout)
    return read_file(write('input', data), form, start)


def run(*args, data=None, env=None, cwd=DIR):
    """The output of a tool of others."""
    done = subprocess.run(args, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          cwd=cwd, env=env, check=False)
    if done.returncode != 0:
        raise AssertionError(f'{args}: {done.stderr.decode("utf-8", "replace")}')
    return done.stdout
