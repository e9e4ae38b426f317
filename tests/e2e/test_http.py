"""HTTP requests that two parsers could read in two ways: each is refused, the connection closed, and
what follows it on the connection is never read as a request of its own.

Behind each request stands a second one, whole and valid, that would enrol a device with its ticket.
It must never be executed: the ticket is good until the last case, which uses it.
"""
import base64
import socket
import ssl
import time

import device
import realm
import tap

HOST = b'Host: localhost\r\n'
GET = b'GET ' + device.EST.encode() + b'/cacerts HTTP/1.1\r\n' + HOST
POST = b'POST ' + device.EST.encode() + b'/simpleenroll HTTP/1.1\r\n' + HOST + \
    b'Content-Type: application/pkcs10\r\n'

R = None
SECOND = b''        # the request that must not be executed


def setup(r):
    global R, SECOND
    R = r
    r.start()
    device.add(r, 'PUMP-1')
    body = base64.encodebytes(device.csr(r, device.new_key(r, 'pump1'), 'PUMP-1'))
    secret = base64.b64encode(f'PUMP-1:{device.ticket(r, "PUMP-1")}'.encode())
    SECOND = POST + b'Authorization: Basic ' + secret + b'\r\nContent-Length: ' + \
        str(len(body)).encode() + b'\r\n\r\n' + body


def talk(data, port=None, seconds=device.SECONDS, **kw):
    """All that the server says until it closes, or, when it waits for more, until `seconds`."""
    answer = b''
    with device.connect(R, port, seconds=seconds, **kw) as s:
        try:
            s.sendall(data)
            while chunk := s.recv(65536):
                answer += chunk
        except TimeoutError:
            return answer, False
        except (ConnectionError, ssl.SSLError):
            pass        # closed while we still spoke
    return answer, True


def heads(answer):
    """The status lines of the answers in it."""
    found = []
    while answer:
        head, _, rest = answer.partition(b'\r\n\r\n')
        lines = head.split(b'\r\n')
        found.append(lines[0].decode())
        length = [l.split(b':')[1] for l in lines if l.lower().startswith(b'content-length:')]
        answer = rest[int(length[0]):] if length else b''
    return found


def no_second(what, data, status=400, code='http-framing'):
    answer, closed = talk(data + SECOND)
    found = heads(answer)
    if len(found) != 1 or f' {status} ' not in found[0] or not closed:
        raise AssertionError(f'{what}: {found}, closed: {closed}; {answer[:400]!r}')
    if f'Medseal-Code: {code}\r\n'.encode() not in answer:
        raise AssertionError(f'{what}: wanted {code}: {answer[:400]!r}')
    tap.contains(answer, b'\r\nConnection: close\r\n')


def table(cases, first=POST):
    for what, lines in cases.items():
        no_second(what, first + lines)


def test_length():
    "Content-Length that is no plain number"
    table({what: b'Content-Length: ' + value + b'\r\n\r\nAAAAA' for what, value in {
        'a plus sign': b'+5', 'a minus sign': b'-5', 'hexadecimal': b'0x5', 'hexadecimal digits': b'a',
        'a fraction': b'5.0', 'an exponent': b'5e0', 'two numbers': b'5 5', 'a list': b'5, 5',
        'another list': b'5,6', 'nothing': b'', 'quotes': b'"5"', 'over 2^64': b'18446744073709551621',
        'far over 2^64': b'9' * 100, 'a NUL': b'5\0', 'a vertical tab': b'\x0b5',
        'a no-break space': b'\xc2\xa05', 'other digits': b'\xd9\xa5', 'a comment': b'5;x',
        'an underscore': b'5_0'}.items()})


def test_length_twice():
    "Content-Length twice, the same or another"
    table({
        'two of them': b'Content-Length: 0\r\nContent-Length: 5\r\n\r\nAAAAA',
        'twice the same': b'Content-Length: 5\r\nContent-Length: 5\r\n\r\nAAAAA',
        'in another letter case': b'content-length: 5\r\nCONTENT-LENGTH: 0\r\n\r\nAAAAA'})


