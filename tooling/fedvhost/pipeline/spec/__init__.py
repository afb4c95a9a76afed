"""The step ``spec``: the series in the spec, and the proofs that it is applied."""
