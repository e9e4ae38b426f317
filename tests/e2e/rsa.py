"""RSA keys and requests of sizes that no tool makes in a reasonable time, or at all.

The modulus is a product of many small primes, so a key of 16384 bits takes no time to make. It is
worthless as a key and a faultless request: its self-signature verifies.
"""
import hashlib
import math
import random

PRIME_BITS = 128
SHA256_INFO = bytes.fromhex('3031300d060960864801650304020105000420')


def _is_prime(n):
    for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        if n % p == 0:
            return n == p
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(12):
        x = pow(random.randrange(2, n - 1), odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def _prime(low, high, e):
    """A prime p with low <= p < high and no common factor of p - 1 and e."""
    while True:
        n = random.randrange(low, high) | 1
        if math.gcd(n - 1, e) == 1 and _is_prime(n):
            return n


def _der(tag, *parts):
    body = b''.join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, 'big')
    return bytes([tag, 0x80 | len(size)]) + size + body


def _integer(n):
    return _der(2, n.to_bytes(n.bit_length() // 8 + 1, 'big'))


def two_primes(p, q, e=65537):
    """A private key of two primes in PEM (PKCS#1, RFC 8017 A.1.2), which the openssl program takes."""
    import base64
    d = pow(e, -1, math.lcm(p - 1, q - 1))
    numbers = [0, p * q, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p)]
    text = base64.encodebytes(_der(0x30, *map(_integer, numbers))).decode()
    return f'-----BEGIN RSA PRIVATE KEY-----\n{text}-----END RSA PRIVATE KEY-----\n'


class Key:
    def __init__(self, bits, e=65537, primes=()):
        """A modulus of exactly `bits` bits; `primes`: some of its factors, or all of them."""
        self.e, self.n, self.primes = e, math.prod(primes), list(primes)
        while self.n.bit_length() < bits:
            left = bits - self.n.bit_length()
            if left > 2 * PRIME_BITS:
                p = _prime(1 << (PRIME_BITS - 1), 1 << PRIME_BITS, e)
            else:       # the last one makes the length exact
                p = _prime((1 << (bits - 1)) // self.n + 1, (1 << bits) // self.n, e)
            self.n *= p
            self.primes.append(p)

    def sign(self, data):
        """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2), by the Chinese remainder theorem."""
        size = (self.n.bit_length() + 7) // 8
        info = SHA256_INFO + hashlib.sha256(data).digest()
        padded = b'\0\1' + b'\xff' * (size - 3 - len(info)) + b'\0' + info
        m, x, modulus = int.from_bytes(padded, 'big'), 0, 1
        for p in self.primes:
            s = pow(m % p, pow(self.e, -1, p - 1), p)
            x += modulus * ((s - x) * pow(modulus, -1, p) % p)
            modulus *= p
        return x.to_bytes(size, 'big')

    def spki(self):
        return _der(0x30, _der(0x30, bytes.fromhex('06092a864886f70d010101'), b'\5\0'),
                    _der(3, b'\0', _der(0x30, _integer(self.n), _integer(self.e))))

    def csr(self, name):
        """A PKCS#10 request with subject CN=name."""
        subject = _der(0x30, _der(0x31, _der(0x30, bytes.fromhex('0603550403'),
                                             _der(0x0c, name.encode()))))
        info = _der(0x30, _integer(0), subject, self.spki(), _der(0xa0))
        return _der(0x30, info, _der(0x30, bytes.fromhex('06092a864886f70d01010b'), b'\5\0'),
                    _der(3, b'\0', self.sign(info)))
