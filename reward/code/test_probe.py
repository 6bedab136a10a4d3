"""Tells the failure of a test from the candidate's.

The tests run once more, without their asserts, on results that take part in
every operation. A failure that comes about all the same, whatever the size of
these results, is the test's own. function_tester.py stands behind this file.
"""


class _Anything:
    """A result that passes: all comparisons hold, all operations work."""

    def __init__(self, size, needs):
        self._size, self._needs = size, needs

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if not any(hasattr(kind, name) for kind in _PLAIN):
            self._needs.add("." + name)
        return _Result(self)

    def __call__(self, *_, **__):
        self._needs.add("a call")
        return self

    def __iter__(self):
        return iter([self] * self._size)

    def __hash__(self):
        return 0

    def __str__(self):
        return ""

    def __format__(self, _):
        return ""


class _Result:
    """A method of a plain result: a call gives another one."""

    def __init__(self, value):
        self._value = value

    def __call__(self, *_, **__):
        return self._value

    def __getattr__(self, name):
        return getattr(self._value, name)


_PLAIN = (int, float, complex, str, bytes, bytearray, list, tuple, set,
          frozenset, dict, range, decimal.Decimal, fractions.Fraction,
          collections.deque, datetime.datetime, datetime.time,
          datetime.timedelta, uuid.UUID, array.array)


def _value_of(thing):
    return thing._value if type(thing) is _Result else thing


for _kind in (_Anything, _Result):
    for _name in ("add sub mul truediv floordiv mod pow matmul and or xor "
                  "lshift rshift").split():
        for _side in ("", "r"):
            setattr(_kind, f"__{_side}{_name}__",
                    lambda self, *_: _value_of(self))
    for _name in "neg pos abs invert round floor ceil trunc getitem".split():
        setattr(_kind, f"__{_name}__", lambda self, *_: _value_of(self))
    for _name in "bool eq ne lt le gt ge contains".split():
        setattr(_kind, f"__{_name}__", lambda self, *_: True)
    for _name in "len int index".split():
        setattr(_kind, f"__{_name}__", lambda self: _value_of(self)._size)
    _kind.__float__ = lambda self: float(_value_of(self)._size)
    _kind.__hash__ = lambda self: 0


def _without_asserts(tree):
    class Drop(ast.NodeTransformer):
        def visit_Assert(self, node):
            return ast.copy_location(ast.Expr(node.test), node)
    return ast.fix_missing_locations(Drop().visit(tree))


def fails_by_itself(task, trees):
    """Why the tests are unusable; "" where the candidate's results may be to
    blame. task["failures"]: the signatures of what failed; none where the tests
    did not end."""
    codes = [compile(_without_asserts(tree), f"<test {number}>", "exec")
             for number, tree in enumerate(trees, 1)]
    left, needs = task["failures"], set()
    for size in (1, 2, 0, 3):
        names = _Names(task, lambda *_: lambda *_, **__: _Anything(size, needs))
        seen = []
        for number, code in enumerate(codes, 1):
            try:
                names.run(code)
            except BaseException as error:
                seen.append(_signature(number, error))
        left = [failure for failure in left if failure in seen]
        if not left:
            break
    if left:
        return f"test {left[0][0]} fails by itself: {left[0][2]}"
    for _, _, text in task["failures"]:
        if needs and text.startswith(("AttributeError", "TypeError")):
            return (f"the tests use {', '.join(sorted(needs))} of a result, "
                    "and only plain data crosses")
    return ""
