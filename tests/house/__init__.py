"""Rules of the house, as tests: what the code may look like, and that the documents tell the truth."""
