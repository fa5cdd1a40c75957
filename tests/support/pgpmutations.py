# SPDX-License-Identifier: Apache-2.0
"""Ways to alter a commit that gpg signed, as those of support/mutations.py: of the armor, of the
packets in it, and of the signature in its packet, under armor that fits again."""

import base64
import functools

from support import mutations
from support.pgp import (CREATED, EDDSA_LEGACY, EMBEDDED, END, EXPIRES, FLAGS, ISSUER,
                         ISSUER_FINGERPRINT, BEGIN, SIGNATURE, area, armor_lines, date, header, mpi,
                         packet, split, sub)

RSA, ECDSA = 1, 19
ORDER = {32: mutations.ORDER[b"ecdsa-sha2-nistp256"], 48: mutations.ORDER[b"ecdsa-sha2-nistp384"],
         66: mutations.ORDER[b"ecdsa-sha2-nistp521"]}
EDWARDS = mutations.ORDER[b"ssh-ed25519"]


# --- the armor ---

def _on_armor(way):
    """Of the lines between BEGIN and END, and of the packets in them: a way to put them anew."""
    @functools.wraps(way)
    def of_object(data, rng):
        before, raw, after = split(data)
        return before + b"gpgsig " + way(raw, rng) + after
    return of_object


def _lines(lines, eol=b"\n ", begin=BEGIN, end=END):
    return eol.join([begin, *lines, end])


@_on_armor
def rewrap(raw, rng):
    text, crc = base64.b64encode(raw), armor_lines(raw)[-1]
    n = rng.choice([1, 60, 63, 65, 76, 77, len(text)])
    return _lines([b"", *(text[at:at + n] for at in range(0, len(text), n)), crc])


@_on_armor
def other_line_ends(raw, rng):
    return _lines(armor_lines(raw), rng.choice([b"\r\n ", b"\n  ", b" \n ", b"\n \n ", b"\n\t",
                                                b"\n", b"\n \t", b"\x0b\n "]))


@_on_armor
def add_a_line(raw, rng):
    """Header lines, which nobody signs, and others: anywhere."""
    lines = armor_lines(raw)
    lines.insert(rng.choice([0, 0, 1, rng.randrange(len(lines) + 1), len(lines)]), rng.choice(
        [b"", b" ", b"Version: GnuPG v2", b"Comment: hello", b"Hash: SHA256", b"Charset: UTF-8",
         b"Comment:", b"Comment", b"- x", b"=AAAA", b"AAAA", b"x", BEGIN, END]))
    return _lines(lines)


@_on_armor
def drop_a_line(raw, rng):
    lines = armor_lines(raw)
    del lines[rng.choice([0, -1, rng.randrange(len(lines))])]
    return _lines(lines)


@_on_armor
def change_the_checksum(raw, rng):
    lines = armor_lines(raw)
    lines[-1] = rng.choice([b"=AAAA", b"=", b"==AAA", lines[-1] + b"=", lines[-1][:-1], lines[-1] * 2,
                            lines[-1][1:], b" " + lines[-1], lines[-1] + b" ", lines[-1].lower()])
    return _lines(lines)


@_on_armor
def checksum_beside_the_last(raw, rng):
    lines = armor_lines(raw)
    return _lines([*lines[:-2], lines[-2] + lines[-1]])


@_on_armor
def respell_base64(raw, rng):
    lines = armor_lines(raw)
    last = lines[-2]
    bare = last.rstrip(b"=")
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spare = alphabet[alphabet.index(bare[-1:]) ^ rng.choice([1, 2, 3])]
    lines[-2] = rng.choice([bare, bare + b"=", bare + b"==", last + b"=", last + b"====", last + b"AAAA",
                            bare[:-1] + bytes([spare]) + last[len(bare):], b"=" + last, last + b" ",
                            last[:4] + b" " + last[4:], last.replace(b"+", b"-").replace(b"/", b"_")])
    return _lines(lines)


