"""Rewards in Python for r1.cpp. Python 3.8 or later, standard library alone.

    python3 r1_reward.py FILE.py FUNCTION [see --help]

serves a function written for TRL,

    f(prompts, completions, **columns) -> [number or None, ...]

where a column is a list with one field of each sample's row, or for verl,

    f(data_source, solution_str, ground_truth, extra_info) -> number or dict
    f(data_sources, solution_strs, ground_truths, extra_infos) -> list of them

with the number as "score" of the dict. In a file of your own,

    from r1_reward import serve
    serve(lambda item: len(item["completion"]) / 1000, version="1.0")

All may be `async def`. A result is a number; None where the function is not for
this sample; (number, why); or a dict with "score", whose other numbers, and
those of log_metric and log_extra, are metrics, and whose "pred" is the answer
found. What raises, is not finite, or is of the wrong type or count is an error
of its samples; so is a row without a column that the function requires. To
abstain, as where a reference is unusable, raise Abstain("why"). The
configuration's options are keyword arguments, those that have a default, and
are converted to its type; one that there is not is refused.

r1 starts such a program and speaks with it by lines of JSON on its standard
input and output; what it prints goes to standard error.
"""
import sys

if __name__ == "__main__":
    sys.path.append(sys.path.pop(0))  # no file beside this one hides a module
    sys.modules["r1_reward"] = sys.modules["__main__"]

import argparse
import importlib.util
import inspect
import itertools
import json
import math
import os
import re
import select
import types

MOST_ITEMS = 32  # of one batch


class Refused(Exception):
    """Why this program does not serve; r1 shows it to the user."""


class Abstain(Exception):
    """Why no completion could be judged: the row is unusable."""


class MissingColumn(Exception):
    """A row has not what the function requires."""


class WrongCount(Exception):
    """Not one result for each completion."""


def serve(score, *, version="", range=(0, 1), deterministic=False,
          compares_samples=False):
    """Serves score(item) until r1 ends. The item is a dict: prompt, completion,
    reference (a dict), group, completion_tokens, is_truncated, max_new_tokens,
    step. With `compares_samples` it is score(items), the samples of one prompt,
    and gives a list. The scores are within the range; `deterministic` promises
    equal scores for equal items."""
    def load(texts):
        options = _options(score, texts, ("item", "items"))
        judge = _one_by_one(lambda item: score(item, **options))
        if compares_samples:
            judge = _in_groups([lambda items: (
                score(items, **options), [{}] * len(items))])
        return judge, {
            "version": version, "range": list(range),
            "deterministic": deterministic,
            "compares_samples": compares_samples}

    _serve(load, MOST_ITEMS)


def _serve(load, most_items):
    """load(texts of the options) gives the judge, which is called with a list
    of items and yields (item, outcome) for each, and the description."""
    lines = _Lines()
    hello = lines.read()
    if hello is None:
        return
    try:
        judge, description = load(hello["options"])
    except Refused as reason:
        lines.write({"error": _text(reason)})
        return
    lines.write(description)
    while True:
        items = lines.read_batch(most_items)
        if not items:
            return
        for item, outcome in judge(items):
            lines.write(_result(item, outcome))


