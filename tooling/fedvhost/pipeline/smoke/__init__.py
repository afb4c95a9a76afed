"""The smoke test: what is asked, of which test host, and what it answered."""
