"""Data sets as rows for r1.cpp: JSON Lines, one problem a line. Python 3.8 or
later; Parquet and Arrow need pyarrow (pip install pyarrow), nothing else does.

    python3 r1_data.py SOURCE [SOURCE ...] > rows.jsonl      see --help

A source is a file (.parquet, .arrow, .jsonl, .json with an array, .csv, .tsv,
the texts also as .gz) or a folder of such files, as Hugging Face's datasets are
saved or stored on the hub; --split takes the files of one split.

A row is written with

    question   the problem: a text, or a list of {role, content}
    answer     the gold, if the data has one
    ...        every other column as it is, under its own name

`question` is the column --question, else the first there is of question, prompt,
problem, input and text; `answer` is the column --answer, which may be a path
like reward_model.ground_truth, else the first there is of answer,
reward_model.ground_truth (verl), ground_truth, solution, target and label; the
first row decides. A column that becomes the answer is kept under its own name,
too. Rows with nums and target and no question are Countdown's and stay as they
are. Numbers keep their value whatever their size; dates become ISO texts. What
JSON cannot hold is refused with its row and column; --drop COLUMN leaves it out.
"""
import argparse
import csv
import datetime
import decimal
import gzip
import io
import json
import math
import os
import re
import sys

QUESTIONS = ("question", "prompt", "problem", "input", "text")
ANSWERS = ("answer", "reward_model.ground_truth", "ground_truth", "solution",
           "target", "label")
TEXT_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")
SUFFIXES = TEXT_SUFFIXES + (".parquet", ".arrow")


class Refused(Exception):
    """Why a source cannot be turned into rows; shown to the user."""


# -- Writing -----------------------------------------------------------------


class Spelled(str):
    """A number as its source spells it."""


