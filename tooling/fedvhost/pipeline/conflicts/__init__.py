"""What a plan could not settle: prepared for a person or a resolver, taken up again, and kept."""
