import unittest
from datetime import date

from todo.items import Item, TodoError, TodoList


class TodoListTest(unittest.TestCase):
    def setUp(self) -> None:
        self.todo = TodoList([Item("water the plants"), Item("call Ada"), Item("send the report")])

    def test_added_item_gets_the_next_number(self) -> None:
        self.assertEqual(self.todo.add("buy bread"), 4)

    def test_item_without_a_title_is_refused(self) -> None:
        with self.assertRaises(TodoError):
            self.todo.add("  ")

    def test_completed_item_is_no_longer_pending(self) -> None:
        self.todo.complete(2)
        self.assertEqual([number for number, _ in self.todo.pending()], [1, 3])

    def test_removed_item_is_returned(self) -> None:
        self.assertEqual(self.todo.remove(1).title, "water the plants")
        self.assertEqual(len(self.todo.items), 2)

    def test_only_an_undone_item_is_overdue(self) -> None:
        today = date(2026, 3, 2)
        self.assertTrue(Item("late", due=date(2026, 3, 1)).overdue(today))
        self.assertFalse(Item("late", due=date(2026, 3, 1), done=True).overdue(today))
        self.assertFalse(Item("some day").overdue(today))


if __name__ == "__main__":
    unittest.main()
