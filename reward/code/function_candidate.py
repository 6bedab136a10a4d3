"""Loads the candidate's module and calls its functions on request.

Requests come in on descriptor 3 and answers go out on 4. Everything here is in
the candidate's hands, and nothing that it could say but plain data is believed.
plain_data.py stands in front of this file.
"""
import sys, types


def _pack_changeable(arguments):
    """What a function may change in place, and None for the rest."""
    return [pack(value) if type(value) in (list, dict, set) else None
            for value in arguments]


def _main():
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    with open("/box/solution.py", "rb") as file:
        source = file.read()
    exec(compile(source, "/box/solution.py", "exec", dont_inherit=True),
         module.__dict__)
    while True:
        try:
            request = receive(3)
        except EOFError:
            return
        if "has" in request:
            found = module.__dict__.get(request["has"])
            send(4, {"has": callable(found)})
            continue
        arguments = unpack(request["args"])
        keywords = unpack(request["keywords"])
        try:
            before = _pack_changeable(arguments)
            value = module.__dict__[request["call"]](*arguments, **keywords)
            answer = {"value": pack(value)}
            after = _pack_changeable(arguments)
            if after != before:
                answer["after"] = ["l", after]
        except Exception as error:
            answer = {"error": type(error).__name__, "text": str(error)[:200]}
        send(4, answer)


_main()
