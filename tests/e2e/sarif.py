"""Holds a SARIF log to SARIF 2.1.0 (OASIS Standard, 27 March 2020), for the objects that we write.

    sarif.check(json.loads(text))       # raises sarif.Wrong

No package of Debian has the JSON schema of the standard. So the tables below say, in words of this
file, what §3 of the standard says of each object that may occur in a report of ours: its properties,
which are required, of what type they are. A property that is not in a table is refused, although the
standard might know it: one that is new in our output shall be looked up and put here.
"""
import re


class Wrong(Exception):
    pass


def text(v, where):
    if not isinstance(v, str):
        raise Wrong(f'{where}: no text')


def words(v, where):
    text(v, where)
    if not v:
        raise Wrong(f'{where}: empty')


def boolean(v, where):
    if not isinstance(v, bool):
        raise Wrong(f'{where}: no boolean')


def integer(least):
    def of(v, where):
        if not isinstance(v, int) or isinstance(v, bool) or v < least:
            raise Wrong(f'{where}: no integer from {least} on')
    return of


def one_of(*values):
    def of(v, where):
        if v not in values:
            raise Wrong(f'{where}: {v!r} is none of {values}')
    return of


def uri(v, where):
    """RFC 3986 §2: what is reserved or not ASCII is escaped (§3.4.3 of the standard)."""
    words(v, where)
    if not re.fullmatch(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-F]{2})+", v):
        raise Wrong(f'{where}: {v!r} is no URI')


def fingerprints(v, where):
    """§3.27.18: names are hierarchical strings with a version, values are text."""
    if not isinstance(v, dict) or not v:
        raise Wrong(f'{where}: no fingerprints')
    for key, value in v.items():
        words(value, f'{where}.{key}')
        if not re.fullmatch(r'[^/]+(/[^/]+)*/v[0-9]+', key):
            raise Wrong(f'{where}: {key}')


def many(what, unique=None):
    def of(v, where):
        if not isinstance(v, list):
            raise Wrong(f'{where}: no array')
        for i, one in enumerate(v):
            what(one, f'{where}[{i}]')
        if unique and len({one[unique] for one in v}) != len(v):
            raise Wrong(f'{where}: two with one {unique}')
    return of


class Object:
    def __init__(self, required=(), **properties):
        self.required, self.properties = required, properties

    def __call__(self, v, where):
        if not isinstance(v, dict):
            raise Wrong(f'{where}: no object')
        for name in self.required:
            if name not in v:
                raise Wrong(f'{where}: no {name}')
        for name, value in v.items():
            if name not in self.properties:
                raise Wrong(f'{where}: {name} is not known here')
            self.properties[name](value, f'{where}.{name}')


LEVEL = one_of('none', 'note', 'warning', 'error')                      # §3.27.10
MESSAGE = Object(['text'], text=words)                                  # §3.11, §3.12
REGION = Object(startLine=integer(1), byteOffset=integer(0))            # §3.30
ARTIFACT = Object(['uri'], uri=uri)                                     # §3.4
PHYSICAL = Object(['artifactLocation'], artifactLocation=ARTIFACT, region=REGION)       # §3.29
LOGICAL = Object(['name'], name=words)                                  # §3.33
LOCATION = Object(['physicalLocation'], physicalLocation=PHYSICAL,
                  logicalLocations=many(LOGICAL))                       # §3.28
RULE = Object(['id'], id=words, shortDescription=MESSAGE, help=MESSAGE,
              defaultConfiguration=Object(['level'], level=LEVEL))      # §3.49, §3.50
DRIVER = Object(['name'], name=words, version=words, rules=many(RULE, unique='id'))     # §3.19
RESULT = Object(['message', 'ruleId'], message=MESSAGE, ruleId=words, ruleIndex=integer(0), level=LEVEL,
                partialFingerprints=fingerprints, locations=many(LOCATION))             # §3.27
NOTIFICATION = Object(['message'], message=MESSAGE, level=LEVEL, locations=many(LOCATION),
                      descriptor=Object(['id'], id=words))              # §3.58
INVOCATION = Object(['executionSuccessful'], executionSuccessful=boolean,
                    toolExecutionNotifications=many(NOTIFICATION))      # §3.20
RUN = Object(['tool', 'results'], tool=Object(['driver'], driver=DRIVER), results=many(RESULT),
             invocations=many(INVOCATION), columnKind=one_of('utf16CodeUnits', 'unicodeCodePoints'))   # §3.14
LOG = Object(['version', 'runs'], version=one_of('2.1.0'), runs=many(RUN), **{'$schema': uri})   # §3.13


def check(log):
    LOG(log, 'log')
    for i, run in enumerate(log['runs']):
        rules = run['tool']['driver'].get('rules', [])
        for j, result in enumerate(run['results']):
            index = result.get('ruleIndex')         # §3.27.6: it is the rule of that id
            if index is not None and (index >= len(rules) or rules[index]['id'] != result['ruleId']):
                raise Wrong(f'runs[{i}].results[{j}]: ruleIndex {index} is not {result["ruleId"]}')
