"""What makes a package of a spec: rpm and patch, driven."""