@_on_armor
def about_the_armor(raw, rng):
    value, lines = header(raw)[len(b"gpgsig "):], armor_lines(raw)
    return rng.choice([
        b" " + value, b"x\n " + value, value + b"\n x", value + b"\n ", value + b" ",
        value + b"\n " + value, value.lower(), b"\n " + value, value.replace(b"-----", b"----"),
        value.replace(b"PGP SIGNATURE", b"PGP MESSAGE"), value.replace(b"PGP SIGNATURE", b"SSH SIGNATURE"),
        value.replace(b"PGP SIGNATURE", b"PGP SIGNATURE, PART 1/1"), _lines(lines, begin=BEGIN + b" "),
        _lines(lines, end=END + b"-"), _lines(lines, end=b" " + END), _lines(lines, begin=b"- " + BEGIN),
        value.replace(b"\n " + END, END), _lines(lines, end=b""),
        b"-----BEGIN PGP SIGNED MESSAGE-----\n Hash: SHA256\n \n x\n " + value, b""])


ARMOR = [rewrap, other_line_ends, add_a_line, add_a_line, drop_a_line, change_the_checksum,
         checksum_beside_the_last, respell_base64, about_the_armor]


# --- packets ---

def _on_packets(way):
    @functools.wraps(way)
    def of_object(data, rng):
        before, raw, after = split(data)
        raw = way(raw, rng)
        return before + header(raw) + after if raw else None
    return of_object


def _body(raw):
    """The body of the packet that gpg wrote; ValueError when it is none any more."""
    if raw[0] not in (0x88, 0x89):
        raise ValueError
    return raw[2:] if raw[0] == 0x88 else raw[3:]


def _new(body):
    """A packet of the new format, as RFC 9580 wants them."""
    n = len(body)
    size = bytes([n]) if n < 192 else bytes([(n - 192 >> 8) + 192, n - 192 & 255])
    return b"\xc2" + size + body


@_on_packets
def reframe(raw, rng):
    """Another head for the same body; each but the first two is a second spelling."""
    body = _body(raw)
    n = len(body)
    part = 1 << rng.choice([0, 1, 5, 6])
    return rng.choice([
        _new(body), _new(body), b"\x89" + n.to_bytes(2, "big") + body,
        b"\x8a" + n.to_bytes(4, "big") + body, b"\x8b" + body, b"\xc2\xff" + n.to_bytes(4, "big") + body,
        b"\xc2" + bytes([224 + part.bit_length() - 1]) + body[:part] + _new(body[part:])[1:],
        b"\xc2" + bytes([192, n - 192 & 255]) + body, b"\x88" + bytes([n + 1 & 255]) + body,
        b"\x89" + (n - 1).to_bytes(2, "big") + body, b"\x89" + (n + 1).to_bytes(2, "big") + body,
        b"\x89\xff\xff" + body, b"\xc2\xff\xff\xff\xff\xff" + body, b"\x8a\xff\xff\xff\xff" + body,
        b"\x08" + raw[1:], b"\x8c" + raw[1:], b"\x98" + raw[1:]])


@_on_packets
def add_a_packet(raw, rng):
    more = rng.choice([raw, packet(10, b"PGP"), packet(11, b"b\0\0\0\0\0x"), packet(13, b"x <x@x>"),
                       packet(4, b"\3\0\x08\x16" + bytes(8) + b"\1"), packet(12, b"\0\0"), b"\xd5\1\0",
                       packet(SIGNATURE, b"\4"), packet(SIGNATURE, b""), packet(60, b""), b"\0", b"\x88",
                       packet(8, b"\0" + raw), packet(SIGNATURE, _body(raw)[:-1]),
                       packet(SIGNATURE, b"\3" + _body(raw)[1:])])
    return rng.choice([raw + more, more + raw, more])


PACKETS = [reframe, reframe, reframe, add_a_packet, add_a_packet]


# --- the signature ---

class Signature:
    """The parts of a signature's body: to be changed and put together again."""

    def __init__(self, body):
        self.head = bytearray(body[:4])  # version, type, algorithm, hash
        at = 6 + int.from_bytes(body[4:6], "big")
        end = at + 2 + int.from_bytes(body[at:at + 2], "big")
        self.hashed, self.unhashed = self._subpackets(body[6:at]), self._subpackets(body[at + 2:end])
        self.left, self.numbers = body[end:end + 2], body[end + 2:]

    @staticmethod
    def _subpackets(data):
        found = []
        while data:
            if data[0] >= 192:
                raise ValueError
            found.append(data[:1 + data[0]])
            data = data[1 + data[0]:]
        return found

    def bytes(self):
        return (bytes(self.head) + area(b"".join(self.hashed)) + area(b"".join(self.unhashed))
                + self.left + self.numbers)


