import io
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from todo.cli import main


class CommandTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "todo.json"

    def todo(self, *arguments: str) -> tuple[int, str]:
        """The exit code and everything that was printed."""
        printed = io.StringIO()
        with redirect_stdout(printed), redirect_stderr(printed):
            code = main(["--file", str(self.file), *arguments])
        return code, printed.getvalue()

    def test_list_survives_from_one_call_to_the_next(self) -> None:
        self.todo("add", "water the plants")
        self.todo("add", "call Ada", "--due", "2026-03-01")
        self.assertEqual(
            self.todo("list"),
            (0, "  1 [ ] water the plants\n  2 [ ] call Ada  (due 2026-03-01)\n"),
        )

    def test_done_item_is_shown_only_with_all(self) -> None:
        self.todo("add", "water the plants")
        self.todo("done", "1")
        self.assertEqual(self.todo("list"), (0, "nothing to do\n"))
        self.assertEqual(self.todo("list", "--all"), (0, "  1 [x] water the plants\n"))

    def test_unreadable_file_is_an_error_and_stays_as_it_is(self) -> None:
        self.file.write_text("not JSON")
        code, printed = self.todo("add", "water the plants")
        self.assertEqual(code, 1)
        self.assertIn("cannot be read", printed)
        self.assertEqual(self.file.read_text(), "not JSON")


if __name__ == "__main__":
    unittest.main()
