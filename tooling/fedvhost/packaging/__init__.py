"""rpm's part: evaluating specs, proving that patches are applied, running %prep, source archives."""
