"""A to-do list in one JSON file."""
