"""The Python fork server of a slot: imports what programs use, then forks.

serve() returns once in every forked process, which is by then a sandboxed
program: it runs /box/main.py as a fresh __main__ and ends.
"""
import array, ast, atexit, bisect, builtins, collections, copy, ctypes
import dataclasses, datetime, decimal, fractions, functools, gc, heapq, io
import itertools, json, math, operator, os, random, re, statistics, string, sys
import threading, time, traceback, types, typing, uuid

_PATH = "/box/main.py"


def _give_names():
    """What judges import in front of a program, as far as no built-in has the
    name: the modules, what typing and the ones that hold functions for general
    use export, and copies of the rest by the names that are never mistaken."""
    given = {module.__name__: module for module in (
        bisect, collections, copy, datetime, decimal, fractions, functools,
        heapq, itertools, json, math, operator, os, random, re, statistics,
        string, sys, time, typing)}
    for module in (string, re, bisect, heapq, itertools, functools,
                   collections, math, typing):
        names = getattr(module, "__all__", None) or [
            name for name in vars(module) if name[0] != "_"]
        given.update((name, getattr(module, name)) for name in names
                     if len(name) > 1 and name not in given)
    given.update(e=math.e, deepcopy=copy.deepcopy, Decimal=decimal.Decimal,
                 Fraction=fractions.Fraction)
    for name, value in given.items():
        if not hasattr(builtins, name):
            setattr(builtins, name, value)


def _open_streams():
    """Text streams over the run's own descriptors, as at a fresh start."""
    sys.stdin = sys.__stdin__ = open(
        0, "r", encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stdout = sys.__stdout__ = open(
        1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stderr = sys.__stderr__ = open(
        2, "w", buffering=1, encoding="utf-8", errors="backslashreplace",
        closefd=False)


def _meet_memory_limit():
    """Allocates until something gives.

    A request beyond all memory of the machine is refused at once; the program
    that made it has met its limit no less than one that grew.
    """
    kept = []
    try:
        while True:
            kept.append(b"x" * (1 << 20))
    except MemoryError:
        pass


def _run():
    """Executes the program and returns its exit code.

    An error is printed without our own frames.
    """
    _open_streams()
    random.seed(0)  # equal runs have equal results
    sys.argv = [_PATH]
    sys.path.insert(0, "/box")
    main = types.ModuleType("__main__")
    main.__file__ = _PATH
    sys.modules["__main__"] = main
    try:
        with open(_PATH, "rb") as file:
            source = file.read()
        exec(compile(source, _PATH, "exec", dont_inherit=True), main.__dict__)
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return (stop.code or 0) & 0xFF
        print(stop.code, file=sys.stderr)
        return 1
    except BaseException as error:
        frames = error.__traceback__.tb_next
        traceback.print_exception(type(error), error, frames)
        if isinstance(error, MemoryError):
            _meet_memory_limit()
        return 1
    return 0


def _end(code):
    """Ends as the interpreter does, but does not take itself apart."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        code = code or 120
    finally:
        os._exit(code)


def _serve():
    serve = ctypes.PyDLL("/r1/zygote.so").r1_zygote_serve
    api = ctypes.pythonapi
    api.PyOS_BeforeFork.restype = None
    api.PyOS_AfterFork_Child.restype = None
    # Contest programs print numbers of any length.
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)
    _give_names()
    gc.collect()
    gc.freeze()  # so that a collection in a fork writes to no shared page
    api.PyOS_BeforeFork()
    serve(3)
    api.PyOS_AfterFork_Child()


_serve()
_code = 1
try:
    _code = _run()
finally:
    _end(_code)