def _on_signature(way):
    """Of a Signature, which is changed, or of which other bytes are given."""
    @_on_packets
    @functools.wraps(way)
    def of_raw(raw, rng):
        signature = Signature(_body(raw))
        body = way(signature, rng) or signature.bytes()
        return packet(SIGNATURE, body) if len(body) < 65536 else None
    return of_raw


SUBPACKETS = [
    date(CREATED, 0), date(CREATED, 1750000000), date(EXPIRES, 0), date(EXPIRES, 1), date(EXPIRES, 2 ** 32 - 1),
    date(9, 1), sub(ISSUER, bytes(8)), sub(ISSUER, b""), sub(ISSUER_FINGERPRINT, b"\4" + bytes(20)),
    sub(ISSUER_FINGERPRINT, b"\6" + bytes(32)), sub(ISSUER_FINGERPRINT, b"\5" + bytes(20)), sub(FLAGS, b"\2"),
    sub(25, b"\1"), sub(7, b"\0"), sub(4, b"\0"), sub(5, b"\1\1"), sub(6, b"<[^>]+[@.]x>$\0"), sub(26, b"http://x"),
    sub(20, b"\x80\0\0\0\0\3\0\1a@bx"), sub(20, b"\x80\0\0\0\0\3\0\1a@bx", True), sub(28, b"eve@example.com"),
    sub(29, b"\0x"), sub(31, b"\1\x08" + bytes(32)), sub(EMBEDDED, b"\4"), sub(35, b"\4" + bytes(20)), sub(99, b""),
    sub(99, b"", True), sub(110, b"x"), sub(127, b"x", True), b"\0", b"\xff\0\0\0\2\x14x", b"\xc0", b"\xff",
    b"\xff\xff\xff\xff\xff\2", b"\2"]


@_on_signature
def add_unsigned(s, rng):
    s.unhashed.insert(rng.randrange(len(s.unhashed) + 1), rng.choice([*SUBPACKETS, *s.hashed, *s.unhashed]))


@_on_signature
def drop_unsigned(s, rng):
    del s.unhashed[rng.randrange(len(s.unhashed))]


@_on_signature
def change_unsigned(s, rng):
    """The type, the critical bit, the spelling of the length, or a byte."""
    at = rng.randrange(len(s.unhashed))
    one = s.unhashed[at]
    size = len(one) - 1
    s.unhashed[at] = rng.choice([
        one[:1] + bytes([one[1] ^ 0x80]) + one[2:], one[:1] + bytes([rng.randrange(128)]) + one[2:],
        b"\xff" + size.to_bytes(4, "big") + one[1:], bytes([size + 1]) + one[1:], bytes([size - 1]) + one[1:],
        mutations.flip(one, rng), one[:2], one + b"\0"])


@_on_signature
def add_signed(s, rng):
    s.hashed.insert(rng.randrange(len(s.hashed) + 1), rng.choice([*SUBPACKETS, *s.hashed, *s.unhashed]))


@_on_signature
def move_subpackets(s, rng):
    """Between what is signed and what is not, or their order."""
    everything = s.hashed + s.unhashed
    way = rng.randrange(5)
    if way == 0:
        s.hashed, s.unhashed = everything, []
    elif way == 1:
        s.hashed, s.unhashed = [], everything
    elif way == 2:
        rng.shuffle(s.hashed)
    elif way == 3:
        rng.shuffle(s.unhashed)
    else:
        s.unhashed = everything


@_on_signature
def change_the_head(s, rng):
    at = rng.randrange(4)
    s.head[at] = rng.choice([[2, 3, 5, 6, 0, 0x84], [1, 2, 0x10, 0x13, 0x18, 0x1f, 0x40, 0x50, 0xff],
                             [0, 1, 2, 3, 16, 17, 18, 19, 20, 22, 27, 28, 99, 100],
                             [0, 1, 2, 3, 8, 9, 10, 11, 12, 14, 110]][at])


@_on_signature
def change_the_left(s, rng):
    s.left = rng.choice([b"\0\0", s.left[::-1], mutations.flip(s.left, rng), b"", s.left + b"\0"])