def test_transfer_encoding():
    "Transfer-Encoding, with Content-Length, twice, odd, and plain"
    chunk = b'5\r\nAAAAA\r\n0\r\n\r\n'
    table({
        'CL.TE': b'Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n' + chunk,
        'TE.CL': b'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n' + chunk,
        'chunked': b'Transfer-Encoding: chunked\r\n\r\n' + chunk,
        'twice': b'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n' + chunk,
        'once identity': b'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n' + chunk,
        'a list': b'Transfer-Encoding: chunked, identity\r\n\r\n' + chunk,
        'gzip': b'Transfer-Encoding: gzip, chunked\r\n\r\n' + chunk,
        'xchunked': b'Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\nAAAAA',
        'letter case': b'tRANSFER-eNCODING: Chunked\r\n\r\n' + chunk,
        'a tab': b'Transfer-Encoding:\tchunked\r\n\r\n' + chunk,
        'a vertical tab': b'Transfer-Encoding:\x0bchunked\r\nContent-Length: 5\r\n\r\nAAAAA',
        'empty': b'Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nAAAAA',
        'quoted': b'Transfer-Encoding: "chunked"\r\nContent-Length: 5\r\n\r\nAAAAA'})


def test_chunks():
    "chunks with odd sizes and extensions"
    table({what: b'Transfer-Encoding: chunked\r\n\r\n' + chunks for what, chunks in {
        'an extension': b'5;a=b\r\nAAAAA\r\n0\r\n\r\n', 'a size with a sign': b'+5\r\nAAAAA\r\n0\r\n\r\n',
        'a size with 0x': b'0x5\r\nAAAAA\r\n0\r\n\r\n', 'a negative size': b'-1\r\nA\r\n0\r\n\r\n',
        'a size over 2^64': b'10000000000000005\r\nAAAAA\r\n0\r\n\r\n',
        'a bare LF': b'5\nAAAAA\n0\n\n', 'an extension with a bare LF': b'5;\nAAAAA\r\n0\r\n\r\n',
        'a size with spaces': b'5  \r\nAAAAA\r\n0\r\n\r\n', 'data too long': b'5\r\nAAAAAAA\r\n0\r\n\r\n',
        'a trailer': b'0\r\nContent-Length: 5\r\n\r\n'}.items()})


def test_lines():
    "lines that are folded, badly ended, or hold what no line may hold"
    end = b'\r\n\r\n'
    table({
        'a folded line': b'X: a\r\n b' + end,
        'a folded length': b'Content-Length:\r\n 5' + end + b'AAAAA',
        'a tab at the start': b'X: a\r\n\tTransfer-Encoding: chunked' + end,
        'a space before the colon': b'Content-Length : 5' + end + b'AAAAA',
        'a tab before the colon': b'Transfer-Encoding\t: chunked' + end,
        'a space before the name': b' X: a' + end,
        'a space in the name': b'X Y: a' + end,
        'no name': b': a' + end,
        'no colon': b'Xa' + end,
        'a NUL in a value': b'X: a\0b' + end,
        'a NUL in a name': b'X\0: a' + end,
        'a bare CR': b'X: a\rContent-Length: 5' + end,
        'a bare CR at the end': b'X: a\r\r\n\r\n',
        'a bare LF': b'X: a\nContent-Length: 5' + end,
        'all with bare LF': b'X: a\n\n',
        'a control character': b'X: a\x01' + end,
        'DEL': b'X: a\x7f' + end,
        'a name with other letters': 'Contént-Length: 5'.encode() + end,
        'a second Host': b'Host: elsewhere' + end,
        'an Expect that means nothing': b'Expect: a miracle' + end}, GET)


def test_request_line():
    "request lines that are none, and targets that are no path"
    path = device.EST.encode() + b'/cacerts'
    end = b'\r\n' + HOST + b'\r\n'
    table({
        'absolute form': b'GET https://localhost' + path + b' HTTP/1.1' + end,
        'absolute form of elsewhere': b'GET http://elsewhere/ HTTP/1.1' + end,
        'asterisk form': b'OPTIONS * HTTP/1.1' + end,
        'authority form': b'CONNECT localhost:443 HTTP/1.1' + end,
        'two spaces': b'GET  ' + path + b' HTTP/1.1' + end,
        'a tab': b'GET\t' + path + b'\tHTTP/1.1' + end,
        'a space at the end': b'GET ' + path + b' HTTP/1.1 ' + end,
        'a space in front': b' GET ' + path + b' HTTP/1.1' + end,
        'a space in the target': b'GET ' + path + b' x HTTP/1.1' + end,
        'a fragment': b'GET ' + path + b'#x HTTP/1.1' + end,
        'a NUL in the target': b'GET ' + path + b'\0 HTTP/1.1' + end,
        'a high byte in the target': b'GET ' + path + b'\xff HTTP/1.1' + end,
        'a CR in the target': b'GET ' + path + b'\r HTTP/1.1' + end,
        'no version': b'GET ' + path + end,
        'no target': b'GET HTTP/1.1' + end,
        'HTTP/2.0': b'GET ' + path + b' HTTP/2.0' + end,
        'HTTP/0.9': b'GET ' + path + b' HTTP/0.9' + end,
        'HTTP/1.2': b'GET ' + path + b' HTTP/1.2' + end,
        'HTTP/01.1': b'GET ' + path + b' HTTP/01.1' + end,
        'http/1.1': b'GET ' + path + b' http/1.1' + end,
        'a method that is no token': b'G(T ' + path + b' HTTP/1.1' + end,
        'a method without end': b'G' * 100 + b' ' + path + b' HTTP/1.1' + end,
        'the preface of HTTP/2': b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
        'an empty line in front': b'\r\nGET ' + path + b' HTTP/1.1' + end,
        'no Host': b'GET ' + path + b' HTTP/1.1\r\n\r\n',
        'a TLS record': b'\x16\x03\x01\x02\x00' + b'\0' * 64 + b'\r\n\r\n',
        'noise': bytes(range(128, 256)) + b'\r\n\r\n'}, b'')


