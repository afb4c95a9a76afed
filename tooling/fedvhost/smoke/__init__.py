"""What a smoke test found, as values: rows, runs, JSON, JUnit XML. Nothing here runs anything."""