@_on_signature
def change_a_length(s, rng):
    """Of one of the areas, with the rest as it was."""
    body = bytearray(s.bytes())
    first = 4
    at = rng.choice([first, first + 2 + int.from_bytes(body[4:6], "big")])
    n = int.from_bytes(body[at:at + 2], "big")
    body[at:at + 2] = (rng.choice([0, 1, n - 1, n + 1, n + 9, 65535, n ^ 256]) % 65536).to_bytes(2, "big")
    return bytes(body)


def _mpis(data):
    found = []
    while data:
        size = (int.from_bytes(data[:2], "big") + 7) // 8
        found.append(int.from_bytes(data[2:2 + size], "big"))
        data = data[2 + size:]
    return found


def _mpi(value):
    return mpi(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _wide(value):
    """A second spelling: with a byte of zeros in front, which is counted."""
    one = _mpi(value)
    return (int.from_bytes(one[:2], "big") + 8).to_bytes(2, "big") + b"\0" + one[2:]


def _bits(value, more):
    """With another count of bits that needs as many bytes, if there is one."""
    one = _mpi(value)
    return max(0, int.from_bytes(one[:2], "big") + more).to_bytes(2, "big") + one[2:]


def _pairs(order, r, s):
    """In place of r and s; order - s is an ECDSA signature like the other."""
    return [_mpi(r) + _mpi(order - s), _mpi(r) + _mpi(order - s), _mpi(order - r) + _mpi(s),
            _mpi(r + order) + _mpi(s), _mpi(r) + _mpi(s + order), _mpi(s) + _mpi(r), _mpi(0) + _mpi(s),
            _mpi(r) + _mpi(0), _mpi(order) + _mpi(s), _mpi(1) + _mpi(1)]


def _edwards(r, s):
    """R and S are strings of little end first, written as numbers."""
    little = int.from_bytes(s.to_bytes(32, "big"), "little")
    other = [(little + EDWARDS) % 2 ** 256, (EDWARDS - little) % EDWARDS, 0]
    return [_mpi(r) + mpi(value.to_bytes(32, "little")) for value in other] + [
        _mpi(r ^ 0x80) + _mpi(s), _mpi(s) + _mpi(r), _mpi(0) + _mpi(0), _mpi(1 << 248) + _mpi(0),
        _mpi((0x40 << 256) + r) + _mpi(s), _mpi(r << 8) + _mpi(s), _mpi(r) + _mpi(s << 8)]


@_on_signature
def change_the_numbers(s, rng):
    """With counts of bits that fit, or do not."""
    values = _mpis(s.numbers)
    same = b"".join(map(_mpi, values))
    ways = [same + b"\0", same[:-1], same + _mpi(1), _wide(values[0]) + b"".join(map(_mpi, values[1:])),
            b"".join(map(_mpi, values[:-1])) + _wide(values[-1]), _mpi(0) * len(values), b"", same[2:],
            _bits(values[0], 1) + b"".join(map(_mpi, values[1:])),
            b"".join(map(_mpi, values[:-1])) + _bits(values[-1], -1)]
    if s.head[2] == ECDSA:
        order = ORDER[min(size for size in ORDER if size * 8 + 7 >= max(values).bit_length()
                          and ORDER[size] > max(values))]
        ways += 2 * _pairs(order, *values)
    elif s.head[2] == EDDSA_LEGACY:
        ways += 2 * _edwards(*values)
    elif s.head[2] == RSA:
        ways += [_mpi(values[0] + 1), _mpi(values[0] >> 8), _mpi(values[0] << 8), _mpi(1), same + same]
    s.numbers = rng.choice(ways)


def _any(way):
    """A change of bytes that looks at nothing, of the signature's body."""
    def of_body(s, rng):
        return way(s.bytes(), rng)
    of_body.__name__ = f"{way.__name__}_in_signature"
    return _on_signature(of_body)


SIGNATURES = [*map(_any, mutations.ANY), add_unsigned, add_unsigned, add_unsigned, drop_unsigned,
              change_unsigned, change_unsigned, add_signed, move_subpackets, change_the_head,
              change_the_left, change_a_length, change_the_numbers, change_the_numbers,
              change_the_numbers]
SPLICE = [mutations.take_signature, mutations.take_message, mutations.take_header,
          mutations.add_signature]
GROUPS = [mutations.WHOLE, ARMOR, PACKETS, SIGNATURES, SPLICE]
