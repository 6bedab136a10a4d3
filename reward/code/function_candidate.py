"""Loads the candidate's module and calls its functions on request.

Requests come in on descriptor 3 and answers go out on 4. Everything here is in
the candidate's hands, and nothing that it could say but plain data is believed.
plain_data.py stands in front of this file.
"""
import sys, types


def _pack_changeable(arguments):
    """What a function may change in place, and None for the rest."""
    return [pack(value, has_opaque=True)
            if type(value) in (list, dict, set) else None
            for value in arguments]


def _find(space, name):
    """What `function`, `Class.method` or, for a function that is a method of
    the class Solution, its name calls: a method of a new object. Or None."""
    holder, _, name = name.rpartition(".")
    found = space.get(name)
    if holder or not callable(found):
        kind = space.get(holder or "Solution")
        if isinstance(kind, type) and callable(getattr(kind, name, None)):
            return getattr(kind(), name)
    return found if callable(found) else None


def _has(space, name):
    try:
        return _find(space, name) is not None
    except Exception:
        return True  # the call will say why


def _call(space, request):
    arguments = unpack(request["args"])
    keywords = unpack(request["keywords"])
    try:
        before = _pack_changeable(arguments)
        value = _find(space, request["call"])(*arguments, **keywords)
        answer = {"value": pack(value, has_opaque=True)}
        after = _pack_changeable(arguments)
        if after != before:
            answer["after"] = ["l", after]
    except Exception as error:
        answer = {"error": [kind.__name__ for kind in type(error).__mro__],
                  "text": str(error)[:200]}
    return answer


def _main():
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    with open("/box/solution.py", "rb") as file:
        source = file.read()
    space = module.__dict__
    exec(compile(source, "/box/solution.py", "exec", dont_inherit=True), space)
    while True:
        try:
            request = receive(3)
        except EOFError:
            return
        if "has" in request:
            send(4, {"has": _has(space, request["has"])})
        else:
            send(4, _call(space, request))


_main()
