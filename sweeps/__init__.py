"""What to try, what happened, what it means. See README.md in this folder."""
