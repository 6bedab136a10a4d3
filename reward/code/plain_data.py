"""Plain data across a pipe: tagged JSON behind its length in 4 bytes."""
import array, collections, datetime, decimal, fractions, json, os, uuid

_MOST_BYTES = 64 << 20
_MOST_DIGITS = 100000
_DEPTH = 100
_MOST_ITEMS = 1 << 20


class Opaque:
    """A result that is no plain data: true, and equal to nothing."""

    def __init__(self, kind):
        self._kind = kind

    def __repr__(self):
        return f"<{self._kind}, which is no plain data>"


def pack(value, depth=0, has_opaque=False):
    """Tagged lists for the exact built-in types and what derives from them.

    has_opaque: what is no plain data goes by the name of its type.
    """
    if depth > _DEPTH:
        raise ValueError("data nested too deep")
    if value is None or value is True or value is False:
        return value
    def items(values):
        return [pack(item, depth + 1, has_opaque) for item in values]
    if isinstance(value, int):
        value = int(value)
        if value.bit_length() > 3 * _MOST_DIGITS:
            raise ValueError("integer too long")
        return ["i", str(value)]
    if isinstance(value, float):
        return ["f", float.__repr__(value)]
    if isinstance(value, str):
        return ["s", str.__str__(value)]
    if isinstance(value, complex):
        return ["c", repr(value.real), repr(value.imag)]
    if isinstance(value, bytes):
        return ["b", bytes.hex(value)]
    if isinstance(value, bytearray):
        return ["y", bytearray.hex(value)]
    if isinstance(value, dict):
        return ["d", [items(pair) for pair in dict.items(value)]]
    for tag, kind in _VIEWS.items():
        if isinstance(value, kind):
            return [tag, items(value)]
    if isinstance(value, collections.deque):
        return ["q", items(value), pack(value.maxlen)]
    if isinstance(value, array.array):
        return ["a", value.typecode, items(value)]
    for tag, (kind, to_text, _) in _TEXTS.items():
        if isinstance(value, kind):
            return [tag, to_text(value)]
    if isinstance(value, datetime.timedelta):
        return ["td", value.days, value.seconds, value.microseconds]
    for tag, kind in _SEQUENCES:
        if isinstance(value, kind):
            return [tag, items(kind.__iter__(value))]
    if isinstance(value, type) and _TYPES.get(value.__name__) is value:
        return ["k", value.__name__]
    if isinstance(value, range):
        if len(value) > _MOST_ITEMS:
            raise ValueError("a range of more items than a list may have")
        return ["r", value.start, value.stop, value.step]
    if hasattr(value, "__next__"):
        taken = []
        for item in value:
            taken.append(item)
            if len(taken) > _MOST_ITEMS:
                raise ValueError("an iterator without end")
        return ["n", items(taken)]
    if has_opaque:
        return ["o", type(value).__name__[:100]]
    raise TypeError(f"{type(value).__name__} is not plain data")


_TYPES = {kind.__name__: kind for kind in (
    bool, int, float, complex, str, bytes, bytearray, list, tuple, set,
    frozenset, dict, range, type(None))}
_SEQUENCES = (("l", list), ("t", tuple), ("e", set), ("z", frozenset))
_BUILD = {"l": list, "t": tuple, "e": set, "z": frozenset, "n": iter}
_VIEWS = {"dk": type({}.keys()), "dv": type({}.values()),
          "di": type({}.items())}
# A datetime is a date as well, so it stands first.
_TEXTS = {
    "dec": (decimal.Decimal, str, decimal.Decimal),
    "fra": (fractions.Fraction, str, fractions.Fraction),
    "dt": (datetime.datetime, datetime.datetime.isoformat,
           datetime.datetime.fromisoformat),
    "da": (datetime.date, datetime.date.isoformat,
           datetime.date.fromisoformat),
    "ti": (datetime.time, datetime.time.isoformat,
           datetime.time.fromisoformat),
    "id": (uuid.UUID, str, uuid.UUID),
}
_DECIMAL_EXPONENT = 10000  # beyond it an integer of a Decimal takes for ever


def unpack(value, depth=0):
    """The exact built-in types; ValueError for anything else."""
    if value is None or value is True or value is False:
        return value
    if type(value) is not list or len(value) < 2 or depth > _DEPTH:
        raise ValueError("not plain data")
    tag, body = value[0], value[1]
    if type(tag) is not str:
        raise ValueError("not plain data")
    if tag in _BUILD and type(body) is list:
        return _BUILD[tag]([unpack(item, depth + 1) for item in body])
    if tag == "d" and type(body) is list:
        return {unpack(key, depth + 1): unpack(item, depth + 1)
                for key, item in body}
    if tag == "dk" and type(body) is list:
        return dict.fromkeys(unpack(item, depth + 1) for item in body).keys()
    if tag == "dv" and type(body) is list:
        return dict(enumerate(unpack(item, depth + 1)
                              for item in body)).values()
    if tag == "di" and type(body) is list:
        return dict(unpack(item, depth + 1) for item in body).items()
    if tag == "q" and type(body) is list and len(value) == 3:
        return collections.deque([unpack(item, depth + 1) for item in body],
                                 unpack(value[2]))
    if tag == "r" and len(value) == 4:
        built = range(*(int(number) for number in value[1:]))
        if len(built) > _MOST_ITEMS:
            raise ValueError("range too long")
        return built
    if tag == "td" and len(value) == 4:
        return datetime.timedelta(*(int(number) for number in value[1:]))
    if type(body) is not str:
        raise ValueError("not plain data")
    if tag == "i" and len(body) <= _MOST_DIGITS:
        return int(body)
    if tag == "f":
        return float(body)
    if tag == "s":
        return body
    if tag == "k" and body in _TYPES:
        return _TYPES[body]
    if tag == "o":
        return Opaque(body[:100])
    if tag == "a" and len(value) == 3 and type(value[2]) is list:
        return array.array(body, [unpack(item, depth + 1)
                                  for item in value[2]])
    if tag in _TEXTS and len(body) <= _MOST_DIGITS:
        built = _TEXTS[tag][2](body)
        if tag == "dec" and abs(built.adjusted()) > _DECIMAL_EXPONENT:
            raise ValueError("a Decimal too large")
        return built
    if tag == "c" and len(value) == 3 and type(value[2]) is str:
        return complex(float(body), float(value[2]))
    if tag == "b":
        return bytes.fromhex(body)
    if tag == "y":
        return bytearray.fromhex(body)
    raise ValueError("not plain data")


def _read(descriptor, count):
    parts = []
    while count > 0:
        part = os.read(descriptor, min(count, 1 << 20))
        if not part:
            raise EOFError()
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def send(descriptor, message):
    body = json.dumps(message).encode()
    rest = len(body).to_bytes(4, "little") + body
    while rest:
        rest = rest[os.write(descriptor, rest):]


def receive(descriptor):
    """A dictionary; ValueError for anything else."""
    size = int.from_bytes(_read(descriptor, 4), "little")
    if size > _MOST_BYTES:
        raise ValueError("message too long")
    message = json.loads(_read(descriptor, size), parse_int=_small)
    if type(message) is not dict:
        raise ValueError("not a message")
    return message


def _small(digits):
    if len(digits) > 30:
        raise ValueError("integer too long")
    return int(digits)
