"""One module a page; each has `show`, which writes it."""
