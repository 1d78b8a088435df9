"""What is kept for how long, and how the rest goes without standing in anybody's way."""