class _Lines:
    """Keeps standard input and output to itself: others read nothing, and what
    they print goes to standard error."""

    def __init__(self):
        self._input, self._output = os.dup(0), os.dup(1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        sys.stdout.reconfigure(line_buffering=True)
        self._arrived = b""

    def read(self):
        """The next object; None at the end of the input."""
        parts = []
        while b"\n" not in self._arrived:
            parts.append(self._arrived)
            self._arrived = os.read(self._input, 1 << 16)
            if not self._arrived:
                return None
        end, self._arrived = self._arrived.split(b"\n", 1)
        return json.loads(b"".join(parts) + end)

    def read_batch(self, most_items):
        """What has arrived: one item at least, and whole groups. Nothing at the
        end of the input."""
        items, missing = [], 0
        while len(items) < most_items or missing > 0:
            if items and missing == 0 and not self._has_more():
                break
            item = self.read()
            if item is None:
                return items if missing == 0 else []
            items.append(item)
            missing = (missing or item["group_size"]) - 1
        return items

    def write(self, line):
        data = json.dumps(line).encode() + b"\n"
        while data:
            data = data[os.write(self._output, data):]

    def _has_more(self):
        return self._arrived or select.select([self._input], [], [], 0)[0]


def _result(item, outcome):
    """The line for an item: of a number, None, (number, why), a dict with
    "score", or an exception."""
    line = {"id": item["id"]}
    try:
        if isinstance(outcome, BaseException):
            raise outcome
        detail = []
        if isinstance(outcome, dict):
            others = dict(outcome)
            if "score" not in others:
                raise KeyError("expected \"score\" in the dict, got only: %s"
                               % (", ".join(map(str, others)) or "nothing"))
            outcome = others.pop("score")
            numbers = {name: _attempt(_number, value)
                       for name, value in others.items()}
            line["metrics"] = {str(name): number
                               for name, number in numbers.items()
                               if isinstance(number, float)}
            if others.get("pred") is not None:
                line["extracted"] = _text(others["pred"])
            detail = ["%s: %s" % pair for pair in others.items()
                      if not isinstance(numbers[pair[0]], float)]
        if isinstance(outcome, tuple):
            outcome, why = outcome
            detail.insert(0, str(why))
        if outcome is None:
            line["kind"] = "not_applicable"
        else:
            line["score"] = _number(outcome)
        return dict(line, detail=_text(", ".join(filter(None, detail))))
    except Abstain as reason:
        kind, detail = "abstain", _text(reason)
    except BaseException as error:
        kind, detail = "error", _why(error)
    return {"id": item["id"], "kind": kind, "detail": detail}


def _number(value):
    if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        raise TypeError("expected a number or None, got %r" % (value,))
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("expected a finite number, got %r" % number)
    return number


def _text(value):
    """A short text; what is not Unicode is replaced."""
    return str(value)[:400].encode("utf-8", "replace").decode("utf-8")


def _why(error):
    """"ValueError: no such thing (mine.py:12)"."""
    text = type(error).__name__ + (": %s" % error if str(error) else "")
    trace, place = error.__traceback__, ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file != __file__:
            place = " (%s:%d)" % (os.path.basename(file), trace.tb_lineno)
        trace = trace.tb_next
    return _text(text[:300]) + place


def _attempt(function, *args):
    """What the function gives, or raises."""
    try:
        return function(*args)
    except Exception as error:
        return error


_loop = None


def _together(awaitables):
    """What each gives, or raises."""
    import asyncio
    global _loop
    if _loop is None:  # one for all calls: clients keep their connections
        _loop = asyncio.new_event_loop()
        asyncio.set_event_loop(_loop)

    async def gather():
        return await asyncio.gather(*awaitables, return_exceptions=True)

    return _loop.run_until_complete(gather())


def _one_by_one(call):
    """A judge that calls call(item); what is awaitable is awaited together."""
    def judge(items):
        waiting = []
        for item in items:
            outcome = _attempt(call, item)
            if inspect.isawaitable(outcome):
                waiting.append((item, outcome))
            else:
                yield item, outcome
        if waiting:
            items, awaitables = zip(*waiting)
            yield from zip(items, _together(awaitables))
    return judge


def _outcomes(calls, items):
    """What calls[0] gives for the items, or raises. calls[1], if there is one,
    gives messages in place of texts, and stays if that was what was wanted."""
    outcomes = _attempt(_list_of, calls[0], items)
    if len(calls) > 1 and re.search(
            "string indices must be integers|'str' object has no attribute "
            "'(get|items|keys|values)'", str(outcomes)):
        print("r1_reward.py: the function reads messages, so it gets them; "
              "--chat no would give texts", file=sys.stderr)
        del calls[0]
        outcomes = _attempt(_list_of, calls[0], items)
    elif isinstance(outcomes, list):
        del calls[1:]
    return outcomes


def _list_of(call, items):
    """call(items), which is one outcome an item; raises for anything else."""
    returned, notes = call(items)
    if inspect.isawaitable(returned):
        returned, = _together([returned])
        if isinstance(returned, BaseException):
            raise returned
    wanted = "expected a list of %d numbers, one a completion" % len(items)
    if isinstance(returned, (str, bytes, dict, set, frozenset)):
        raise TypeError("%s, got %.100r" % (wanted, returned))
    try:
        results = iter(returned)
    except TypeError:
        raise TypeError("%s, got %.100r" % (wanted, returned)) from None
    outcomes = list(itertools.islice(results, len(items) + 1))
    if len(outcomes) != len(items):
        more = " or more" if len(outcomes) > len(items) else ""
        raise WrongCount("%s, got %d%s: %.100r"
                         % (wanted, len(outcomes), more, outcomes))
    return [{**note, **(outcome if isinstance(outcome, dict)
                        else {"score": outcome})}
            for outcome, note in zip(outcomes, notes)]


def _in_groups(calls, lacks=lambda item: None):
    """A judge of whole prompts; if a call fails, so do all its items. calls: as
    of _outcomes; lacks(item): as of _in_batches."""
    def judge(items):
        while items:
            size = items[0]["group_size"]
            group, items = items[:size], items[size:]
            outcomes = lacks(group[0]) or _outcomes(calls, group)
            if isinstance(outcomes, Exception):
                outcomes = [outcomes] * len(group)
            yield from zip(group, outcomes)
    return judge


def _in_batches(calls, lacks):
    """A judge of items of one step and with the same columns; if a call fails,
    there is one for each item, so that those that cause it pay alone. calls: as
    of _outcomes; lacks(item): an exception for an item that cannot be judged,
    or None.

    One result for all completions looks right where there is one: until a call
    had its count right, and where one had not, an item is given twice."""
    counts_well = False

    def alike(item):
        return item["step"], sorted(item["reference"])

    def judge(items):
        nonlocal counts_well
        for _, batch in itertools.groupby(items, key=alike):
            batch = list(batch)
            problem = lacks(batch[0])
            if problem:
                yield from ((item, problem) for item in batch)
                continue
            outcomes = None
            if counts_well or len(batch) > 1:
                outcomes = _outcomes(calls, batch)
            if isinstance(outcomes, list):
                counts_well |= len(batch) > 1
                yield from zip(batch, outcomes)
                continue
            is_twice = not counts_well or isinstance(outcomes, WrongCount)
            for item in batch:
                outcomes = _outcomes(calls, [item] * (1 + is_twice))
                if isinstance(outcomes, list):
                    counts_well |= is_twice
                    outcomes = outcomes[0]
                yield item, outcomes
    return judge


def _named(function):
    """The parameters that can be given by name, and whether it takes more."""
    parameters = inspect.signature(function).parameters.values()
    named = {p.name: p for p in parameters
             if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return named, any(p.kind == p.VAR_KEYWORD for p in parameters)


def _options(function, texts, not_options):
    """The texts of the options as arguments of the function."""
    named, _ = _named(function)
    known = [p.name for p in named.values()
             if p.default is not p.empty and p.name not in not_options]
    values = {}
    for name, text in texts.items():
        if name not in known:
            raise Refused("unknown option \"%s\": expected %s"
                          % (name, ", ".join(known) or "none"))
        default = named[name].default
        try:
            if isinstance(default, bool):
                values[name] = {"true": True, "false": False}[text]
            elif isinstance(default, (int, float)):
                values[name] = type(default)(text)
            else:
                values[name] = text
        except (KeyError, ValueError):
            raise Refused("option \"%s\": expected %s, got \"%s\""
                          % (name, type(default).__name__, text))
    return values


_TRL = ("prompts", "completions", "completion_ids", "trainer_state",
        "log_extra", "log_metric")
_VERL = ("data_source", "solution_str", "ground_truth", "extra_info")
_VERL_BATCH = ("data_sources", "solution_strs", "ground_truths", "extra_infos")
_STYLES = {"trl": _TRL, "verl": _VERL, "verl-batch": _VERL_BATCH}


def _style(function, args):
    if args.style:
        return args.style
    named, _ = _named(function)
    for style, sign in (("verl", "solution_str"),
                        ("verl-batch", "solution_strs"),
                        ("trl", "completions")):
        if sign in named:
            return style
    raise Refused(
        "%s(%s): expected TRL's (prompts, completions, **columns) or verl's "
        "(data_source, solution_str, ground_truth, extra_info); --style %s "
        "says which" % (args.function, ", ".join(named), " or ".join(_STYLES)))


def _reads_messages(function):
    """Whether its text has something like completion[0]["content"]."""
    function = getattr(function, "func", function)  # of functools.partial
    if not inspect.isroutine(function):
        function = type(function)
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        return False
    return re.search(r"""\[-?[01]\]\[["']content["']\]""", text) is not None


def _trl_lacks(function, options):
    """lacks(item): whether its row has the columns that the function requires,
    those of its parameters that have no default and are not TRL's own."""
    named, _ = _named(function)
    if "completion_ids" in named and (
            named["completion_ids"].default is inspect.Parameter.empty):
        raise Refused("it needs completion_ids: r1 gives texts, no tokens")
    required = [p.name for p in named.values()
                if p.default is p.empty and p.name not in _TRL
                and p.name not in options]

    def lacks(item):
        missing = [n for n in required if n not in item["reference"]]
        if not missing:
            return None
        return MissingColumn(
            "%s requires the column %s, the row has only: %s"
            % (getattr(function, "__name__", "the function"),
               ", ".join(missing), ", ".join(item["reference"]) or "none"))
    return lacks


def _trl_call(function, options, is_chat):
    """call(items) by TRL's convention; all items have the same columns."""
    named, takes_all = _named(function)

    def messages(role, texts):
        return ([[{"role": role, "content": text}] for text in texts]
                if is_chat else texts)

    def call(items):
        notes = [{} for _ in items]

        def log_extra(column, values):
            if len(values) != len(items):
                raise WrongCount("log_extra(%r): expected %d values, got %d"
                                 % (column, len(items), len(values)))
            for note, value in zip(notes, values):
                note[column] = value

        arguments = {name: [item["reference"][name] for item in items]
                     for name in items[0]["reference"] if name not in _TRL}
        arguments.update(
            prompts=messages("user", [item["prompt"] for item in items]),
            completions=messages(
                "assistant", [item["completion"] for item in items]),
            trainer_state=types.SimpleNamespace(global_step=items[0]["step"]),
            log_extra=log_extra,
            log_metric=lambda name, value: log_extra(
                name, [value] * len(items)))
        arguments = {name: value for name, value in arguments.items()
                     if name in named or takes_all}
        return function(**{**arguments, **options}), notes
    return call


def _verl_arguments(item, data_source):
    """verl's four of an item, in their order."""
    fields = dict(item["reference"])
    source = fields.pop("data_source", data_source)
    model = fields.get("reward_model")
    inner = model if isinstance(model, dict) else {}
    # As verl has it, as r1_data.py writes it, as r1 names it.
    truth = next((place[key] for place, key in (
        (fields, "ground_truth"), (inner, "ground_truth"),
        (fields, "answer")) if key in place), fields)
    return source, item["completion"], truth, fields.get("extra_info", fields)


def _verl_calls(function, options, names, data_source):
    """call(item), or call(items) for the names of batches, by verl's
    convention."""
    named, takes_all = _named(function)
    unknown = [p.name for p in named.values()
               if p.default is p.empty and p.name not in names]
    if unknown:
        raise Refused("it requires %s: verl's functions take %s; give others a "
                      "default" % (", ".join(unknown), ", ".join(names)))

    def given(values):
        return dict({n: v for n, v in zip(names, values)
                     if n in named or takes_all}, **options)

    def call(item):
        return function(**given(_verl_arguments(item, data_source)))

    def call_batch(items):
        columns = zip(*(_verl_arguments(item, data_source) for item in items))
        return function(**given(map(list, columns))), [{}] * len(items)

    return call_batch if names is _VERL_BATCH else call


def _load_file(path, name):
    """The module of a file, and its function."""
    if not os.path.isfile(path) or not path.endswith(".py"):
        raise Refused("%s: expected a file NAME.py" % path)
    sys.path.append(os.path.dirname(os.path.abspath(path)))
    module_name = os.path.splitext(os.path.basename(path))[0]
    while module_name in sys.modules:
        module_name += "_"
    spec = importlib.util.spec_from_file_location(module_name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise Refused("%s: %s" % (path, _why(error)))
    function = getattr(module, name, None)
    if not callable(function):
        functions = [n for n, v in vars(module).items()
                     if inspect.isfunction(v) and v.__module__ == module_name]
        raise Refused("%s has no function \"%s\", only %s"
                      % (path, name, ", ".join(functions) or "none"))
    return module, function


def _load(args, texts):
    module, function = _load_file(args.file, args.function)
    style = _style(function, args)
    names = _STYLES[style]
    if style != "trl" and args.groups:
        raise Refused("--groups: verl's functions judge one sample")
    options = _options(function, {**dict(args.set), **texts}, names)
    if style == "verl":
        judge = _one_by_one(
            _verl_calls(function, options, names, args.data_source))
    elif style == "verl-batch":
        judge = _in_batches(
            [_verl_calls(function, options, names, args.data_source)],
            lambda item: None)
    else:
        forms = {"no": [False], "yes": [True], "auto": [False, True]}[args.chat]
        if args.chat == "auto" and _reads_messages(function):
            forms = [True]
        judges = _in_groups if args.groups else _in_batches
        judge = judges(
            [_trl_call(function, options, is_chat) for is_chat in forms],
            _trl_lacks(function, options))
    return judge, {
        "version": str(getattr(module, "__version__", "")),
        "range": args.range, "deterministic": args.deterministic,
        "compares_samples": args.groups}


def _main():
    parser = argparse.ArgumentParser(
        prog="r1_reward.py", description="Serves a reward function to r1.")
    parser.add_argument("file", metavar="FILE.py")
    parser.add_argument("function", metavar="FUNCTION")
    parser.add_argument(
        "--style", choices=tuple(_STYLES),
        help="how the function is called; default: by its parameters")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[],
        type=lambda text: text.split("=", 1) if "=" in text else parser.error(
            "--set %s: expected KEY=VALUE" % text),
        help="an option, where the configuration gives none; may be repeated")
    parser.add_argument(
        "--range", nargs=2, type=float, metavar=("LOWEST", "HIGHEST"),
        default=(-sys.float_info.max, sys.float_info.max),
        help="the scores it may give; others are errors")
    parser.add_argument("--deterministic", action="store_true",
                        help="promise equal scores for equal samples")
    parser.add_argument(
        "--batch", type=int, default=MOST_ITEMS, metavar="N",
        help="most samples of one call (%(default)s)")
    parser.add_argument(
        "--groups", action="store_true",
        help="TRL: call it with all samples of one prompt, which it compares")
    parser.add_argument(
        "--chat", nargs="?", choices=("auto", "yes", "no"), const="yes",
        default="auto",
        help="TRL: prompts and completions as lists of messages, not as texts; "
        "default: if the function reads messages")
    parser.add_argument(
        "--data-source", metavar="NAME", default="",
        help="verl: data_source of a sample whose reference has none")
    args = parser.parse_args()
    _serve(lambda texts: _load(args, texts), args.batch)


if __name__ == "__main__":
    _main()
