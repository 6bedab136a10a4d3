"""Runs function tests against a candidate that lives in another process.

Calls go out on descriptor 4 and results come in on 3, as plain data in the
JSON of plain_data.py, which stands in front of this file with test_probe.py.
The verdict goes to standard output; what the tests print goes to standard
error.
"""
import ast, builtins, importlib, os, sys, traceback, types

_report = os.dup(1)
os.dup2(2, 1)


class _Gone(BaseException):
    """The candidate has ended; nothing more can pass."""


class CandidateError(Exception):
    """An exception of the candidate that is not a built-in one."""


class _State:
    calls = 0  # of the entry point
    is_gone = False
    is_in_place = False  # of the test that runs


def _say(**words):
    os.write(_report, json.dumps(words).encode())
    os._exit(0)


def _ask(message):
    if _State.is_gone:
        raise _Gone()
    try:
        send(4, message)
        return receive(3)
    except (OSError, EOFError, ValueError, RecursionError) as error:
        _State.is_gone = True
        raise _Gone() from error


def _put_back(arguments, after):
    """What the candidate changed in place: lists, dictionaries and sets."""
    if type(after) is not list or len(after) != len(arguments):
        return
    for mine, new in zip(arguments, after):
        if type(mine) is not type(new) or mine == new:
            continue
        if type(mine) is list:
            mine[:] = new
        elif type(mine) in (dict, set):
            mine.clear()
            mine.update(new)


def _error_of(names, text):
    """The nearest built-in kind of exception, marked as the candidate's."""
    error = CandidateError(f"{names[0]}: {text}")
    for name in names:
        kind = getattr(builtins, str(name), None)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            continue
        try:
            if kind is not Exception:
                error = kind(text)
        except Exception:
            pass
        break
    error.is_of_candidate = True
    return error


def _proxy(name, is_entry_point):
    def call(*arguments, **keywords):
        try:
            request = {"call": name, "args": pack(list(arguments)),
                       "keywords": pack(keywords)}
        except TypeError as error:
            _say(bad=f"an argument of {name} cannot be passed on: {error}")
        answer = _ask(request)
        _State.calls += is_entry_point
        if "error" in answer:
            names = answer["error"]
            if type(names) is not list or not names:
                names = ["Exception"]
            raise _error_of(names, str(answer.get("text", "")))
        if _State.is_in_place and "after" in answer:
            _put_back(arguments, unpack(answer["after"]))
        return unpack(answer.get("value"))

    call.__name__ = name
    return call


class _Names(dict):
    """The globals of the tests: what they define; the candidate's entry point
    and what the reference lists as its helpers; what the problem itself
    defines; and the standard library. Never another name of the candidate."""

    def __init__(self, task, proxy):
        super().__init__(__name__="tests", __builtins__=builtins)
        self._task, self._proxy, self._defined = task, proxy, None
        holder, _, name = task["entry_point"].rpartition(".")
        candidate = proxy(task["entry_point"], True)
        self.entry_points = {name: candidate, "candidate": candidate}
        self.update(self.entry_points)

        class Methods:
            """The class of the entry point, as far as tests may use it."""

        setattr(Methods, name, staticmethod(candidate))
        self[holder or "Solution"] = Methods

    def __missing__(self, name):
        if hasattr(builtins, name) or name.startswith("__"):
            raise KeyError(name)
        if self._defined is None:
            self._defined = {"__name__": "problem"}
            for text in self._task["definitions"]:
                try:
                    exec(text, self._defined)
                except Exception:  # a text in words, for example
                    pass
        if name in self._defined:
            self[name] = self._defined[name]
        elif name in self._task["helpers"]:
            self[name] = self._proxy(name, False)
        elif name in sys.stdlib_module_names:
            self[name] = importlib.import_module(name)
        else:
            raise KeyError(name)
        return self[name]

    def run(self, code):
        exec(code, self)
        check = self.get("check")
        if isinstance(check, types.FunctionType) and (
                check.__globals__ is self):  # HumanEval's shape
            self.update(self.entry_points)  # not a stub of the prompt
            self.pop("check")(self["candidate"])


def _is_in_place(tree, entry_points):
    """Whether a test looks at what a call changes: it uses no result of any."""
    def is_it(node):
        return (getattr(node, "id", None) in entry_points or
                getattr(node, "attr", None) in entry_points)
    unused = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            unused.add(call.func)
            if getattr(call.func, "id", None) == "check":
                unused.update(call.args)
    uses = [node for node in ast.walk(tree) if is_it(node)]
    return bool(uses) and all(node in unused for node in uses)


def _signature(number, error):
    """Where a test failed and how, in values that can be compared."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
             if frame.filename == f"<test {number}>"]
    text = traceback.format_exception_only(type(error), error)[-1].strip()
    return [number, lines[-1] if lines else 0, text[:200]]


def _run_tests(task, trees):
    if _ask({"has": task["entry_point"]}).get("has") is not True:
        return _say(passed=0, failures=[],
                    problem=f"no function {task['entry_point']}")
    names = _Names(task, _proxy)
    passed, problem, failures = 0, "", []
    for number, tree in enumerate(trees, 1):
        before = _State.calls
        _State.is_in_place = (task["in_place"] or
                              _is_in_place(tree, names.entry_points))
        try:
            names.run(compile(tree, f"<test {number}>", "exec"))
            # A test that swallows everything has not passed by that.
            if _State.is_gone:
                raise _Gone()
            if _State.calls == before:
                _say(bad=f"test {number} does not call {task['entry_point']}")
            passed += 1
        except BaseException as error:
            if _State.is_gone:
                _say(gone=True, passed=passed)
            failure = _signature(number, error)
            if _State.calls == 0:
                _say(bad=f"test {number}: {failure[2]}, before any call")
            problem = problem or f"test {number}: {failure[2]}"
            if not (isinstance(error, AssertionError) or
                    hasattr(error, "is_of_candidate")):
                failures.append(failure)
            if not task["all"]:
                break
    _say(passed=passed, problem=problem, failures=failures)


def _main():
    with open("/box/tests.json", encoding="utf-8") as file:
        task = json.load(file)
    try:
        trees = [ast.parse(text, f"<test {number}>")
                 for number, text in enumerate(task["tests"], 1)]
        for tree in trees:
            compile(tree, "<test>", "exec")
    except (SyntaxError, ValueError) as error:
        _say(bad=f"a test is not Python: {error}")
    if "failures" in task:
        _say(bad=fails_by_itself(task, trees))
    try:
        _run_tests(task, trees)
    except _Gone:
        _say(gone=True, passed=0)


_main()