def dump(value, path):
    """A value as JSON. `path` names it in what is refused."""
    if value is None or value is True or value is False:
        return json.dumps(value)
    if isinstance(value, Spelled):
        return str(value)
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise Refused("%s: the text %r is no Unicode" % (path, value[:40]))
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (float, decimal.Decimal)):
        if not math.isfinite(value):
            raise Refused("%s: JSON has no number %s" % (path, value))
        return repr(value) if isinstance(value, float) else str(value)
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise Refused("%s: the key %r is no text" % (path, key))
        return "{%s}" % ", ".join(
            "%s: %s" % (dump(key, path), dump(item, "%s.%s" % (path, key)))
            for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(
            dump(item, "%s[%d]" % (path, i)) for i, item in enumerate(value))
    if isinstance(value, (datetime.date, datetime.time)):
        return json.dumps(value.isoformat())
    raise Refused("%s: JSON has no %s" % (path, type(value).__name__))


def _kind(value):
    return "number" if isinstance(value, Spelled) else type(value).__name__


# -- Reading -----------------------------------------------------------------


def _pyarrow(path):
    try:
        import pyarrow
    except ImportError:
        raise Refused("%s: reading it needs pyarrow: pip install pyarrow" % path)
    return pyarrow


def _plain(pyarrow, value, kind):
    """An Arrow value of this type in Python, its maps as dicts."""
    if value is None:
        return None
    types = pyarrow.types
    if types.is_map(kind):
        return {k: _plain(pyarrow, v, kind.item_type) for k, v in value}
    if types.is_struct(kind):
        return {field.name: _plain(pyarrow, value[field.name], field.type)
                for field in kind}
    if types.is_list(kind) or types.is_large_list(kind) or (
            types.is_fixed_size_list(kind)):
        return [_plain(pyarrow, v, kind.value_type) for v in value]
    return value


def _rows_of_batches(pyarrow, batches):
    for batch in batches:
        columns = []
        for i, field in enumerate(batch.schema):
            column, kind = batch.column(i), field.type
            if pyarrow.types.is_timestamp(kind):  # nanoseconds too
                kind = pyarrow.string()
                column = column.cast(kind)
            columns.append((field.name, kind, column))
        for i in range(batch.num_rows):
            row = {}
            for name, kind, column in columns:
                try:
                    row[name] = _plain(pyarrow, column[i].as_py(), kind)
                except (ValueError, OverflowError) as error:
                    raise Refused("column %s: %s" % (name, error))
            yield row


def _read_parquet(path):
    pyarrow = _pyarrow(path)
    import pyarrow.parquet
    yield from _rows_of_batches(
        pyarrow, pyarrow.parquet.ParquetFile(path).iter_batches(1024))


def _read_arrow(path):
    """Files, and the streams that Hugging Face saves."""
    pyarrow = _pyarrow(path)
    import pyarrow.ipc
    with pyarrow.OSFile(path) as file:
        is_file = file.read(6) == b"ARROW1"
        file.seek(0)
        if is_file:
            reader = pyarrow.ipc.open_file(file)
            batches = (reader.get_batch(i)
                       for i in range(reader.num_record_batches))
        else:
            batches = pyarrow.ipc.open_stream(file)
        yield from _rows_of_batches(pyarrow, batches)


def _parse(text, path):
    def refuse(name):
        raise Refused("%s: JSON has no number %s" % (path, name))
    try:
        return json.loads(text, parse_int=Spelled, parse_float=Spelled,
                          parse_constant=refuse)
    except ValueError as error:
        raise Refused("%s: no JSON: %s" % (path, error))


def _text(path):
    """A text file's content: UTF-8, or UTF-16 with its mark; or compressed."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    encoding = "utf-8-sig"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Refused("%s: not %s: %s" % (path, encoding, error))


def _read_json(path):
    """An array of rows, an object with one in it, or lines."""
    text = _text(path)
    start = text.lstrip()[:1]
    first_line = text.strip().split("\n", 1)[0].strip()
    if start == "{" and first_line != "{" and not path.endswith(".json"):
        yield from _read_lines(text, path)
        return
    if start == "{":
        try:
            whole = json.loads(text, parse_int=Spelled, parse_float=Spelled)
        except ValueError:  # lines under the name .json
            yield from _read_lines(text, path)
            return
        arrays = [v for v in whole.values() if isinstance(v, list) and v
                  and all(isinstance(row, dict) for row in v)]
        rows = arrays[0] if len(arrays) == 1 else [whole]
    else:
        rows = _parse(text, path)
    if not isinstance(rows, list):
        raise Refused("%s: expected an array of rows" % path)
    yield from rows


def _read_lines(text, path):
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _parse(line, "%s:%d" % (path, number))


def _read_table(path, delimiter):
    """Texts under the names of the first line."""
    csv.field_size_limit(1 << 30)
    reader = csv.DictReader(io.StringIO(_text(path), newline=""),
                            delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise Refused("%s:%d: expected %d fields"
                              % (path, reader.line_num, len(reader.fieldnames)))
            yield row
    except csv.Error as error:
        raise Refused("%s:%d: %s" % (path, reader.line_num, error))


def _suffix(path):
    name = path[:-3] if path.endswith(".gz") else path
    return os.path.splitext(name)[1].lower()


def _read_file(path):
    with open(path, "rb") as file:
        head = file.read(6)
    suffix = _suffix(path)
    if head[:4] == b"PAR1":
        return _read_parquet(path)
    if head == b"ARROW1" or head[:4] == b"\xff\xff\xff\xff":
        return _read_arrow(path)
    if suffix in (".csv", ".tsv"):
        return _read_table(path, "\t" if suffix == ".tsv" else ",")
    if suffix in (".jsonl", ".ndjson", ".json"):
        return _read_json(path)
    raise Refused("%s: expected one of %s" % (path, " ".join(SUFFIXES)))


def _in_split(path, folder, split):
    """train.parquet, data/train-00000-of-00002.parquet, train/data-00000.arrow:
    whether a name on the way is the split's."""
    names = re.split(r"[/\\]", os.path.relpath(path, folder))
    return any(re.match(re.escape(split) + r"([-_.].*)?$", name)
               for name in names)


def _files(folder, split):
    """The data files below a folder, in the order of their names."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith("."))
        for name in sorted(names):
            # Beside the data, Hugging Face saves these.
            if name in ("dataset_info.json", "state.json", "dataset_dict.json",
                        "dataset_infos.json"):
                continue
            if _suffix(name) in SUFFIXES and not name.startswith(("cache-", ".")):
                found.append(os.path.join(place, name))
    if split:
        chosen = [path for path in found if _in_split(path, folder, split)]
        if not chosen:
            raise Refused("%s: no file of the split %s among %s" % (
                folder, split, ", ".join(found) or "none"))
        return _of_one_folder(chosen)
    names = {re.split(r"[-_.]", os.path.basename(path))[0] for path in found}
    splits = sorted(names & {"train", "test", "validation", "valid", "dev"})
    parts = {os.path.relpath(path, folder).split(os.sep)[0] for path in found}
    splits = splits or sorted(
        parts & {"train", "test", "validation", "valid", "dev"})
    if len(splits) > 1:
        raise Refused("%s: has the splits %s: take one by --split"
                      % (folder, ", ".join(splits)))
    if not found:
        raise Refused("%s: no file with one of %s" % (folder,
                                                      " ".join(SUFFIXES)))
    return _of_one_folder(found)


def _of_one_folder(files):
    """The shards of one data set: others beside them are other ones."""
    folders = sorted({os.path.dirname(path) for path in files})
    if len(folders) > 1:
        raise Refused("there are several data sets, give the folder of one: %s"
                      % ", ".join(folders))
    return files


# -- Rows --------------------------------------------------------------------


class Columns:
    """Which columns are the question and the answer; None: there is none."""

    def __init__(self, row, question, answer):
        self.question = question or _first(row, QUESTIONS)
        self.answer = answer or _first(row, ANSWERS)
        self.is_countdown = (self.question is None and "nums" in row
                             and "target" in row)
        if self.question is None and not self.is_countdown:
            raise Refused("no column %s, only: %s; --question names it" % (
                " or ".join(QUESTIONS), ", ".join(row) or "none"))


def _look_up(row, path):
    """(whether it is there, value) of a column, or of a path into one."""
    if path in row:
        return True, row[path]
    name, _, rest = path.partition(".")
    if rest and isinstance(row.get(name), dict):
        return _look_up(row[name], rest)
    return False, None


def _first(row, names):
    """The first name that the row has a value of."""
    return next((n for n in names if _look_up(row, n)[1] is not None), None)


def _must(row, path):
    is_there, value = _look_up(row, path)
    if not is_there:
        raise Refused("no column %s, only: %s"
                      % (path, ", ".join(row) or "none"))
    return value


def convert(row, columns):
    """A row of the source as one of r1's; raises Refused."""
    if columns.is_countdown:
        return row
    problem = _must(row, columns.question)
    if not isinstance(problem, (str, list)) or isinstance(problem, Spelled):
        raise Refused("%s: expected a text or a list of messages, got %s"
                      % (columns.question, _kind(problem)))
    out = {"question": problem}
    if columns.answer is not None:
        out["answer"] = _must(row, columns.answer)
    for name, value in row.items():
        if name == columns.question:
            continue
        if name in out and name != columns.answer:
            raise Refused("the column %s would be lost beside %s: --drop it, or "
                          "take it by --%s"
                          % (name, getattr(columns, name), name))
        out[name] = value
    return out


def _convert_all(args, output):
    """The number of rows written."""
    count, columns = 0, None
    for source in args.sources:
        if not os.path.exists(source):
            raise Refused("%s: there is no such file" % source)
        files = _files(source, args.split) if os.path.isdir(source) else [source]
        for path in files:
            for number, row in enumerate(_read_file(path), 1):
                try:
                    if not isinstance(row, dict):
                        raise Refused("expected an object, got %s" % _kind(row))
                    for name in args.drop:
                        row.pop(name, None)
                    columns = columns or Columns(row, args.question, args.answer)
                    line = ", ".join(
                        "%s: %s" % (dump(name, name), dump(value, name))
                        for name, value in convert(row, columns).items())
                except Refused as reason:
                    raise Refused("%s, row %d: %s" % (path, number, reason))
                output.write(("{%s}\n" % line).encode("utf-8"))
                count += 1
    return count


def main():
    parser = argparse.ArgumentParser(
        prog="r1_data.py",
        description="Writes data sets as rows for r1: JSON Lines.")
    parser.add_argument("sources", metavar="SOURCE", nargs="+",
                        help="a file or a folder")
    parser.add_argument("--split", metavar="NAME", default="",
                        help="of folders, the files of this split alone")
    parser.add_argument("--question", metavar="COLUMN", default="",
                        help="the column of the problem")
    parser.add_argument("--answer", metavar="COLUMN", default="",
                        help="the column of the gold, or a path into one")
    parser.add_argument("--drop", metavar="COLUMN", action="append", default=[],
                        help="leave a column out; may be repeated")
    parser.add_argument("--output", metavar="FILE", default="-",
                        help="where the rows go; default: standard output")
    args = parser.parse_args()
    try:
        if args.output == "-":
            count = _convert_all(args, sys.stdout.buffer)
            sys.stdout.flush()
        else:
            temporary = args.output + ".part"
            with open(temporary, "wb") as output:
                count = _convert_all(args, output)
            os.replace(temporary, args.output)
    except (Refused, OSError) as reason:
        sys.exit("r1_data.py: %s" % reason)
    print("%d rows" % count, file=sys.stderr)


if __name__ == "__main__":
    main()
