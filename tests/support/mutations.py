# SPDX-License-Identifier: Apache-2.0
"""Ways to alter a signed commit. Each takes the object and a random.Random and gives other
bytes, or None where it finds nothing to alter. Those of WHOLE look at the object alone, those of
ARMOR and BLOB at an SSH signature in it; those of SPLICE take a second commit too."""

import base64
import functools

from support.sshkeys import BEGIN, END, MAGIC, number, put, strings

EMPTY_TREE = b"4b825dc642cb6eb9a060e54bf8d69288fbee4904"
ORDER = {  # of each curve's group, and of Ed25519's
    b"ecdsa-sha2-nistp256": 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551,
    b"ecdsa-sha2-nistp384": int("ffffffffffffffffffffffffffffffffffffffffffffffff"
                                "c7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16),
    b"ecdsa-sha2-nistp521": int("01fffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
                                "ffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6f"
                                "b71e91386409", 16),
    b"ssh-ed25519": 2 ** 252 + 27742317777372353535851937790883648493,
}
ORDER[b"sk-ecdsa-sha2-nistp256@openssh.com"] = ORDER[b"ecdsa-sha2-nistp256"]
ORDER[b"sk-ssh-ed25519@openssh.com"] = ORDER[b"ssh-ed25519"]


# --- bytes of anything ---

def flip(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]


def change(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1:]


def insert_byte(data, rng):
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes([rng.randrange(256)]) + data[at:]


def cut(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice([1, 1, 2, 4, 32]):]


def end_early(data, rng):
    return data[:rng.randrange(len(data))]


def double_piece(data, rng):
    at, n = rng.randrange(len(data)), rng.choice([1, 2, 4, 16, 70])
    return data[:at + n] + data[at:]


def swap_pieces(data, rng):
    a, b = sorted(rng.randrange(len(data)) for _ in range(2))
    n = rng.choice([1, 4, 16])
    if a + n > b or b + n > len(data):
        return None
    return data[:a] + data[b:b + n] + data[a + n:b] + data[a:a + n] + data[b + n:]


ANY = [flip, flip, flip, change, insert_byte, cut, end_early, double_piece, swap_pieces]


# --- lines of the object ---

def insert_word(data, rng):
    at = rng.randrange(len(data) + 1)
    word = rng.choice([b"\0", b"\r", b"\n", b" ", b"\n ", b"\r\n", b"\t", b"=", b"A", b"\xc2\xad",
                       b"gpgsig ", b"\n\n", b"\x7f", b"tree ", b"parent "])
    return data[:at] + word + data[at:]


def append(data, rng):
    return data + rng.choice([b"\n", b"\0", b" ", b"x", b"\r\n", b"\0trailing", b"\n\nmore\n",
                              b"\nSigned-off-by: Eve <eve@example.com>\n"])


def double_line(data, rng):
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    return b"\n".join(lines[:at + 1] + lines[at:])


def drop_line(data, rng):
    lines = data.split(b"\n")
    del lines[rng.randrange(len(lines))]
    return b"\n".join(lines)


def swap_lines(data, rng):
    lines = data.split(b"\n")
    one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return b"\n".join(lines)


def _headers(data):
    """The headers, each with the lines that continue it; and the empty line and all after."""
    head, middle, message = data.partition(b"\n\n")
    found = []
    for line in head.split(b"\n"):
        if line.startswith(b" ") and found:
            found[-1] += b"\n" + line
        else:
            found.append(line)
    return found, middle + message


def _joined(headers, rest):
    return b"\n".join(headers) + rest


def swap_headers(data, rng):
    headers, rest = _headers(data)
    one, two = rng.randrange(len(headers)), rng.randrange(len(headers))
    headers[one], headers[two] = headers[two], headers[one]
    return _joined(headers, rest)


def double_header(data, rng):
    """Once more, somewhere: beside the first, or far from it."""
    headers, rest = _headers(data)
    headers.insert(rng.randrange(len(headers) + 1), rng.choice(headers))
    return _joined(headers, rest)


def rename_header(data, rng):
    headers, rest = _headers(data)
    at = rng.randrange(len(headers))
    name, space, value = headers[at].partition(b" ")
    name = rng.choice([name.upper(), name + b"x", name[:-1], name + b":", b" " + name, name + b" ",
                       b"gpgsig", b"gpgsig-sha256", b"x"])
    headers[at] = name + space + value
    return _joined(headers, rest)


def add_header(data, rng):
    headers, rest = _headers(data)
    headers.insert(rng.randrange(len(headers) + 1), rng.choice(
        [b"gpgsigx y", b"gpgsig y", b"gpgsig", b"gpgsig-sha256 y", b"tree " + b"0" * 40,
         b"parent " + EMPTY_TREE, b"change-id y", b"encoding UTF-8", b"author", b"x y\n z",
         b"committer Eve <eve@example.com> 1750000000 +0000", b"mergetag object y"]))
    return _joined(headers, rest)


def _signature(data):
    """Where the gpgsig header is among the headers, and all of them; None without one."""
    headers, rest = _headers(data)
    at = next((i for i, header in enumerate(headers) if header.startswith(b"gpgsig ")), None)
    return None if at is None else (at, headers, rest)


def _on_signature(way):
    """Makes a mutation of the signature's value one of the object."""
    @functools.wraps(way)
    def of_object(data, rng):
        found = _signature(data)
        if found is None:
            return None
        at, headers, rest = found
        value = way(headers[at][len(b"gpgsig "):], rng)
        if value is None:
            return None
        headers[at] = b"gpgsig " + value
        return _joined(headers, rest)
    return of_object


def copy_signature(data, rng):
    """The signature a second time: in another header, or in the message."""
    found = _signature(data)
    if found is None:
        return None
    at, headers, rest = found
    name = rng.choice([b"gpgsig ", b"gpgsig-sha256 ", b"gpgsigx ", b"GPGSIG ", b"x "])
    copy = name + headers[at][len(b"gpgsig "):]
    if rng.randrange(2):
        headers.insert(rng.randrange(len(headers) + 1), copy)
        return _joined(headers, rest)
    return _joined(headers, rest) + b"\n" + copy + b"\n"


def move_signature(data, rng):
    """Among the headers, or into the message."""
    found = _signature(data)
    if found is None:
        return None
    at, headers, rest = found
    mine = headers.pop(at)
    if rng.randrange(4):
        headers.insert(rng.randrange(len(headers) + 1), mine)
        return _joined(headers, rest)
    return _joined(headers, rest) + rng.choice([b"", b"\n"]) + mine + rng.choice([b"", b"\n"])


def hide_after_nul(data, rng):
    """Another commit's words, where a reader of C strings sees an end."""
    at = rng.choice([data.index(b"\n\n") + 2, len(data), rng.randrange(len(data))])
    return data[:at] + b"\0" + rng.choice([b"", b"x\n", data[at:]])


WHOLE = [*ANY, insert_word, insert_word, append, double_line, drop_line, swap_lines, swap_headers,
         double_header, rename_header, add_header, copy_signature, move_signature, hide_after_nul]


# --- the armor ---

def _wrapped(text, columns, eol=b"\n "):
    return eol.join(text[i:i + columns] for i in range(0, len(text), columns))


def _base64(value):
    """The base64 of an armor, joined; None when it is none of SSH's."""
    lines = value.split(b"\n ")
    if lines[0] != BEGIN.encode() or lines[-1] != END.encode():
        return None
    return b"".join(lines[1:-1])


def _armor(text, columns=70, eol=b"\n "):
    return BEGIN.encode() + eol + _wrapped(text, columns, eol) + eol + END.encode()


@_on_signature
def rewrap(value, rng):
    text = _base64(value)
    return text and _armor(text, rng.choice([1, 60, 64, 69, 71, 72, 76, len(text)]))


@_on_signature
def other_line_ends(value, rng):
    text = _base64(value)
    return text and _armor(text, 70, rng.choice([b"\r\n ", b"\n  ", b" \n ", b"\n \n ", b"\n\t",
                                                 b"\n", b"\n \t", b"\x0b\n "]))


@_on_signature
def respell_base64(value, rng):
    text = _base64(value)
    if not text:
        return None
    bare = text.rstrip(b"=")
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spare = alphabet[alphabet.index(bare[-1:]) ^ rng.choice([1, 2, 3])]
    return _armor(rng.choice([
        bare, bare + b"=", bare + b"==", bare + b"===", text + b"=", text + b"====", text + b"AAAA",
        bare[:-1] + bytes([spare]) + text[len(bare):],
        text.replace(b"+", b"-").replace(b"/", b"_"), b"=" + text, text[:8] + b"=" + text[8:],
        text[:4] + b" " + text[4:], text + text]))


@_on_signature
def about_the_armor(value, rng):
    begin, end = BEGIN.encode(), END.encode()
    return rng.choice([
        b" " + value, b"x\n " + value, value + b"\n x", value + b"\n ", value + b" ",
        value + b"\n " + value, value.replace(b"BEGIN SSH", b"BEGIN  SSH"),
        value.replace(begin, begin + b" "), value.replace(end, end + b"-"),
        value.replace(end, b" " + end), value.lower(), value.replace(begin + b"\n ", begin),
        value.replace(begin, begin + b"\n Comment: y\n "), value.replace(b"-----", b"----"),
        value.replace(b"SSH SIGNATURE", b"PGP SIGNATURE"), value.replace(b"\n " + end, end),
        value.replace(b"SSH SIGNATURE", b"SIGNED MESSAGE"), b"\n " + value, b""])


ARMOR = [rewrap, other_line_ends, respell_base64, about_the_armor]


# --- the signature's bytes, in armor that is spelled as it should be ---

def _on_blob(way):
    @_on_signature
    @functools.wraps(way)
    def of_value(value, rng):
        text = _base64(value)
        blob = text and way(base64.b64decode(text), rng)
        return _armor(base64.b64encode(blob)) if blob else None
    return of_value


def _string_at(data, at):
    """The end of the string that begins there; None when it is none."""
    if at + 4 > len(data):
        return None
    end = at + 4 + int.from_bytes(data[at:at + 4], "big")
    return end if end <= len(data) else None


def lengths(blob):
    """Where there are lengths: those of the fields, and of what is in the fields."""
    found, todo = [], [(len(MAGIC) + 4, len(blob))]
    while todo:
        at, stop = todo.pop()
        while at < stop and (end := _string_at(blob, at)) is not None and end <= stop:
            found.append(at)
            if end - at > 8 and _string_at(blob, at + 4):
                todo.append((at + 4, end))
            at = end
    return found


@_on_blob
def change_a_length(blob, rng):
    at = rng.choice(lengths(blob))
    n = int.from_bytes(blob[at:at + 4], "big")
    n = rng.choice([0, 1, n - 1, n + 1, n + 4, n ^ 0x80, 2 ** 31, 2 ** 32 - 1, 2 ** 32 - 4,
                    len(blob), len(blob) - at, n | 1 << 24])
    return blob[:at] + (n % 2 ** 32).to_bytes(4, "big") + blob[at + 4:]


@_on_blob
def change_a_string(blob, rng):
    """With lengths that fit again, as far as the innermost one goes."""
    at = rng.choice(lengths(blob))
    end = _string_at(blob, at)
    content = blob[at + 4:end]
    content = rng.choice([b"", content + b"\0", b"\0" + content, content[:-1], content[1:],
                          content + content, bytes(len(content)), flip(content or b"x", rng)])
    return blob[:at] + put(content) + blob[end:]


@_on_blob
def add_bytes(blob, rng):
    return rng.choice([blob + b"\0", blob + bytes(4), blob + blob, b"\0" + blob, blob + put(b"x"),
                       blob[:6] + b"\0\0\0\2" + blob[10:], blob[:6] + blob[7:], blob[:6]])


def is_canonical(data):
    """Whether its SSH signature is spelled as ssh-keygen spells it."""
    at, headers, _ = _signature(data)
    value = headers[at][len(b"gpgsig "):]
    text = _base64(value)
    return text is not None and value == _armor(base64.b64encode(base64.b64decode(text)))


def _fields(blob):
    return strings(blob[len(MAGIC) + 4:])


def _blob(fields):
    return MAGIC + b"\0\0\0\1" + b"".join(map(put, fields))


@_on_blob
def change_a_field(blob, rng):
    fields = _fields(blob)
    at = rng.choice([1, 2, 2, 3])
    fields[at] = rng.choice({
        1: [b"", b"file", b"git\0", b"Git", b"git ", b"gi", b"*", b"git,file", b"g" * 300],
        2: [b"x", b"\0", bytes(32), b"git", b"y" * 1000],
        3: [b"", b"sha1", b"sha256", b"sha384", b"SHA512", b"sha512 ", b"sha512\0"]}[at])
    return _blob(fields)


def _numbers(data):
    return [int.from_bytes(piece, "big") for piece in strings(data)]


def _other_numbers(order, r, s, rng):
    """Pairs that a careless reader takes for r, s; n-s is one for every reader."""
    negative = put((256 - 1).to_bytes(1, "big"))
    return rng.choice([
        number(r) + number(order - s), number(r) + number(order - s), number(order - r) + number(s),
        number(r + order) + number(s), number(r) + number(s + order), number(s) + number(r),
        number(0) + number(s), number(r) + number(0), number(0) + number(0),
        number(order) + number(s), number(1) + number(1), negative + number(s),
        put(b"\0" + strings(number(r))[0]) + number(s), number(r) + put(b"") ,
        number(r) + number(s) + b"\0", number(r) + number(s) + number(1),
        put(strings(number(r))[0].lstrip(b"\0")) + put(strings(number(s))[0].lstrip(b"\0"))])


def _other_edwards(order, data, rng):
    s = int.from_bytes(data[32:], "little")
    return rng.choice([
        data[:32] + (s + order).to_bytes(32, "little"), data[:32] + bytes(32), bytes(64), data + b"\0",
        b"\0" + data, data[:63], bytes(32) + data[32:], data[:31] + bytes([data[31] ^ 0x80]) + data[32:],
        data[:32] + ((order - s) % order).to_bytes(32, "little"), b"\1" + bytes(31) + data[32:]])


def _other_rsa(data, rng):
    return rng.choice([b"\0" + data, data[1:], data + b"\0", data[:-1], bytes(len(data)), data[::-1],
                       b"\0\0" + data, data.lstrip(b"\0"), b"\xff" * len(data), b"\1", b""])


@_on_blob
def change_the_numbers(blob, rng):
    """r and s, R and S, or the one number of RSA, with all lengths right."""
    fields = _fields(blob)
    inner = strings(fields[4][:_string_at(fields[4], _string_at(fields[4], 0))])
    rest = fields[4][8 + len(inner[0]) + len(inner[1]):]
    name, data = inner
    if b"ed25519" in name:
        data = _other_edwards(ORDER[name], data, rng)
    elif name in ORDER:
        data = _other_numbers(ORDER[name], *_numbers(data), rng)
    else:
        data = _other_rsa(data, rng)
    return _blob([*fields[:4], put(name) + put(data) + rest])


def has_large_s(data):
    """Whether the signature is one of Ed25519, with an S that has its order added."""
    found = []

    def look(blob, rng):
        field = _fields(blob)[4]
        name, numbers = strings(field[:_string_at(field, _string_at(field, 0))])
        found.append(b"ed25519" in name and int.from_bytes(numbers[32:], "little") >= ORDER[name])

    _on_blob(look)(data, None)
    return found == [True]


@_on_blob
def rename_the_algorithm(blob, rng):
    fields = _fields(blob)
    name = strings(fields[4][:_string_at(fields[4], 0)])[0]
    other = rng.choice([b"ssh-rsa", b"rsa-sha2-256", b"rsa-sha2-512", b"ssh-ed25519", *ORDER,
                        name + b"-cert-v01@openssh.com", name.upper(), name + b"\0", b""])
    return _blob([*fields[:4], put(other) + fields[4][4 + len(name):]])


@_on_blob
def change_the_tail(blob, rng):
    """What follows the signature's numbers: flags and counter of a security key, or nothing."""
    tail = rng.choice([b"\0" + blob[-4:], b"\1" + blob[-4:], b"\5" + blob[-4:], b"\xff" + blob[-4:],
                       blob[-5:-4] + bytes(4), blob[-5:] + b"\0"])
    fields = _fields(blob)
    return _blob([*fields[:4], fields[4][:-5] + tail])


def _of_blob(way):
    of_blob = _on_blob(way)
    of_blob.__name__ = f"{way.__name__}_in_blob"
    return of_blob


BLOB = [*map(_of_blob, ANY), change_a_length, change_a_length, change_a_string, change_a_string,
        add_bytes, change_a_field, change_a_field, change_the_numbers, change_the_numbers,
        change_the_numbers, rename_the_algorithm, change_the_tail]


# --- two commits ---

def take_signature(data, other, rng):
    """Another commit's signature on this one."""
    mine, theirs = _signature(data), _signature(other)
    if mine is None or theirs is None:
        return None
    at, headers, rest = mine
    headers[at] = theirs[1][theirs[0]]
    return _joined(headers, rest)


def take_message(data, other, rng):
    return _joined(_headers(data)[0], _headers(other)[1])


def take_header(data, other, rng):
    headers, rest = _headers(data)
    headers[rng.randrange(len(headers))] = rng.choice(_headers(other)[0])
    return _joined(headers, rest)


def add_signature(data, other, rng):
    """Both signatures, in either order."""
    mine, theirs = _signature(data), _signature(other)
    if mine is None or theirs is None:
        return None
    at, headers, rest = mine
    headers.insert(at + rng.randrange(2), theirs[1][theirs[0]])
    return _joined(headers, rest)


def take_fields(data, other, rng):
    """The key, the namespace, the hash's name or the signature of another SSH signature."""
    found = []

    def remember(value, rng):
        text = _base64(value)
        found.append(text and _fields(base64.b64decode(text)))

    def replace(value, rng):
        text = _base64(value)
        if not text or not found or not found[0]:
            return None
        fields = _fields(base64.b64decode(text))
        at = rng.choice([0, 4])
        fields[at] = found[0][at]
        return _armor(base64.b64encode(_blob(fields)))

    _on_signature(remember)(other, rng)
    return _on_signature(replace)(data, rng)


SPLICE = [take_signature, take_message, take_header, add_signature, take_fields]


def mutate(rng, originals, ways):
    """(name, bytes): one of `originals`, altered by one of `ways`, now and then by two. Never one
    of the originals."""
    known = set(originals)
    while True:
        names, data = [], rng.choice(originals)
        for _ in range(rng.choice([1, 1, 1, 1, 1, 2])):
            way = rng.choice(ways)
            names.append(way.__name__)
            data = data and _altered(way, data, rng.choice(originals), rng)
        if data and data not in known:
            yield "+".join(names), data


def _altered(way, data, other, rng):
    """None where there is nothing to alter: the first of two may have left ruins."""
    try:
        return way(data, other, rng) if way in SPLICE else way(data, rng)
    except (ValueError, IndexError, TypeError, KeyError, OverflowError):
        return None
