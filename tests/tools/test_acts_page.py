"""docs/spec/acts.md lists the acts that the program writes into the log, and no others."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))
import tap  # noqa: E402

ROOMS = ['authority', 'cli', 'server', 'agent', 'protocol']
CALL = re.compile(r'\b(?:entry_start|journal_note)\(([^;]*);', re.S)
ACT = re.compile(r'"([a-z]+\.[a-z]+)"')
DEFINED = re.compile(r'#define BUNDLE_ACT "([a-z.]+)"')


def source(room):
    folder = os.path.join(ROOT, room)
    for name in sorted(os.listdir(folder)):
        if name.endswith('.c'):
            with open(os.path.join(folder, name), encoding='utf-8') as file:
                yield file.read()


def acts_of(text):
    return {act for call in CALL.findall(text) for act in ACT.findall(call)}


def acts_written():
    acts = set()
    for room in ROOMS:
        for text in source(room):
            acts |= acts_of(text)
            if re.search(r'entry_start\([^;]*BUNDLE_ACT', text):
                with open(os.path.join(ROOT, 'firmware', 'bundle.h'), encoding='utf-8') as file:
                    acts |= set(DEFINED.findall(file.read()))
    return acts


def acts_listed():
    with open(os.path.join(ROOT, 'docs', 'spec', 'acts.md'), encoding='utf-8') as file:
        return set(re.findall(r'^\| `([a-z.]+)` \|', file.read(), re.M))


def test_lists_agree():
    "the page lists the acts of the program"
    tap.equal(sorted(acts_listed()), sorted(acts_written()))


def test_search_finds_something():
    "the search for acts finds them in each form of call"
    tap.equal(acts_of('entry_start(&en, 0, x ? "a.b" : "c.d", actor,\n\tobject);'), {'a.b', 'c.d'})
    tap.equal(acts_of('return journal_note(a, "e.f", object, e);'), {'e.f'})
    tap.contains(sorted(acts_written()), 'device.enrolled')


tap.main()
