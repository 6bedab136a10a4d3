"""r1_data.py: what it makes of every kind of source. What needs pyarrow is
skipped, and counted, where it is not there."""
import gzip
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.join(HERE, "..", "..", "..", "reward", "plugin", "python",
                      "r1_data.py")
HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None


class R1DataTest(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)

    def path(self, name):
        path = os.path.join(self._folder.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def write(self, name, content):
        data = content if isinstance(content, bytes) else content.encode()
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def run_script(self, *arguments):
        return subprocess.run(
            [sys.executable, SCRIPT, *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8")

    def lines(self, *arguments):
        done = self.run_script(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def refusal(self, *arguments):
        done = self.run_script(*arguments)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def test_numbers_of_an_array_keep_their_spelling(self):
        path = self.write("a.json", """[
            {"question": "q", "answer": 18446744073709551616,
             "x": [0.00002, 1e22, 1.50, {"b": -1E-7, "a": null}], "t": true},
            {"question": "\\u00fc\\n\\"", "answer": "7", "x": [], "t": {}}]""")
        self.assertEqual(self.lines(path), [
            '{"question": "q", "answer": 18446744073709551616, '
            '"x": [0.00002, 1e22, 1.50, {"b": -1E-7, "a": null}], "t": true}',
            '{"question": "\u00fc\\n\\"", "answer": "7", "x": [], "t": {}}'])

    def test_verls_columns(self):
        row = {"data_source": "gsm8k",
               "prompt": [{"role": "user", "content": "q"}],
               "reward_model": {"style": "rule", "ground_truth": "72"},
               "extra_info": {"index": 0}}
        path = self.write("a.jsonl", json.dumps(row))
        line, = self.lines(path)
        self.assertEqual(list(json.loads(line)), [
            "question", "answer", "data_source", "reward_model", "extra_info"])
        self.assertEqual(json.loads(line)["question"], row["prompt"])
        self.assertEqual(json.loads(line)["answer"], "72")
        self.assertEqual(json.loads(line)["reward_model"], row["reward_model"])

    def test_columns_can_be_chosen(self):
        path = self.write("a.jsonl", '{"problem": "p", "prompt": "t", '
                          '"meta": {"gold": 7}, "solution": "s", "id": 1}')
        self.assertEqual(self.lines(path), [
            '{"question": "t", "answer": "s", "problem": "p", '
            '"meta": {"gold": 7}, "solution": "s", "id": 1}'])
        self.assertEqual(
            self.lines(path, "--question", "problem", "--answer", "meta.gold",
                       "--drop", "solution", "--drop", "id"),
            ['{"question": "p", "answer": 7, "prompt": "t", '
             '"meta": {"gold": 7}}'])
        self.assertIn("no column gold, only: problem",
                      self.refusal(path, "--answer", "gold"))

    def test_countdown_rows_stay(self):
        path = self.write("a.jsonl", '{"nums": [1, 2], "target": 3}\n')
        self.assertEqual(self.lines(path), ['{"nums": [1, 2], "target": 3}'])

    def test_tables_are_texts(self):
        self.assertEqual(
            self.lines(self.write("a.csv", '\ufeffquestion,answer\r\n'
                                  '"a, ""b""\nc",007\r\n')),
            ['{"question": "a, \\"b\\"\\nc", "answer": "007"}'])
        self.assertEqual(
            self.lines(self.write("a.tsv", "question\tanswer\nq\t1.50\n")),
            ['{"question": "q", "answer": "1.50"}'])
        self.assertIn("a.csv:2: expected 2 fields",
                      self.refusal(self.write("a.csv", "question,answer\nq\n")))

    def test_other_texts(self):
        row = '{"question": "\u00fc", "answer": "7"}'
        for name, data in [
                ("a.jsonl", row.encode("utf-16")),
                ("a.jsonl.gz", gzip.compress((row + "\n\n").encode())),
                ("a.json", b"\xef\xbb\xbf" + row.encode()),
                ("a.json", ("{\n\"data\": [" + row + "]}").encode()),
                ("a.json", (row + "\n").encode()),
                ("a.ndjson", row.encode())]:
            self.assertEqual(self.lines(self.write(name, data)), [row], name)

    def test_folders_and_splits(self):
        row = '{"question": "%s", "answer": "7"}'
        self.write("hub/data/train-00000-of-00002.jsonl", row % "a")
        self.write("hub/data/train-00001-of-00002.jsonl", row % "b")
        self.write("hub/data/test-00000-of-00001.jsonl", row % "c")
        self.write("hub/dataset_infos.json", "{}")
        self.write("hub/README.md", "words")
        hub = self.path("hub/")
        self.assertIn("has the splits test, train", self.refusal(hub))
        self.assertEqual(self.lines(hub, "--split", "train"),
                         [row % "a", row % "b"])
        self.assertEqual(self.lines(hub, "--split", "test"), [row % "c"])
        self.assertIn("no file of the split dev",
                      self.refusal(hub, "--split", "dev"))
        self.write("two/main/train.jsonl", row % "a")
        self.write("two/socratic/train.jsonl", row % "b")
        self.assertIn("several data sets", self.refusal(self.path("two/")))

    def test_what_json_cannot_hold_is_named(self):
        for content, part in [
                ('{"question": "q", "x": NaN}', "JSON has no number NaN"),
                ('{"question": "q", "x": "\\ud800"}', "row 1: x: the text"),
                ('{"question": 7}', "question: expected a text"),
                ('{"q": "x"}', "no column question or prompt"),
                ('{"question": "q"', "a.jsonl:1: no JSON"),
                ('[[1]]', "expected an object, got list"),
                ('[7]', "expected an object, got number"),
                ('{"question": "q", "answer": "7", "prompt": "x"}\n'
                 '{"question": "q"}', "row 2: no column answer")]:
            self.assertIn(part, self.refusal(self.write("a.jsonl", content)),
                          content)
        self.assertIn("no such file", self.refusal(self.path("absent")))
        self.assertIn("expected one of", self.refusal(self.write("a.xyz", "x")))

    def test_output_is_whole_or_not_there(self):
        good = self.write("a.jsonl", '{"question": "q"}\n')
        out = self.path("out.jsonl")
        self.assertEqual(self.lines(good, "--output", out), [])
        with open(out, encoding="utf-8") as file:
            self.assertEqual(file.read(), '{"question": "q"}\n')
        bad = self.write("b.jsonl", '{"question": "q"}\n[]')
        self.refusal(bad, "--output", out)
        with open(out, encoding="utf-8") as file:
            self.assertEqual(file.read(), '{"question": "q"}\n')

    @unittest.skipIf(HAS_PYARROW, "needs a Python without pyarrow")
    def test_without_pyarrow(self):
        self.assertIn("needs pyarrow: pip install pyarrow",
                      self.refusal(self.write("a.parquet", b"PAR1")))

    @unittest.skipUnless(HAS_PYARROW, "needs pyarrow")
    def test_parquet_and_arrow(self):
        import decimal
        import pyarrow
        import pyarrow.parquet
        table = pyarrow.Table.from_pylist([{
            "prompt": [{"content": "q", "role": "user"}],
            "reward_model": {"ground_truth": "72", "style": "rule"},
            "extra_info": {"z": 1, "a": None},
            "big": 2 ** 63 - 1, "small": 1e-7,
            "exact": decimal.Decimal("12345678901234567890123.50")}])
        row = ('{"question": [{"content": "q", "role": "user"}], '
               '"answer": "72", '
               '"reward_model": {"ground_truth": "72", "style": "rule"}, '
               '"extra_info": {"z": 1, "a": null}, '
               '"big": 9223372036854775807, "small": 1e-07, '
               '"exact": 12345678901234567890123.50}')
        pyarrow.parquet.write_table(table, self.path("a.parquet"))
        self.assertEqual(self.lines(self.path("a.parquet")), [row])
        for kind in ("new_file", "new_stream"):
            path = self.path("set/train/data-00000-of-00001.arrow")
            with pyarrow.OSFile(path, "wb") as file:
                with getattr(pyarrow.ipc, kind)(file, table.schema) as writer:
                    writer.write_table(table)
            self.write("set/train/state.json", "{}")
            self.assertEqual(self.lines(self.path("set/")), [row])

    @unittest.skipUnless(HAS_PYARROW, "needs pyarrow")
    def test_what_parquet_holds_and_json_does_not(self):
        import pyarrow
        import pyarrow.parquet
        nanoseconds = pyarrow.array([1], pyarrow.timestamp("ns"))
        pairs = pyarrow.array([[("a", 1)]],
                              pyarrow.map_(pyarrow.string(), pyarrow.int64()))
        path = self.path("a.parquet")
        pyarrow.parquet.write_table(pyarrow.table({
            "question": ["q"], "time": nanoseconds, "pairs": pairs,
            "image": [b"\0"], "nan": [float("nan")]}), path)
        self.assertIn("a.parquet, row 1: image: JSON has no bytes",
                      self.refusal(path, "--drop", "nan"))
        self.assertIn("row 1: nan: JSON has no number nan",
                      self.refusal(path, "--drop", "image"))
        self.assertEqual(
            self.lines(path, "--drop", "image", "--drop", "nan"),
            ['{"question": "q", "time": "1970-01-01 00:00:00.000000001", '
             '"pairs": {"a": 1}}'])


if __name__ == "__main__":
    unittest.main()
