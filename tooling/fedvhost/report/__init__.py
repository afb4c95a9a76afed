"""Results as a person reads them. Nothing here decides anything, and nothing prints."""