def test_too_much():
    "heads that are too long, in one line and in many"
    for what, lines in {
            'one long line': b'X: ' + b'a' * 100000 + b'\r\n\r\n',
            'many lines': b'X: a\r\n' * 1000 + b'\r\n',
            'a head without end': b'X: a\r\n' * 100000}.items():
        no_second(what, GET + lines, 431, 'http-header-size')
    no_second('a long target', b'GET /' + b'a' * 4000 + b' HTTP/1.1\r\n' + HOST + b'\r\n', 431,
              'http-header-size')


def test_body_of_get():
    "a request in the body of another is body"
    length = b'Content-Length: ' + str(len(SECOND)).encode() + b'\r\n'
    for what, first in {'GET': GET, 'POST of noise': POST}.items():
        answer, _ = talk(first + length + b'Connection: close\r\n\r\n' + SECOND)
        if len(heads(answer)) != 1:
            raise AssertionError(f'{what}: {answer[:400]!r}')


def test_refused_then_second():
    "behind a request that is refused with its body unread nothing is read any more"
    no_second('a body over the limit', POST + b'Content-Length: 10000000\r\n\r\nAAAAA', 413,
              'http-body-size')


def test_other_listeners():
    "the same parser stands behind the compatibility listener"
    answer, closed = talk(POST + b'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n' + SECOND,
                          R.compat_port)
    tap.equal(([h.split()[1] for h in heads(answer)], closed), (['400'], True))


def test_not_tls():
    "plain HTTP on a TLS port is closed, without an answer that could be taken for one"
    with socket.create_connection(('127.0.0.1', R.est_port), device.SECONDS) as s:
        begin = time.monotonic()
        s.sendall(GET + b'\r\n')
        answer = b''
        try:
            while chunk := s.recv(65536):
                answer += chunk
        except ConnectionError:
            pass
    if b'HTTP' in answer or time.monotonic() - begin > 5:
        raise AssertionError(f'{time.monotonic() - begin:.1f} s: {answer!r}')


def test_versions():
    "the answer has the request's version; HTTP/1.0 without keep-alive is closed"
    path = device.EST.encode() + b'/cacerts'
    answer, closed = talk(b'GET ' + path + b' HTTP/1.0\r\n\r\n')
    tap.equal((heads(answer), closed), (['HTTP/1.0 200 OK'], True))
    answer, closed = talk(GET + b'Connection: close\r\n\r\n')
    tap.equal((heads(answer), closed), (['HTTP/1.1 200 OK'], True))


def test_nothing_was_executed():
    "no second request was executed: the device has no certificate, and the next client is served"
    device.serves(R)
    tap.equal(device.show(R, 'PUMP-1')['certificates'], [])


def test_pipelined():
    "two plain requests in one piece are both answered, in order: the second one was valid"
    last = GET + b'Connection: close\r\n\r\n'
    answer, _ = talk(GET + b'\r\n' + SECOND + last)
    tap.equal([h.split()[1] for h in heads(answer)], ['200', '200', '200'])
    tap.equal(len(device.show(R, 'PUMP-1')['certificates']), 1)


def test_end():
    "the log verifies, the server stops, no sanitizer has a report"
    R.end()


if __name__ == '__main__':
    with realm.Realm() as made:
        setup(made)
        tap.main()
